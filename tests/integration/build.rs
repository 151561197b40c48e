//! Builds through the stock `docker` command and through `orlop`.

use std::fs;
use std::path::PathBuf;

use acceptance::fixture::{self, write_files};
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn context(server: &Server, files: &[(&str, &str)]) -> PathBuf {
    let folder = server
        .folder()
        .join(format!("context-{}", files.len() + files[0].1.len()));
    fs::create_dir_all(&folder).expect("folder");
    write_files(&folder, files);
    folder
}

fn build(server: &Server, files: &[(&str, &str)], options: &[&str]) -> acceptance::client::Ended {
    let folder = context(server, files);
    let arguments = [&["build"], options, &[folder.to_str().expect("utf-8")]].concat();
    server.docker(&arguments)
}

const EVERYTHING: &str = r#"# escape=\
ARG BASE=busybox
FROM ${BASE} AS first
MAINTAINER someone@example.com
ARG WORD=hello
ENV GREETING="$WORD world" \
    OTHER=x
LABEL a=b "c d"="e f"
WORKDIR /srv
WORKDIR app
COPY --chown=ada:staff files/ ./
ADD archive.tar /unpacked/
RUN echo "$GREETING" > greeting && \
    # a comment within
    echo more >> greeting
USER ada
RUN ["sh", "-c", "id -un > /tmp/who"]
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGUSR1
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s CMD true
ONBUILD RUN echo triggered > /triggered
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat greeting; cat /tmp/who; ls -l one; cat /unpacked/inner"]

FROM first AS unused
RUN exit 1

FROM busybox
COPY --from=first /srv/app/greeting /greeting
COPY --from=first /unpacked /u
CMD cat /greeting /u/inner
"#;

#[test]
fn every_instruction_does_what_docker_says() {
    let server = server();
    let folder = context(
        &server,
        &[
            ("Dockerfile", EVERYTHING),
            ("files/one", "1"),
            ("files/sub/two", "2"),
        ],
    );
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_size(6);
    tar.append_data(&mut header, "inner", &b"inside"[..])
        .expect("tar");
    fs::write(folder.join("archive.tar"), tar.into_inner().expect("tar")).expect("archive");
    let path = folder.to_str().expect("utf-8");
    server
        .docker(&["build", "-t", "first", "--target", "first", path])
        .ok();
    let out = server.docker(&["run", "--rm", "first"]).ok();
    assert!(
        out.contains("hello world\nmore\nada\n") && out.ends_with("inside"),
        "{out}"
    );
    assert!(out.contains("ada") && out.contains("staff"), "{out}");
    let inspect = |template: &str| {
        server
            .docker(&["image", "inspect", "--format", template, "first"])
            .ok()
    };
    assert_eq!(
        inspect("{{.Config.WorkingDir}} {{.Config.User}} {{.Config.StopSignal}} {{.Author}}"),
        "/srv/app ada SIGUSR1 someone@example.com"
    );
    assert_eq!(
        inspect("{{json .Config.ExposedPorts}}"),
        r#"{"53/udp":{},"80/tcp":{}}"#
    );
    assert_eq!(
        inspect("{{json .Config.Labels}}"),
        r#"{"a":"b","c d":"e f"}"#
    );
    assert_eq!(
        inspect("{{json .Config.OnBuild}} {{json .Config.Entrypoint}}"),
        r#"["RUN echo triggered > /triggered"] ["/bin/sh","-c"]"#
    );
    assert!(inspect("{{json .Config.Env}}").contains("GREETING=hello world"));
    // The last stage: the failing one is not needed and does not run.
    let built = server.docker(&["build", "-t", "last", path]).ok();
    assert!(built.contains("Successfully tagged last:latest"), "{built}");
    assert_eq!(
        server.docker(&["run", "--rm", "last"]).ok(),
        "hello world\nmore\ninside"
    );
    let history = server
        .docker(&[
            "history",
            "--no-trunc",
            "--format",
            "{{.CreatedBy}}",
            "first",
        ])
        .ok();
    assert!(
        history.contains("WORKDIR /srv") && history.contains("echo \"$GREETING\""),
        "{history}"
    );
}

#[test]
fn on_build_triggers_run_in_the_child() {
    let server = server();
    build(
        &server,
        &[(
            "Dockerfile",
            "FROM busybox\nONBUILD RUN echo triggered > /t\n",
        )],
        &["-t", "base"],
    )
    .ok();
    build(
        &server,
        &[("Dockerfile", "FROM base\nCMD cat /t # x\n")],
        &["-t", "child"],
    )
    .ok();
    assert_eq!(
        server.docker(&["run", "--rm", "child", "cat", "/t"]).ok(),
        "triggered"
    );
}

