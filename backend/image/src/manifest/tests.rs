//! Which manifest of an index is chosen, and which documents are refused.

use super::*;

fn descriptor(platform: Option<(&str, &str, Option<&str>)>, seed: u8) -> Descriptor {
    let mut descriptor =
        Descriptor::new(media_type::OCI_MANIFEST, Digest::from_bytes([seed; 32]), 10);
    descriptor.platform = platform.map(|(os, architecture, variant)| Platform {
        os: os.into(),
        architecture: architecture.into(),
        variant: variant.map(Into::into),
    });
    descriptor
}

fn choose(manifests: Vec<Descriptor>, wanted: (&str, Option<&str>)) -> Option<u8> {
    let platform = descriptor(Some(("linux", wanted.0, wanted.1)), 0)
        .platform
        .unwrap();
    let index = Index {
        raw: vec![],
        media_type: String::new(),
        manifests,
    };
    index
        .choose(&platform)
        .map(|descriptor| descriptor.digest.as_bytes()[0])
}

#[test]
fn the_best_platform_is_chosen() {
    let all = || {
        vec![
            descriptor(Some(("windows", "amd64", None)), 1),
            descriptor(Some(("linux", "arm", Some("v7"))), 2),
            descriptor(Some(("linux", "amd64", None)), 3),
            descriptor(Some(("linux", "amd64", None)), 4),
            descriptor(Some(("linux", "arm64", Some("v8"))), 5),
            descriptor(Some(("unknown", "unknown", None)), 6),
        ]
    };
    assert_eq!(choose(all(), ("amd64", None)), Some(3));
    assert_eq!(choose(all(), ("arm64", None)), Some(5));
    assert_eq!(choose(all(), ("arm", Some("v6"))), None);
    assert_eq!(choose(all(), ("s390x", None)), None);
    assert_eq!(choose(vec![descriptor(None, 7)], ("amd64", None)), Some(7));
    assert_eq!(
        choose(
            vec![descriptor(None, 7), descriptor(None, 8)],
            ("amd64", None)
        ),
        None
    );
}

#[test]
fn both_forms_are_read_and_the_bytes_kept() {
    for config_type in [media_type::DOCKER_CONFIG, media_type::OCI_CONFIG] {
        let config = Descriptor::new(config_type, Digest::of(b"{}"), 2);
        let layer = Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(b"x"), 1);
        let built = Manifest::build(config, vec![layer]);
        let Parsed::Manifest(read) = parse(&built.raw, None).unwrap() else {
            panic!()
        };
        assert_eq!(read, built);
    }
}

#[test]
fn hostile_manifests_are_refused() {
    let digest = Digest::of(b"");
    let layer = |kind: &str, size: &str| {
        format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let good = layer(media_type::OCI_LAYER, "1");
    let manifest =
        |layers: &str| format!(r#"{{"schemaVersion":2,"config":{good},"layers":[{layers}]}}"#);
    assert!(parse(manifest(&good).as_bytes(), None).is_ok());
    let many = vec![good.clone(); MAX_LAYERS + 1].join(",");
    for bad in [
        manifest(&many),
        manifest(&layer(media_type::OCI_LAYER, "-1")),
        manifest(&layer(media_type::OCI_LAYER, "99999999999999999999")),
        manifest(&layer("text/plain", "1")),
        manifest(r#"{"digest":"sha256:../../../etc","size":1}"#),
        r#"{"schemaVersion":1,"fsLayers":[]}"#.into(),
        r#"{"schemaVersion":2}"#.into(),
        format!(
            r#"{{"schemaVersion":2,"pad":"{}"}}"#,
            "x".repeat(MAX_MANIFEST_BYTES)
        ),
        "[".repeat(100_000),
    ] {
        assert!(
            parse(bad.as_bytes(), None).is_err(),
            "{}",
            &bad[..bad.len().min(200)]
        );
    }
}
