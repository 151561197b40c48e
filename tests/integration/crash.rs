//! `kill -9` of server and worker: containers, logs and exit codes outlive them.

use std::process::Stdio;

use acceptance::fixture::{self, write_files};
use acceptance::registry::{Registry, write_oci_layout};
use acceptance::server::Server;
use acceptance::wait;

/// Bytes of a file that takes a moment to pull, also on loopback.
const LARGE: usize = 96 << 20;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

/// Every number from 0 on in order, without gap or repeat.
fn is_gapless(log: &str) -> bool {
    log.lines()
        .enumerate()
        .all(|(index, line)| line == format!("line {index}"))
}

#[test]
fn containers_logs_and_exit_codes_survive_the_death_of_server_and_worker() {
    let mut server = server();
    let counting = "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.01; done";
    server
        .docker(&[
            "run", "-d", "--name", "counter", "busybox", "sh", "-c", counting,
        ])
        .ok();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "short",
            "busybox",
            "sh",
            "-c",
            "sleep 0.5; echo done; exit 23",
        ])
        .ok();
    let pid = server.inspect("counter", "{{.State.Pid}}");
    let lines = |server: &Server| server.docker(&["logs", "counter"]).ok();
    wait::until("some lines", || {
        (lines(&server).lines().count() > 20).then_some(())
    });
    let short = server.inspect("short", "{{.State.Pid}}");
    server.kill();
    // It ends while nobody watches.
    wait::until("the short one ends", || {
        (!acceptance::host::is_alive(short.parse().expect("pid"))).then_some(())
    });
    server.launch();
    assert_eq!(
        server.inspect("counter", "{{.State.Status}} {{.State.Pid}}"),
        format!("running {pid}")
    );
    assert_eq!(
        server.inspect("short", "{{.State.Status}} {{.State.ExitCode}}"),
        "exited 23"
    );
    assert_eq!(server.docker(&["logs", "short"]).ok(), "done");
    let before = lines(&server).lines().count();
    wait::until("more lines", || {
        (lines(&server).lines().count() > before + 20).then_some(())
    });
    let log = lines(&server);
    assert!(is_gapless(&log), "{log}");
    assert_eq!(
        server.docker(&["exec", "counter", "echo", "well"]).ok(),
        "well"
    );
}

#[test]
fn a_death_in_the_middle_of_run_leaves_the_old_or_the_new_state() {
    let mut server = server();
    for round in 0..5 {
        let mut clients: Vec<_> = (0..4)
            .map(|n| {
                let name = format!("c{round}-{n}");
                server
                    .docker_command(&["run", "-d", "--name", &name, "busybox", "sleep", "1000"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("docker")
            })
            .collect();
        // One of them is through; the others are anywhere.
        clients[0].wait().expect("wait");
        server.kill();
        for client in &mut clients[1..] {
            client.wait().expect("wait");
        }
        server.launch();
        for line in server
            .docker(&["ps", "-a", "--format", "{{.Names}} {{.State}}"])
            .ok()
            .lines()
        {
            let (name, state) = line.split_once(' ').expect("two words");
            let pid = server.inspect(name, "{{.State.Pid}}");
            let runs = acceptance::host::is_alive(pid.parse().expect("pid"));
            assert_eq!(state == "running", runs, "{line}, pid {pid}");
            server.docker(&["rm", "-f", name]).ok();
        }
    }
    assert_eq!(server.docker(&["ps", "-aq"]).ok(), "");
}

#[test]
fn a_death_in_the_middle_of_a_build_is_told_and_the_build_works_again() {
    let mut server = server();
    let folder = server.folder().join("context");
    write_files(
        &folder,
        &[(
            "Dockerfile",
            "FROM busybox\nRUN echo one\nRUN sleep 1; echo two\nCMD [\"true\"]\n",
        )],
    );
    let path = folder.to_str().expect("utf-8").to_owned();
    let mut client = server
        .docker_command(&["build", "-t", "x", &path])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker");
    wait::until("the second step", || {
        acceptance::host::traces_of("sleep 1; echo two")
            .into_iter()
            .any(|t| t.contains("/bin/sh"))
            .then_some(())
    });
    server.kill();
    client.wait().expect("wait");
    server.launch();
    assert_ne!(
        server.docker(&["image", "inspect", "x"]).code,
        0,
        "no half image"
    );
    server.docker(&["build", "-t", "x", &path]).ok();
    server.docker(&["run", "--rm", "x"]).ok();
}

#[test]
fn a_death_in_the_middle_of_an_import_leaves_nothing_half() {
    let mut server = server();
    let mut client = server
        .docker_command(&["import", "-", "half"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker");
    let mut stdin = client.stdin.take().expect("piped");
    let tar = fixture::busybox_tar();
    std::io::Write::write_all(&mut stdin, &tar[..tar.len() / 2]).expect("write");
    wait::until("the upload arrives", || {
        let jobs = std::fs::read_dir(server.data_dir().join("jobs")).expect("jobs");
        (jobs.count() >= 1).then_some(())
    });
    server.kill();
    drop(stdin);
    client.wait().expect("wait");
    server.launch();
    assert_ne!(server.docker(&["image", "inspect", "half"]).code, 0);
    server.docker_with(&["import", "-", "half"], &tar).ok();
    server.docker(&["run", "--rm", "half", "true"]).ok();
}

#[test]
fn a_death_in_the_middle_of_a_pull_leaves_no_half_image_and_the_pull_works_again() {
    let registry = Registry::start(false);
    let mut layer = fixture::busybox_tar();
    // Without the two empty blocks that end it, the archive can go on.
    layer.truncate(layer.len() - 1024);
    let mut tar = tar::Builder::new(layer);
    let mut random = vec![0; LARGE];
    let mut source = std::fs::File::open("/dev/urandom").expect("random");
    std::io::Read::read_exact(&mut source, &mut random).expect("random");
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_size(random.len() as u64);
    tar.append_data(&mut header, "large", random.as_slice())
        .expect("tar");
    let layout = registry.folder().join("oci");
    write_oci_layout(&layout, &tar.into_inner().expect("tar"));
    let archive = format!("oci:{}:busybox:1", layout.display());
    registry.push(&archive, "large:1", &[]);
    let name = format!("{}/large:1", registry.address());
    let mut server = Server::start();
    let mut client = server
        .docker_command(&["pull", &name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker");
    let ingest = server.data_dir().join("blobs/ingest");
    wait::until("some of the layer arrives", || {
        let parts = std::fs::read_dir(&ingest).into_iter().flatten().flatten();
        let mut sizes = parts.filter_map(|part| part.metadata().ok().map(|data| data.len()));
        sizes.any(|size| size > 1 << 20).then_some(())
    });
    server.kill();
    client.wait().expect("wait");
    server.launch();
    assert_ne!(server.docker(&["image", "inspect", &name]).code, 0);
    let jobs = server.docker(&["pull", &name]).ok();
    assert!(jobs.contains("Pull complete"), "{jobs}");
    let size = server
        .docker(&["run", "--rm", &name, "stat", "-c", "%s", "/large"])
        .ok();
    assert_eq!(size, LARGE.to_string());
    wait::until("nothing is left of the first try", || {
        let parts = std::fs::read_dir(&ingest).expect("ingest");
        (parts.count() == 0).then_some(())
    });
}
