//! `--mount` as the API's request. Pure.

use bollard::models::{
    Mount as Body, MountBindOptions, MountBindOptionsPropagationEnum, MountTmpfsOptions, MountType,
    MountVolumeOptions,
};
use orlop_model::mount::{Mount, MountSource};

/// Translates what was typed.
pub(crate) fn body(text: &str) -> anyhow::Result<Body> {
    let Mount {
        target,
        source,
        read_only,
    } = Mount::parse_mount(text)?;
    let body = Body {
        target: Some(target),
        read_only: Some(read_only),
        ..Body::default()
    };
    Ok(match source {
        MountSource::Bind {
            path,
            create,
            propagation,
            non_recursive,
            writable_below,
        } => Body {
            typ: Some(MountType::BIND),
            source: Some(path),
            bind_options: Some(MountBindOptions {
                propagation: propagation
                    .as_str()
                    .parse::<MountBindOptionsPropagationEnum>()
                    .ok(),
                non_recursive: Some(non_recursive),
                create_mountpoint: Some(create),
                read_only_non_recursive: Some(writable_below),
                ..MountBindOptions::default()
            }),
            ..body
        },
        MountSource::Volume {
            name,
            copy_up,
            anonymous,
            subpath,
        } => Body {
            typ: Some(MountType::VOLUME),
            source: (!anonymous).then(|| name.to_string()),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(!copy_up),
                subpath: subpath.map(|path| path.as_str().to_owned()),
                ..MountVolumeOptions::default()
            }),
            ..body
        },
        MountSource::Tmpfs { size, mode, .. } => Body {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: size.and_then(|bytes| i64::try_from(bytes).ok()),
                mode: mode.map(i64::from),
                ..MountTmpfsOptions::default()
            }),
            ..body
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_becomes_its_request() {
        let bind = body("type=bind,src=/a,dst=/b,bind-propagation=rshared").expect("valid");
        let options = bind.bind_options.expect("some");
        assert_eq!(
            options.propagation,
            Some(MountBindOptionsPropagationEnum::RSHARED)
        );
        assert_eq!(options.create_mountpoint, Some(false));
        let volume = body("target=/b").expect("valid");
        assert_eq!((volume.typ, volume.source), (Some(MountType::VOLUME), None));
        let tmpfs = body("type=tmpfs,target=/b,tmpfs-mode=700").expect("valid");
        assert_eq!(tmpfs.tmpfs_options.expect("some").mode, Some(0o700));
        assert!(body("type=bind").is_err());
    }
}
