//! `_ping`, `version`, `info`.

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use orlop_engine::Engine;
use orlop_model::container::ContainerFilter;
use orlop_model::image::ImageFilter;
use orlop_model::lifecycle::Status;
use serde_json::json;

use crate::body::{Answer, full, json as json_answer, with_type};
use crate::version::{NEWEST, OLDEST};

/// `GET` and `HEAD /_ping`.
pub(crate) fn ping() -> Answer {
    let mut response = with_type(StatusCode::OK, "text/plain; charset=utf-8", full("OK"));
    let headers = response.headers_mut();
    headers.insert("builder-version", HeaderValue::from_static("1"));
    headers.insert("swarm", HeaderValue::from_static("inactive"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, must-revalidate"),
    );
    Ok(response)
}

/// `GET /version`.
pub(crate) async fn version(engine: &Engine) -> Answer {
    let info = engine.host_info().await?;
    json_answer(
        StatusCode::OK,
        &json!({
            "Platform": {"Name": "Orlop"},
            "Components": [{
                "Name": "Engine",
                "Version": info.version,
                "Details": {
                    "ApiVersion": NEWEST.to_string(),
                    "MinAPIVersion": OLDEST.to_string(),
                    "Os": "linux",
                    "Arch": info.architecture,
                    "KernelVersion": info.kernel,
                    "Experimental": "false",
                    "GitCommit": "", "GoVersion": "", "BuildTime": "",
                },
            }],
            "Version": info.version,
            "ApiVersion": NEWEST.to_string(),
            "MinAPIVersion": OLDEST.to_string(),
            "GitCommit": "", "GoVersion": "", "BuildTime": "",
            "Os": "linux",
            "Arch": info.architecture,
            "KernelVersion": info.kernel,
            "Experimental": false,
        }),
    )
}

/// `GET /info`.
pub(crate) async fn info(engine: &Engine) -> Answer {
    let info = engine.host_info().await?;
    let containers = engine
        .list_containers(&ContainerFilter {
            all: true,
            ..ContainerFilter::default()
        })
        .await?;
    let images = engine.list_images(&ImageFilter::default()).await?;
    let count = |status| {
        containers
            .iter()
            .filter(|c| c.state.status == status)
            .count()
    };
    let (running, paused) = (count(Status::Running), count(Status::Paused));
    json_answer(
        StatusCode::OK,
        &json!({
            "ID": info.id,
            "Name": info.hostname,
            "ServerVersion": info.version,
            "Containers": containers.len(),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": containers.len() - running - paused,
            "Images": images.len(),
            "Driver": "overlay2",
            "DriverStatus": null,
            "LoggingDriver": "json-file",
            "CgroupDriver": "cgroupfs",
            "CgroupVersion": info.cgroup_version.to_string(),
            "KernelVersion": info.kernel,
            "OperatingSystem": info.os,
            "OSType": "linux",
            "Architecture": std::env::consts::ARCH,
            "NCPU": info.cpus,
            "MemTotal": info.memory,
            "MemoryLimit": true, "SwapLimit": true, "PidsLimit": true, "CpuCfsPeriod": true,
            "CpuCfsQuota": true, "CPUShares": true, "CPUSet": true, "OomKillDisable": false,
            "IPv4Forwarding": true,
            "SystemTime": crate::types::time::nano(jiff::Timestamp::now()),
            "DockerRootDir": engine.config().data_dir,
            "IndexServerAddress": "https://index.docker.io/v1/",
            "Plugins": {"Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": null, "Log": ["json-file"]},
            "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null},
            "SecurityOptions": ["name=seccomp,profile=builtin"],
            "Runtimes": {"orlop": {"path": "orlop"}},
            "DefaultRuntime": "orlop",
            "Labels": [], "ExperimentalBuild": false, "Debug": false, "LiveRestoreEnabled": true,
            "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": []},
            "Warnings": null,
            "HttpProxy": "", "HttpsProxy": "", "NoProxy": "",
        }),
    )
}
