//! Tests of the translation of create requests.

use serde_json::json;

use super::*;

fn translate(body: Value) -> Result<ContainerRequest, ApiError> {
    serde_json::from_value::<CreateBody>(body)
        .expect("form")
        .into_request(Some("web"))
}

#[test]
fn what_the_docker_command_sends_is_understood() {
    let request = translate(json!({
        "Image": "debian", "Cmd": ["sh"], "Tty": true, "Env": null, "Entrypoint": null,
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {
            "Binds": ["/tmp:/x:ro"], "NetworkMode": "default", "Memory": 1024, "NanoCpus": 0,
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "LogConfig": {"Type": "", "Config": {}}, "ConsoleSize": [24, 80], "MemorySwappiness": -1,
            "Devices": [], "MaskedPaths": null, "OomKillDisable": false
        },
        "NetworkingConfig": {"EndpointsConfig": {}}
    }))
    .expect("valid");
    assert_eq!(request.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert_eq!(request.host.ports[0].to_string(), "0.0.0.0:8080->80/tcp");
    assert_eq!(
        request.host.restart,
        RestartPolicy::OnFailure { max_retries: 3 }
    );
    assert_eq!(
        (request.host.limits.memory, request.host.limits.nano_cpus),
        (Some(1024), None)
    );
    assert!(request.host.mounts[0].read_only);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    for (host, name) in [
        (
            json!({"DeviceRequests": [{"Driver": "nvidia"}]}),
            "DeviceRequests",
        ),
        (json!({"PidMode": "theirs"}), "PidMode"),
        (json!({"SecurityOpt": ["colour=red"]}), "colour=red"),
        (json!({"NetworkMode": "web"}), "network web not found"),
        (json!({"RestartPolicy": {"Name": "perhaps"}}), "perhaps"),
        (json!({"Dns": ["x"]}), "Dns"),
    ] {
        let error = translate(json!({"Image": "a", "HostConfig": host})).expect_err(name);
        assert!(format!("{error:?}").contains(name), "{name}: {error:?}");
    }
    assert!(translate(json!({})).is_err());
}
