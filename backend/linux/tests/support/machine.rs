//! A virtual machine whose kernel has control groups of version 2 alone, for hosts that have them
//! in version 1: it boots from memory and runs tests of the calling test binary, each in a process
//! of its own. It is emulated, as many hosts lack KVM, and boots in some 5 seconds all the same.
//!
//! The kernel is Debian's package for cloud machines, kept in `target/test-cache`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package that depends on the current kernel.
const KERNEL_PACKAGE: &str = "linux-image-cloud-amd64";
/// Modules that containers, loop devices and block devices need.
const MODULES: [&str; 9] = [
    "loop",
    "overlay",
    "veth",
    "bridge",
    "nf_tables",
    "nft_chain_nat",
    "nft_masq",
    "nft_ct",
    "fuse",
];
/// Seconds until a machine that hangs is ended.
const PATIENCE_SECONDS: &str = "340";
/// What the machine says of each test.
const MARK: &str = "@@";

/// Runs tests of the calling binary in a machine; `programs` of the host can be used in it.
/// Panics unless each of them was run and has passed.
pub(crate) fn run_tests(tests: &[String], programs: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("folder");
    let kernel = Kernel::fetched();
    let system = folder.path().join("tree/system");
    let binary = std::env::current_exe().expect("own path");
    make_system(&system, &binary, programs, &kernel, tests);
    let first = folder.path().join("tree");
    for name in ["bin", "new"] {
        fs::create_dir(first.join(name)).expect("folder");
    }
    fs::copy("/bin/busybox", first.join("bin/busybox")).expect("busybox-static");
    // A container's root cannot be put in place of the very first one: everything moves to another.
    let init = "#!/bin/busybox sh\n\
        /bin/busybox mount -t tmpfs -o size=90% tmpfs /new\n\
        /bin/busybox mv /system/* /new/\n\
        exec /bin/busybox switch_root /new /sbin/init\n";
    write_program(&first.join("init"), init);
    let image = folder.path().join("image.gz");
    let pack = format!(
        "cd '{}' && find . | cpio --quiet -o -H newc | gzip -1 > '{}'",
        first.display(),
        image.display()
    );
    run(Command::new("sh").args(["-ec", &pack]));
    let said = boot(&kernel.image, &image);
    for test in tests {
        assert!(
            said.lines()
                .any(|line| line.trim_end() == format!("{MARK} {test} 0")),
            "{test} failed or was not run in the machine, which said:\n{said}"
        );
    }
    said
}

/// Names of the calling binary's tests, but those of its module `machine`.
pub(crate) fn own_tests() -> Vec<String> {
    let list = Command::new(std::env::current_exe().expect("own path"))
        .args(["--list", "--format", "terse"])
        .output()
        .expect("list");
    let text = String::from_utf8(list.stdout).expect("names");
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    names
        .filter(|name| !name.starts_with("machine::"))
        .map(ToOwned::to_owned)
        .collect()
}

/// A kernel and its modules.
struct Kernel {
    image: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// From the cache, into which it is downloaded once.
    fn fetched() -> Self {
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-cache");
        fs::create_dir_all(&cache).expect("cache");
        let lock = File::create(cache.join("lock")).expect("lock");
        lock.lock().expect("lock");
        let root = cache.join("kernel");
        if !root.join("boot").exists() {
            let fresh = tempfile::tempdir_in(&cache).expect("folder");
            let fetch = format!(
                "package=$(apt-cache depends {KERNEL_PACKAGE} | \
                 sed -n 's/.*Depends: \\(linux-image-[^ ]*\\).*/\\1/p' | head -n 1)\n\
                 apt-get download -q \"$package\"\n\
                 dpkg -x ./*.deb root\n\
                 depmod -b root \"$(ls root/lib/modules)\"\n"
            );
            run(Command::new("sh")
                .args(["-ec", &fetch])
                .current_dir(fresh.path()));
            let _ = fs::remove_dir_all(&root);
            fs::rename(fresh.path().join("root"), &root).expect("rename");
        }
        let only = |folder: PathBuf, prefix: &str| {
            let entries = fs::read_dir(&folder).expect("kernel package").flatten();
            let mut found = entries.map(|entry| entry.path()).filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(prefix)
            });
            found.next().unwrap_or_else(|| panic!("no {prefix}"))
        };
        Self {
            image: only(root.join("boot"), "vmlinuz"),
            modules: only(root.join("lib/modules"), ""),
        }
    }

    /// Files of [`MODULES`] and of what they need, in the order in which they can be loaded.
    fn modules(&self) -> Vec<PathBuf> {
        let list = fs::read_to_string(self.modules.join("modules.dep")).expect("modules.dep");
        let mut files = Vec::new();
        for name in MODULES {
            let file = format!("/{name}.ko");
            let line = list
                .lines()
                .find(|line| line.split(':').next().is_some_and(|f| f.ends_with(&file)))
                .unwrap_or_else(|| panic!("the kernel has no module {name}"));
            let mut needed: Vec<_> = line
                .split([':', ' '])
                .filter(|file| !file.is_empty())
                .map(|file| self.modules.join(file))
                .collect();
            needed.reverse();
            files.extend(needed);
        }
        files
    }
}

