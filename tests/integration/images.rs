//! Images: import, load, pull, names, removal.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use acceptance::client::run;
use acceptance::fixture::{self, busybox_tar};
use acceptance::registry::{Registry, write_oci_layout};
use acceptance::server::Server;
use acceptance::wait;

/// A `docker save` archive of one layer and an OCI layout of the same, made from a tar.
fn archives(folder: &Path) -> (String, String) {
    let layer = busybox_tar();
    let layout = folder.join("oci");
    write_oci_layout(&layout, &layer);
    let oci = format!("oci:{}:busybox:1", layout.display());
    let saved = format!(
        "docker-archive:{}/saved.tar:docker.io/library/busybox:1",
        folder.display()
    );
    let mut command = Command::new("skopeo");
    run(
        command.args(["--insecure-policy", "copy", &oci, &saved]),
        b"",
    )
    .ok();
    (oci, saved)
}

fn pipe(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(program);
    let mut stdin = child.stdin.take().expect("piped");
    let bytes = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).expect("write"));
    let output = child.wait_with_output().expect("wait");
    writer.join().expect("writer");
    output.stdout
}

#[test]
fn a_root_file_system_is_imported_in_every_compression_and_shares_its_layer() {
    let server = Server::start();
    let tar = busybox_tar();
    let file = server.folder().join("root.tar");
    for (name, program) in [
        ("plain", None),
        ("gzip", Some("gzip")),
        ("xz", Some("xz")),
        ("zstd", Some("zstd")),
    ] {
        let bytes = match program {
            None => tar.clone(),
            Some(program) => pipe(program, &["-c", "-1"], &tar),
        };
        fs::write(&file, bytes).expect("file");
        let reference = format!("base:{name}");
        server
            .orlop(&[
                "image",
                "import",
                "--change",
                "CMD [\"echo\", \"made\"]",
                file.to_str().expect("utf-8"),
                &reference,
            ])
            .ok();
        assert_eq!(server.docker(&["run", "--rm", &reference]).ok(), "made");
    }
    let layers = fs::read_dir(server.data_dir().join("layers"))
        .expect("layers")
        .count();
    assert_eq!(layers, 1, "four images of one layer");
    assert!(server.orlop(&["image", "ls"]).ok().contains("gzip"));
}

#[test]
fn saved_and_oci_archives_are_loaded() {
    let server = Server::start();
    let (_, _) = archives(server.folder());
    let saved = server.folder().join("saved.tar");
    let told = server
        .docker(&["load", "-i", saved.to_str().expect("utf-8")])
        .ok();
    assert!(told.contains("Loaded image: busybox:1"), "{told}");
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox:1", "sh", "-c", "echo $FROM"])
            .ok(),
        "archive"
    );
    server.docker(&["rmi", "busybox:1"]).ok();
    let oci = server.folder().join("oci.tar");
    let layout = server.folder().join("oci");
    run(
        Command::new("tar")
            .arg("-cf")
            .arg(&oci)
            .arg("-C")
            .arg(layout)
            .arg("."),
        b"",
    )
    .ok();
    server
        .orlop(&["image", "load", "-i", oci.to_str().expect("utf-8")])
        .ok();
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox:1", "sh", "-c", "echo $FROM"])
            .ok(),
        "archive"
    );
}

#[test]
fn images_are_pulled_from_a_registry_and_its_layers_only_once() {
    let registry = Registry::start(false);
    let (oci, _) = archives(registry.folder());
    registry.push(&oci, "team/busybox:1", &[]);
    registry.push(&oci, "team/busybox:2", &[]);
    let server = Server::start();
    let name = |tag| format!("{}/team/busybox:{tag}", registry.address());
    let first = server.docker(&["pull", &name("1")]).ok();
    assert!(first.contains("Pull complete"), "{first}");
    let second = server.docker(&["pull", &name("2")]).ok();
    assert!(second.contains("Already exists"), "{second}");
    assert_eq!(
        server
            .orlop(&["run", "--rm", &name("1"), "echo", "pulled"])
            .ok(),
        "pulled"
    );
    let missing = server.docker(&["pull", &name("3")]).fails_with(1);
    assert!(
        missing.contains("not found") || missing.contains("unknown"),
        "{missing}"
    );
}

#[test]
fn a_private_registry_wants_the_right_password() {
    let registry = Registry::start(true);
    let (oci, _) = archives(registry.folder());
    registry.push(&oci, "busybox:1", &["--dest-creds", "ada:secret"]);
    let server = Server::start();
    let name = format!("{}/busybox:1", registry.address());
    let refused = server.docker(&["pull", &name]).fails_with(1);
    assert!(
        refused.contains("unauthorized") || refused.contains("authentication"),
        "{refused}"
    );
    // What `docker login` writes.
    let folder = server.folder().join("docker");
    fs::create_dir_all(&folder).expect("folder");
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"YWRhOnNlY3JldA=="}}}}}}"#,
        registry.address()
    );
    fs::write(folder.join("config.json"), config).expect("config");
    server.docker(&["pull", &name]).ok();
}

#[test]
fn docker_io_is_reached_through_the_mirror() {
    let registry = Registry::start(false);
    let (oci, _) = archives(registry.folder());
    registry.push(&oci, "library/centos:latest", &[]);
    let mirrors = format!(
        "[registry.mirrors]\n\"docker.io\" = [\"http://{}\"]\n",
        registry.address()
    );
    let server = Server::start_with(&mirrors);
    assert_eq!(
        server
            .docker(&["run", "--rm", "centos", "/bin/echo", "Hello world"])
            .ok(),
        "Hello world"
    );
    assert!(server.docker(&["images"]).ok().contains("centos"));
}

#[test]
fn names_are_given_and_taken_and_a_used_image_stays() {
    let server = Server::start();
    fixture::import_busybox(&server);
    server.docker(&["tag", "busybox", "team/box:v1"]).ok();
    server.docker(&["create", "--name", "user", "busybox"]).ok();
    let untagged = server.docker(&["rmi", "busybox"]).ok();
    assert!(untagged.contains("Untagged: busybox:latest"), "{untagged}");
    let used = server.docker(&["rmi", "team/box:v1"]).fails_with(1);
    assert!(used.contains("container"), "{used}");
    server.docker(&["rm", "user"]).ok();
    let gone = server.docker(&["rmi", "team/box:v1"]).ok();
    assert!(gone.contains("Deleted: sha256:"), "{gone}");
    let missing = server.docker(&["rmi", "team/box:v1"]).fails_with(1);
    assert!(missing.contains("No such image"), "{missing}");
    wait::until("the layer's removal", || {
        (fs::read_dir(server.data_dir().join("layers"))
            .expect("layers")
            .count()
            == 0)
            .then_some(())
    });
}