#[test]
fn steps_are_cached_until_what_they_depend_on_changes() {
    let server = server();
    let file =
        "FROM busybox\nRUN head -c 8 /dev/urandom | od -x > /random\nCOPY a /a\nRUN cat /a > /b\n";
    let first = build(&server, &[("Dockerfile", file), ("a", "1")], &["-t", "x"]).ok();
    assert!(!first.contains("Using cache"), "{first}");
    let random = |tag: &str| {
        server
            .docker(&["run", "--rm", tag, "cat", "/random", "/b"])
            .ok()
    };
    let before = random("x");
    let again = build(&server, &[("Dockerfile", file), ("a", "1")], &["-t", "x"]).ok();
    assert_eq!(again.matches("Using cache").count(), 3, "{again}");
    build(&server, &[("Dockerfile", file), ("a", "2")], &["-t", "y"]).ok();
    let (old, new) = (before.lines().collect::<Vec<_>>(), random("y"));
    assert_eq!(
        new.lines().next(),
        Some(old[0]),
        "the first RUN is still cached"
    );
    assert!(new.ends_with('2'), "{new}");
    build(
        &server,
        &[("Dockerfile", file), ("a", "1")],
        &["--no-cache", "-t", "z"],
    )
    .ok();
    assert_ne!(random("z"), before);
}

#[test]
fn dockerignore_keeps_files_out() {
    let server = server();
    let file = "FROM busybox\nCOPY . /c\nRUN find /c -type f | sort\n";
    let out = build(
        &server,
        &[
            ("Dockerfile", file),
            (
                ".dockerignore",
                "*.log\n!keep.log\nsecret\n**/deep\n# comment\n",
            ),
            ("a.log", ""),
            ("keep.log", ""),
            ("secret/key", ""),
            ("x/deep/y", ""),
            ("x/z", ""),
        ],
        &[],
    )
    .ok();
    assert!(
        out.contains("/c/keep.log") && out.contains("/c/x/z"),
        "{out}"
    );
    for hidden in ["a.log", "secret/key", "deep/y"] {
        assert!(
            !out.contains(&format!("/c/{hidden}")) && !out.contains(&format!("/c/x/{hidden}")),
            "{hidden}: {out}"
        );
    }
}

#[test]
fn a_wrong_dockerfile_is_refused_with_its_line_before_anything_runs() {
    let server = server();
    for (text, line, words) in [
        ("FROM busybox\nRUN touch /x\nCOPPY a b\n", "3", "COPPY"),
        ("FROM busybox\nRUN true\nCOPY a\n", "3", "COPY"),
        ("RUN true\n", "1", "FROM"),
        ("FROM busybox\nEXPOSE 99999\n", "2", "99999"),
        ("FROM busybox\nCOPY --from=nowhere a b\n", "2", "nowhere"),
        (
            "FROM busybox\nRUN --mount=type=secret,id=x true\n",
            "2",
            "mount",
        ),
    ] {
        let ended = build(&server, &[("Dockerfile", text)], &[]);
        assert_ne!(ended.code, 0, "{text}");
        let told = format!("{}{}", ended.out, ended.err);
        assert!(
            told.contains(line) && told.contains(words),
            "{text}: {told}"
        );
        assert!(
            !told.contains("Running in") && !told.contains("Step 2"),
            "{text}: {told}"
        );
    }
    let missing = build(&server, &[("Other", "FROM busybox\n")], &[]);
    assert!(missing.err.contains("Dockerfile"), "{missing:?}");
}

#[test]
fn a_failing_step_tells_its_code_and_line_and_leaves_nothing() {
    let server = server();
    let ended = build(
        &server,
        &[("Dockerfile", "FROM busybox\nRUN echo before; exit 42\n")],
        &["-t", "x"],
    );
    assert_ne!(ended.code, 0);
    let told = format!("{}{}", ended.out, ended.err);
    assert!(
        told.contains("before") && told.contains("42") && told.contains("2"),
        "{told}"
    );
    assert!(
        !server
            .docker(&["images"])
            .ok()
            .contains('x'.to_string().as_str())
            || server.docker(&["image", "inspect", "x"]).code != 0
    );
    assert_eq!(server.docker(&["ps", "-aq"]).ok(), "");
    let missing = build(
        &server,
        &[("Dockerfile", "FROM busybox\nCOPY nothere /x\n")],
        &[],
    );
    assert!(missing.err.contains("nothere"), "{missing:?}");
}

#[test]
fn a_cancelled_build_leaves_no_process_and_no_image() {
    let server = server();
    let folder = context(
        &server,
        &[(
            "Dockerfile",
            "FROM busybox\nRUN echo started; sleep 98765\n",
        )],
    );
    let mut client = server
        .docker_command(&["build", "-t", "never", folder.to_str().expect("utf-8")])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("docker");
    let asleep = || {
        acceptance::host::traces_of("sleep 98765")
            .into_iter()
            .any(|t| !t.contains("docker") && !t.contains("sh -c"))
    };
    acceptance::wait::until("the step runs", || asleep().then_some(()));
    client.kill().expect("kill");
    client.wait().expect("wait");
    acceptance::wait::until("the step is gone", || (!asleep()).then_some(()));
    assert_ne!(server.docker(&["image", "inspect", "never"]).code, 0);
}

#[test]
fn orlop_build_takes_a_folder_a_tar_and_arguments() {
    let server = server();
    let folder = context(
        &server,
        &[
            ("Dockerfile", "FROM busybox\nARG A\nRUN echo got $A\n"),
            ("x", ""),
        ],
    );
    let path = folder.to_str().expect("utf-8");
    let out = server
        .orlop(&[
            "build",
            "-t",
            "one",
            "-t",
            "two",
            "--build-arg",
            "A=this",
            path,
        ])
        .ok();
    assert!(out.contains("got this"), "{out}");
    server.orlop(&["run", "--rm", "two", "true"]).ok();
}
