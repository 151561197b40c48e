//! Known ways out of a container, each tried (SECURITY: CVE-2019-5736 and its like).

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use orlop_model::mount::Mount;
use orlop_model::request::TermSize;
use orlop_wire::request::Request;

use support::session::{ALL, Session};
use support::{Host, spec};

/// CVE-2024-21626: a descriptor of the runtime as the working directory.
#[test]
fn no_descriptor_of_the_runtime_can_be_the_working_directory() {
    let host = Host::new();
    let idle = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&idle, false));
    let names = ["fd", "task/1/fd", "root", "cwd"];
    let mut folders: Vec<String> = (0..20).map(|n| format!("/proc/self/fd/{n}")).collect();
    folders.extend(
        names
            .iter()
            .map(|name| format!("/proc/self/{name}/../../../..")),
    );
    for (n, folder) in folders.iter().enumerate() {
        let link = format!("link{n}");
        symlink(folder, host.layer_path(&link)).expect("link");
        for cwd in [folder.clone(), format!("/{link}")] {
            let mut spec = spec::shell(&host, "pwd -P; ls /; ls ..");
            spec.process.cwd.clone_from(&cwd);
            // Refused, or a place that is inside all the same.
            if let Ok(run) = host.try_run(&spec) {
                assert!(!run.stdout.contains("work\n"), "{cwd}: {run:?}");
                assert_inside(&run.stdout);
            }
            let mut exec = spec::exec(&idle.id, &["sh", "-c", "pwd -P; ls /; ls .."]);
            exec.process.cwd = cwd;
            if let Ok(run) = host.try_exec(&exec) {
                assert_inside(&run.stdout);
            }
        }
    }
}

fn assert_inside(listed: &str) {
    for of_host in ["boot", "usr", "var", "home"] {
        assert!(!listed.lines().any(|line| line == of_host), "{listed}");
    }
}