/// The machine's files: the test binary, programs with their libraries, modules, and a first
/// program that runs the tests and switches the machine off.
fn make_system(root: &Path, binary: &Path, programs: &[&str], kernel: &Kernel, tests: &[String]) {
    for folder in [
        "bin", "sbin", "etc", "dev", "proc", "sys", "tmp", "run", "root", "modules", "usr", "var",
    ] {
        fs::create_dir_all(root.join(folder)).expect("folder");
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).expect("mode");
    symlink("../bin", root.join("usr/bin")).expect("link");
    symlink("../sbin", root.join("usr/sbin")).expect("link");
    symlink("../tmp", root.join("var/tmp")).expect("link");
    fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static");
    let list = Command::new("/bin/busybox").arg("--list").output();
    for name in String::from_utf8_lossy(&list.expect("busybox").stdout).lines() {
        if name != "busybox" && !programs.contains(&name) {
            symlink("busybox", root.join("bin").join(name)).expect("link");
        }
    }
    let test = root.join("test");
    // Most of it is for debuggers.
    let strip = ["--strip-debug".as_ref(), "-o".as_ref(), test.as_os_str()];
    run(Command::new("strip").args(strip).arg(binary));
    let mut libraries = libraries(binary);
    for program in programs {
        let path = which(program);
        libraries.extend(self::libraries(&path));
        fs::copy(&path, root.join("bin").join(program)).expect("program");
    }
    for library in libraries {
        let to = root.join(library.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(to.parent().expect("parent")).expect("folder");
        fs::copy(&library, to).expect("library");
    }
    for (at, module) in kernel.modules().iter().enumerate() {
        let name = module.file_name().expect("name").to_string_lossy();
        fs::copy(module, root.join(format!("modules/{at:03}-{name}"))).expect("module");
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").expect("passwd");
    fs::write(root.join("etc/group"), "root:x:0:\n").expect("group");
    fs::write(root.join("etc/resolv.conf"), "").expect("resolv.conf");
    write_program(&root.join("sbin/init"), &script(tests));
}

fn script(tests: &[String]) -> String {
    let mut script = format!(
        "#!/bin/sh\n\
         export PATH=/bin:/sbin HOME=/root RUST_BACKTRACE=0\n\
         mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev\n\
         mkdir -p /dev/pts /dev/shm; mount -t devpts none /dev/pts; mount -t tmpfs none /dev/shm\n\
         mount -t tmpfs none /tmp; chmod 1777 /tmp; mount -t tmpfs none /run\n\
         mount -t cgroup2 none /sys/fs/cgroup\n\
         dmesg -n 1\n\
         for module in /modules/*; do insmod $module 2>/dev/null; done\n\
         ip link set lo up\n\
         try() {{ /test --exact \"$1\" --nocapture >/tmp/said 2>&1; code=$?\n\
         cat /tmp/said; echo; echo \"{MARK} $1 $code\"; }}\n"
    );
    for test in tests {
        script += &format!("try '{test}'\n");
    }
    script + "poweroff -f\n"
}

/// Boots, and says what the machine says on its serial line until it is off.
fn boot(kernel: &Path, image: &Path) -> String {
    let append = "console=ttyS0 panic=-1 quiet psi=1 rdinit=/init tsc=reliable";
    let output = Command::new("timeout")
        .args(["-k", "5", PATIENCE_SECONDS, "qemu-system-x86_64"])
        .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35"])
        .args(["-m", "1536", "-smp", "2", "-nodefaults", "-no-user-config"])
        .args(["-no-reboot", "-display", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(image)
        .args(["-append", append])
        .stdin(Stdio::null())
        .output()
        .expect("qemu-system-x86");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The dynamic linker and libraries that a program needs (ldd(1)).
fn libraries(program: &Path) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.split_ascii_whitespace();
    paths
        .filter(|w| w.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

fn which(program: &str) -> PathBuf {
    ["/bin", "/sbin", "/usr/bin", "/usr/sbin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{program} is not installed"))
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("write");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
}

fn run(command: &mut Command) {
    let output = command.output().expect("run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
