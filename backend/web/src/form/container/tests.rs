//! Tests of the module above.

use super::*;

fn form() -> ContainerForm {
    ContainerForm {
        image: "debian".to_owned(),
        ..ContainerForm::default()
    }
}

#[test]
fn an_image_alone_is_enough() {
    let request = form().request().expect("valid");
    assert_eq!(request.image, "debian");
    assert_eq!(
        request,
        ContainerRequest {
            image: "debian".to_owned(),
            ..ContainerRequest::default()
        }
    );
}

#[test]
fn every_field_arrives_in_its_place() {
    let request = ContainerForm {
        name: " web ".to_owned(),
        command: "python3 /server.py --name 'a b'".to_owned(),
        env: "A=1\r\nDROP\r\n".to_owned(),
        ports: "8080:80\n127.0.0.1:5353:53/udp".to_owned(),
        volumes: "/srv:/data:ro\ncache:/var/cache".to_owned(),
        tmpfs: "/tmp:size=16m".to_owned(),
        limits: LimitsForm {
            memory: "512m".to_owned(),
            cpus: "1.5".to_owned(),
            pids: "100".to_owned(),
            ..LimitsForm::default()
        },
        restart: "on-failure:3".to_owned(),
        tty: "on".to_owned(),
        network: "none".to_owned(),
        labels: "team=a=b".to_owned(),
        cap_drop: "net_raw, MKNOD".to_owned(),
        then: "create".to_owned(),
        ..form()
    };
    assert!(!request.starts());
    let request = request.request().expect("valid");
    assert_eq!(request.name.expect("named").as_str(), "web");
    let cmd = ["python3", "/server.py", "--name", "a b"].map(str::to_owned);
    assert_eq!(request.cmd, Some(cmd.to_vec()));
    assert_eq!(request.env, ["A=1", "DROP"]);
    assert_eq!(request.labels["team"], "a=b");
    assert!(request.tty && request.open_stdin);
    let host = request.host;
    assert_eq!((host.ports.len(), host.mounts.len()), (2, 3));
    assert_eq!(host.limits.memory, Some(512 << 20));
    assert_eq!(host.limits.nano_cpus, Some(1_500_000_000));
    assert_eq!(host.limits.pids, Some(100));
    assert_eq!(host.network, NetworkMode::None);
    assert_eq!(host.cap_drop, ["NET_RAW", "MKNOD"]);
    assert_eq!(host.restart, RestartPolicy::OnFailure { max_retries: 3 });
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_beside_its_field() {
    let errors = ContainerForm {
        image: " ".to_owned(),
        name: "-bad name".to_owned(),
        command: "'open".to_owned(),
        env: "two words".to_owned(),
        ports: "99999:80".to_owned(),
        volumes: "a:b".to_owned(),
        tmpfs: "relative".to_owned(),
        limits: LimitsForm {
            memory: "much".to_owned(),
            cpus: "-1".to_owned(),
            pids: "many".to_owned(),
            ..LimitsForm::default()
        },
        restart: "sometimes".to_owned(),
        workdir: "relative".to_owned(),
        hostname: "under_score".to_owned(),
        labels: "no value".to_owned(),
        network: "other".to_owned(),
        stop_signal: "SIGNOPE".to_owned(),
        stop_timeout: "soon".to_owned(),
        shm_size: "x".to_owned(),
        ..form()
    }
    .request()
    .expect_err("all wrong");
    let said = ContainerForm::FIELDS
        .iter()
        .filter(|field| !errors.of(field).is_empty())
        .count();
    assert_eq!(said, 18, "{errors:?}");
}

#[test]
fn limits_that_cannot_work_are_refused() {
    let wrong = |change: fn(&mut ContainerForm)| {
        let mut form = form();
        change(&mut form);
        form.request().expect_err("refused")
    };
    assert!(
        !wrong(|f| f.limits.memory = "1k".into())
            .of("memory")
            .is_empty()
    );
    assert!(
        !wrong(|f| f.limits.cpus = "NaN".into())
            .of("cpus")
            .is_empty()
    );
    let both = wrong(|f| {
        f.auto_remove = "on".into();
        f.restart = "always".into();
    });
    assert!(!both.of("restart").is_empty());
}