/// CVE-2019-5736: writing to the runtime through its own `/proc/<pid>/exe`.
#[test]
fn the_runtime_cannot_be_had_through_proc() {
    let host = Host::new();
    let own = std::env::current_exe().expect("exe");
    let before = fs::metadata(&own).expect("own").modified().expect("time");
    symlink("/proc/self/exe", host.layer_path("/bin/self")).expect("link");
    host.put("/bin/by-script", "#!/proc/self/exe\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(host.layer_path("/bin/by-script"), mode).expect("mode");
    let script = "for i in $(seq 200); do for p in /proc/[0-9]*; do \
        (echo x >> $p/exe) 2>/dev/null && echo wrote $p; done; done; echo end";
    let spec = spec::shell(&host, script);
    host.started(&spec::start(&spec, true));
    let session = Session::attach(&host.run_folder(&spec.id), ALL);
    for _ in 0..5 {
        for program in ["/proc/self/exe", "/bin/self", "/bin/by-script", "true"] {
            let mut exec = spec::exec(&spec.id, &[program, "--list"]);
            exec.wait_for_attach = false;
            let _ = host.ask(&Request::Exec(Box::new(exec)));
        }
    }
    let run = session.finish();
    // What it could write to is at most its own shell's copy in the upper layer: busy.
    assert!(!run.stdout.contains("wrote"), "{run:?}");
    assert_eq!(
        fs::metadata(&own).expect("own").modified().expect("time"),
        before
    );
}

/// CVE-2025-31133, CVE-2025-52565: links where the runtime mounts and masks.
#[test]
fn links_in_the_image_where_the_runtime_mounts_lead_nowhere() {
    for (link, to) in [("/proc", "/tmp"), ("/sys", "/etc"), ("/dev", "/tmp")] {
        let host = Host::new();
        symlink(to, host.layer_path(link)).expect("link");
        let failure = host.try_run(&spec::shell(&host, "true")).expect_err(link);
        assert!(failure.message.contains("symbolic link"), "{failure}");
    }
    let host = Host::new();
    fs::create_dir(host.layer_path("/dev")).expect("folder");
    symlink("/proc/sysrq-trigger", host.layer_path("/dev/null")).expect("link");
    symlink(
        "/proc/sys/kernel/core_pattern",
        host.layer_path("/dev/console"),
    )
    .expect("link");
    let mut spec = spec::shell(
        &host,
        "ls -l /dev/null /dev/console; cat /proc/keys | wc -c",
    );
    spec.process.tty = Some(TermSize::default());
    let text = host.run(&spec).stdout;
    assert!(
        text.matches("\nc").count() + usize::from(text.starts_with('c')) == 2,
        "{text}"
    );
    assert!(text.ends_with("0\r\n"), "{text}");
}

/// Mount targets that lead into `/proc` by another name.
#[test]
fn nothing_can_be_mounted_into_proc() {
    let host = Host::new();
    symlink("/proc", host.layer_path("/innocent")).expect("link");
    symlink("/proc/self/root/proc", host.layer_path("/magic")).expect("link");
    for target in [
        "/proc",
        "/proc/self",
        "/innocent",
        "/innocent/sys",
        "/magic",
        "/x/../proc",
        "/",
    ] {
        let mut spec = spec::shell(&host, "true");
        spec.mounts = vec![Mount::tmpfs(target.to_owned(), "")];
        assert!(host.try_run(&spec).is_err(), "tmpfs at {target}");
        let mut volume = spec::shell(&host, "true");
        volume.mounts = vec![Mount::parse_volume(&format!("/tmp:{target}")).expect("mount")];
        assert!(host.try_run(&volume).is_err(), "bind at {target}");
    }
}

/// CVE-2022-0492: a new user namespace gives the right to mount a cgroup.
#[test]
fn no_cgroup_can_be_mounted_or_written() {
    let host = Host::new();
    let script = "unshare -U true 2>/dev/null && echo user; \
        unshare -m true 2>/dev/null && echo mount; \
        unshare -C true 2>/dev/null && echo cgroup; \
        for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release \
          /sys/fs/cgroup/*/cgroup.procs; do (echo 1 > $f) 2>/dev/null && echo wrote $f; done; \
        ls /sys/fs/cgroup/memory | grep -c orlop; cat /proc/1/cgroup";
    let text = host.shell(script).stdout;
    assert!(text.starts_with("0\n"), "{text}");
    let own = text
        .lines()
        .filter(|line| line.contains(':') && !line.ends_with(":/"));
    // The hierarchy of a service manager, which is none of ours, may show its own path.
    assert!(own.clone().all(|line| line.contains("name=")), "{text}");
}

/// Descriptors, keyrings and processes of the host that a program could find.
#[test]
fn nothing_of_the_runtime_is_left_in_the_process() {
    let host = Host::new();
    let script = "ls /proc/1/fd; cat /proc/1/environ | tr '\\0' '\\n'; cat /proc/self/loginuid \
        2>/dev/null; ls -d /proc/[0-9]* | wc -l; cat /proc/1/attr/current 2>/dev/null; true";
    let mut spec = spec::shell(&host, script);
    spec.process.env.push("SECRET=1".to_owned());
    let text = host.run(&spec).ok();
    assert!(text.starts_with("0\n1\n2\n"), "{text}");
    let allowed = ["PATH=", "HOSTNAME=", "HOME=", "SECRET="];
    let environment = text.lines().filter(|line| line.contains('='));
    for line in environment {
        assert!(allowed.iter().any(|name| line.starts_with(name)), "{line}");
    }
}

/// A fifo where a file of accounts is expected must not make the start wait.
#[test]
fn a_pipe_as_the_file_of_accounts_is_no_file() {
    let host = Host::new();
    fs::remove_file(host.layer_path("/etc/passwd")).expect("remove");
    let path = host.layer_path("/etc/passwd");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("fifo");
    assert_eq!(host.shell("echo on").ok(), "on\n");
}
