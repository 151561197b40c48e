//! The console in a real browser: one test for each spec of `tests/browser/specs`.

use std::fs;
use std::path::PathBuf;

use acceptance::browser;
use acceptance::fixture::{self, busybox_tar};
use acceptance::server::Server;

/// A root file system of busybox as a file, for an upload.
fn busybox_file(server: &Server) -> PathBuf {
    let path = server.folder().join("busybox.tar");
    fs::write(&path, busybox_tar()).expect("file");
    path
}

#[test]
fn every_core_action_works_without_scripts() {
    let mut server = Server::start();
    let busybox = busybox_file(&server);
    browser::run(
        &mut server,
        "plain",
        &[("ORLOP_BUSYBOX", busybox.to_str().expect("utf-8"))],
    );
}

/// A server that has busybox, for a spec that is not about images.
fn run_with_busybox(spec: &str) {
    let mut server = Server::start();
    fixture::import_busybox(&server);
    browser::run(&mut server, spec, &[]);
}

#[test]
fn what_is_wrong_is_said_beside_its_field() {
    run_with_busybox("refusals");
}

#[test]
fn logs_follow_and_survive_the_death_of_the_server() {
    run_with_busybox("logs");
}

#[test]
fn the_tour_from_sign_up_to_a_container_of_a_built_image() {
    let mut server = Server::start();
    let debian = fixture::debian_tar();
    let debian = debian.canonicalize().expect("path");
    let debian = debian.to_str().expect("utf-8");
    browser::run(&mut server, "tour", &[("ORLOP_DEBIAN", debian)]);
}

#[test]
fn terminals_outlive_the_page_the_window_and_the_server() {
    run_with_busybox("terminal");
}

#[test]
fn lists_and_containers_stay_true_and_every_button_works() {
    run_with_busybox("live");
}

#[test]
fn builds_and_jobs_are_live_and_can_be_cancelled() {
    let mut server = Server::start();
    fixture::import_busybox(&server);
    let busybox = busybox_file(&server);
    browser::run(
        &mut server,
        "work",
        &[("ORLOP_BUSYBOX", busybox.to_str().expect("utf-8"))],
    );
}

#[test]
fn a_debian_base_image_is_bootstrapped_on_the_host() {
    browser::run(&mut Server::start(), "bootstrap", &[]);
}

#[test]
fn strangers_and_hostile_texts_get_nowhere() {
    run_with_busybox("trust");
}

#[test]
fn an_empty_console_is_accessible_in_both_themes_and_fits_a_phone() {
    browser::run(&mut Server::start(), "looks", &[]);
}

#[test]
fn a_busy_console_is_accessible_in_both_themes_and_fits_a_phone() {
    run_with_busybox("busy");
}
