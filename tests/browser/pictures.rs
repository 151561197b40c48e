//! Makes the README's pictures; `cargo xtask pictures` runs it.

use std::path::Path;

use acceptance::server::Server;
use acceptance::{browser, fixture};

fn main() {
    let mut server = Server::start();
    let debian = fixture::debian_tar();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/pictures");
    std::fs::create_dir_all(&pictures).expect("folder");
    let [debian, pictures] = [debian, pictures].map(|path| {
        let path = path.canonicalize().expect("path");
        path.to_str().expect("utf-8").to_owned()
    });
    let environment = [
        ("ORLOP_DEBIAN", debian.as_str()),
        ("ORLOP_PICTURES", pictures.as_str()),
    ];
    browser::run(&mut server, "pictures", &environment);
}
