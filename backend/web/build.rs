//! Makes cargo notice a new or changed asset: rust-embed alone misses new files.

fn main() {
    println!("cargo::rerun-if-changed=../../static");
    println!("cargo::rerun-if-changed=../../frontend/templates");
}
