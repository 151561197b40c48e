//! Files in and out of containers.

use super::*;

#[test]
fn files_go_in_and_out_of_a_container_that_does_not_run() {
    let host = Host::new();
    let base = host.layer(&[("etc/", ""), ("etc/conf", "old"), ("srv/", "")]);
    let write = Request::WritePath {
        container: container('d'),
        layers: vec![base.clone()],
        path: "/srv".into(),
    };
    host.ask(write, host.stream(&tar(&[("new", "content")])))
        .last();
    let tree = Tree::Container {
        id: container('d'),
        layers: vec![base.clone()],
    };
    let read = |path: &str| Request::ReadPath {
        source: tree.clone(),
        path: path.into(),
    };
    let (answer, out) = host.written(read("/srv/new"));
    let Reply::PathStat(stat) = answer.last() else {
        panic!()
    };
    assert_eq!((&stat.name[..], stat.size), ("new", 7));
    assert!(out.windows(7).any(|window| window == b"content"));
    let (answer, _) = host.written(read("/srv/none"));
    assert_eq!(answer.failure().kind, FailureKind::NotFound);
    let missing = Request::WritePath {
        container: container('d'),
        layers: vec![base],
        path: "/none".into(),
    };
    let answer = host.ask(missing, host.stream(&tar(&[])));
    assert_eq!(answer.failure().kind, FailureKind::NotFound);
}

/// A process with a mount namespace of its own stands for a running container.
#[test]
fn files_of_a_running_container_are_those_that_it_sees() {
    let host = Host::new();
    let base = host.layer(&[("etc/", "")]);
    let root = host.dir.path().join("root");
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::create_dir_all(root.join("proc")).unwrap();
    symlink("/canary", root.join("out")).unwrap();
    let child = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c"])
        .arg("mount -t tmpfs none \"$1/tmp\" && mount -t proc none \"$1/proc\" && echo seen > \"$1/tmp/f\" && echo ok && exec sleep 60")
        .arg("sh")
        .arg(&root)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Reaped(child);
    child
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 3])
        .unwrap();
    let pid = child.0.id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start: u64 = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(19)
        .unwrap()
        .parse()
        .unwrap();
    let state = |start: u64| {
        format!(
            r#"{{"container":"{}","shim_pid":1,"shim_start_time":1,"pid":{pid},"start_time":{start},
            "started_at":"2024-01-01T00:00:00Z","tty":false}}"#,
            id('e')
        )
    };
    let folder: PathBuf = host.dir.path().join("run/containers").join(id('e'));
    fs::create_dir_all(&folder).unwrap();
    let inside = |path: &str| format!("{}{path}", root.display());
    let tree = Tree::Container {
        id: container('e'),
        layers: vec![base],
    };
    let read = |path: String| Request::ReadPath {
        source: tree.clone(),
        path,
    };

    fs::write(folder.join("state.json"), state(start + 1)).unwrap();
    let (answer, _) = host.written(read(inside("/tmp/f")));
    assert_eq!(
        answer.failure().kind,
        FailureKind::NotFound,
        "another process has the number now"
    );

    fs::write(folder.join("state.json"), state(start)).unwrap();
    let (answer, out) = host.written(read(inside("/tmp/f")));
    assert!(matches!(answer.last(), Reply::PathStat(_)));
    assert!(out.windows(4).any(|window| window == b"seen"));
    let answer = host.ask(
        Request::CommitUpper {
            container: container('e'),
        },
        vec![],
    );
    assert_eq!(answer.failure().kind, FailureKind::Conflict);
    let request = Request::WritePath {
        container: container('e'),
        layers: vec![],
        path: inside("/tmp"),
    };
    host.ask(request, host.stream(&tar(&[("g", "new")]))).last();
    assert!(
        !root.join("tmp/g").exists(),
        "only in the container's own mount"
    );
    let (answer, _) = host.written(read(inside("/tmp/g")));
    answer.last();
}

struct Reaped(std::process::Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
