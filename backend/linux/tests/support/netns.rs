//! A network namespace for one test; it is gone when nothing holds its descriptor any more.
#![allow(dead_code)] // each test file uses its own part

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace.
pub(crate) struct Netns(File);

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Netns {
    /// A new one, with a loopback interface that is down.
    pub(crate) fn new() -> Self {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare");
            File::open("/proc/thread-self/ns/net").expect("own namespace")
        });
        Self(made.join().expect("namespace"))
    }

    /// Runs in it, on a thread of its own that sees the `/sys` of the namespace.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    setns(&self.0, CloneFlags::CLONE_NEWNET).expect("setns");
                    unshare(CloneFlags::CLONE_NEWNS).expect("unshare");
                    let none = None::<&str>;
                    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
                        .expect("private");
                    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)
                        .expect("sysfs");
                    work()
                })
                .join()
                .expect("work in the namespace")
        })
    }

    /// Reads a file as it shows in the namespace.
    pub(crate) fn read(&self, path: &str) -> String {
        self.run(|| std::fs::read_to_string(path).expect("read"))
    }

    /// Runs a program in it and returns what it printed.
    pub(crate) fn command(&self, line: &str) -> String {
        self.run(|| {
            let mut words = line.split_whitespace();
            let program = words.next().expect("a program");
            let output = Command::new(program).args(words).output().expect("run");
            assert!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
    }
}
