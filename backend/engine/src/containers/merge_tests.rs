//! Tests of merging request and image.

use orlop_model::image::ImageDefaults;

use super::*;

fn image(defaults: ImageDefaults) -> Image {
    Image {
        id: orlop_model::id::Digest::from_sha256([1; 32]),
        tags: Vec::new(),
        digests: Vec::new(),
        created_at: None,
        size: 0,
        layers: vec![orlop_model::id::Digest::from_sha256([2; 32])],
        defaults,
        history: Vec::new(),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        author: String::new(),
        parent: None,
    }
}

fn words(text: &str) -> Option<Vec<String>> {
    Some(text.split(' ').map(str::to_owned).collect())
}

fn run(
    mut request: ContainerRequest,
    defaults: ImageDefaults,
) -> Result<(Container, ContainerSpec), EngineError> {
    request.host.network = NetworkMode::None;
    let image = image(defaults);
    let given = Given {
        id: ContainerId::from_bytes([3; 32]),
        name: "web".parse().expect("name"),
        request,
        image: &image,
        endpoint: None,
        shared: Shared::default(),
        host: &Host {
            name: "host".to_owned(),
            cpus: 2,
        },
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut count = 0;
    merge(given, || {
        count += 1;
        Ok(format!("volume{count}"))
    })
}

fn args_of(entrypoint: Option<&str>, cmd: Option<&str>) -> Result<Vec<String>, EngineError> {
    let request = ContainerRequest {
        entrypoint: entrypoint.and_then(words),
        cmd: cmd.and_then(words),
        ..ContainerRequest::default()
    };
    let defaults = ImageDefaults {
        entrypoint: words("run"),
        cmd: words("all day"),
        ..ImageDefaults::default()
    };
    run(request, defaults).map(|(_, spec)| spec.process.args)
}

#[test]
fn an_entry_point_that_is_asked_for_discards_the_images_command() {
    assert_eq!(args_of(None, None).expect("valid"), ["run", "all", "day"]);
    assert_eq!(args_of(None, Some("once")).expect("valid"), ["run", "once"]);
    assert_eq!(args_of(Some("walk"), None).expect("valid"), ["walk"]);
    assert_eq!(
        args_of(Some("walk"), Some("far")).expect("valid"),
        ["walk", "far"]
    );
    assert_eq!(args_of(Some(""), Some("far")).expect("valid"), ["far"]);
    assert_eq!(
        args_of(Some(""), None).expect_err("nothing").field_name(),
        Some("command")
    );
}

#[test]
fn environment_is_merged_by_name_and_a_bare_name_removes() {
    let request = ContainerRequest {
        cmd: words("x"),
        env: vec!["B=own".into(), "A".into(), "C=1=2".into()],
        tty: true,
        ..ContainerRequest::default()
    };
    let defaults = ImageDefaults {
        env: vec!["PATH=/bin".into(), "A=1".into(), "B=2".into()],
        ..ImageDefaults::default()
    };
    let (container, _) = run(request, defaults).expect("valid");
    assert_eq!(
        container.env,
        [
            "PATH=/bin",
            "HOSTNAME=030303030303",
            "TERM=xterm",
            "B=own",
            "C=1=2"
        ]
    );
}

#[test]
fn volumes_of_the_image_become_anonymous_unless_something_is_mounted_there() {
    let request = ContainerRequest {
        cmd: words("x"),
        host: orlop_model::request::HostRequest {
            mounts: vec![Mount::parse_volume("/srv:/data/deep").expect("valid")],
            ..Default::default()
        },
        ..ContainerRequest::default()
    };
    let defaults = ImageDefaults {
        volumes: ["/data".to_owned(), "/data/deep/".to_owned()].into(),
        ..ImageDefaults::default()
    };
    let (_, spec) = run(request, defaults).expect("valid");
    let targets: Vec<_> = spec
        .mounts
        .iter()
        .map(|mount| mount.target.as_str())
        .collect();
    assert_eq!(targets, ["/data", "/data/deep"]);
    let MountSource::Volume { name, .. } = &spec.mounts[0].source else {
        panic!("a volume")
    };
    assert_eq!(name.as_str(), "volume1");
}

#[test]
fn wrong_values_name_their_field() {
    let request = |change: fn(&mut ContainerRequest)| {
        let mut request = ContainerRequest {
            cmd: words("x"),
            ..ContainerRequest::default()
        };
        change(&mut request);
        run(request, ImageDefaults::default())
            .expect_err("wrong")
            .field_name()
    };
    assert_eq!(
        request(|r| r.workdir = Some("here".into())),
        Some("workdir")
    );
    assert_eq!(request(|r| r.env = vec!["=x".into()]), Some("env"));
    assert_eq!(request(|r| r.host.limits.memory = Some(1)), Some("memory"));
    assert_eq!(
        request(|r| r.host.limits.nano_cpus = Some(3_000_000_000)),
        Some("cpus")
    );
    assert_eq!(
        request(|r| r.host.cap_add = vec!["X".into()]),
        Some("capabilities")
    );
    assert_eq!(
        request(|r| r.volumes = ["/".to_owned()].into()),
        Some("volumes")
    );
}
