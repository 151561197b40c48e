//! `orlop oci`: runc's command line over bundles, as Podman and containerd use it.

mod crash;
mod hooks;
mod inside;
mod lifecycle;
mod podman;
mod refused;
mod terminal;
