//! An image's record and configuration as the rest of Orlop speaks of it.
//!
//! Pure.

use jiff::Timestamp;
use orlop_image::config::{self, Execution, History, ImageConfig};
use orlop_image::digest::Digest as ImageDigest;
use orlop_model::health::HealthCheck;
use orlop_model::id::{DiffId, Digest};
use orlop_model::image::{HistoryEntry, Image, ImageDefaults};
use orlop_records::images::StoredImage;

/// A digest in the image crate's form.
pub(crate) fn to_image_digest(digest: &Digest) -> ImageDigest {
    ImageDigest::from_hex(digest.hex()).expect("both kinds of digest are 64 hexadecimal digits")
}

/// A digest in the model's form.
pub(crate) fn to_model_digest(digest: &ImageDigest) -> Digest {
    Digest::from_sha256(*digest.as_bytes())
}

/// What lists and detail pages show of a recorded image.
pub(crate) fn describe(stored: StoredImage, config: &ImageConfig) -> Image {
    Image {
        created_at: created_at(config),
        size: stored.layers.iter().map(|layer| layer.size).sum(),
        history: history(&config.history, &stored),
        defaults: defaults(&config.config),
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        author: config.author.clone().unwrap_or_default(),
        id: stored.id,
        tags: stored.tags,
        digests: stored.digests,
        layers: stored
            .layers
            .into_iter()
            .map(|layer| layer.diff_id)
            .collect(),
        parent: stored.parent,
    }
}

/// When an image was made, by its configuration.
pub(crate) fn created_at(config: &ImageConfig) -> Option<Timestamp> {
    config.created.as_deref().and_then(|text| text.parse().ok())
}

/// What an image gives to its containers. A port or label that makes no sense is passed over: an
/// image from outside must not keep the whole from being used.
pub(crate) fn defaults(run: &Execution) -> ImageDefaults {
    ImageDefaults {
        entrypoint: run.entrypoint.clone().filter(|words| !words.is_empty()),
        cmd: run.cmd.clone().filter(|words| !words.is_empty()),
        env: run.env.clone(),
        user: run.user.clone(),
        workdir: run.working_dir.clone(),
        labels: run.labels.clone(),
        exposed: run
            .exposed_ports
            .keys()
            .filter_map(|port| port.parse().ok())
            .collect(),
        volumes: run.volumes.keys().cloned().collect(),
        stop_signal: run.stop_signal.clone(),
        shell: run.shell.clone(),
        health: run
            .healthcheck
            .as_ref()
            .and_then(health)
            .unwrap_or_default(),
        on_build: run.on_build.clone().unwrap_or_default(),
    }
}

/// The health check, unless it makes no sense.
fn health(check: &config::Healthcheck) -> Option<HealthCheck> {
    let times = [
        check.interval,
        check.timeout,
        check.start_period,
        check.start_interval,
    ];
    HealthCheck::from_docker(&check.test, times, check.retries).ok()
}

/// The steps with their layers. Layers that no step tells of come after, so that nothing of the
/// size is unexplained.
fn history(steps: &[History], stored: &StoredImage) -> Vec<HistoryEntry> {
    let mut layers = stored.layers.iter();
    let mut entries: Vec<HistoryEntry> = steps
        .iter()
        .map(|step| {
            let layer = if step.empty_layer {
                None
            } else {
                layers.next()
            };
            HistoryEntry {
                created_at: step.created.as_deref().and_then(|text| text.parse().ok()),
                created_by: step.created_by.clone().unwrap_or_default(),
                comment: step.comment.clone().unwrap_or_default(),
                empty_layer: step.empty_layer,
                size: layer.map_or(0, |layer| layer.size),
                diff_id: layer.map(|layer| layer.diff_id.clone()),
            }
        })
        .collect();
    entries.extend(layers.map(|layer| HistoryEntry {
        size: layer.size,
        diff_id: Some(layer.diff_id.clone()),
        ..HistoryEntry::default()
    }));
    entries
}

/// The diff IDs that a configuration lists, lowest first.
pub(crate) fn diff_ids(config: &ImageConfig) -> Vec<DiffId> {
    config.rootfs.diff_ids.iter().map(to_model_digest).collect()
}

#[cfg(test)]
mod tests {
    use orlop_records::images::ImageLayer;

    use super::*;

    fn layer(seed: u8) -> ImageLayer {
        ImageLayer {
            diff_id: Digest::from_sha256([seed; 32]),
            size: u64::from(seed) * 10,
        }
    }

    #[test]
    fn steps_are_told_with_the_sizes_of_their_layers() {
        let config = ImageConfig::parse(
            br#"{"created":"2024-05-01T10:00:00Z","history":[
                {"created_by":"ADD"},{"created_by":"CMD","empty_layer":true},{"created_by":"RUN"}]}"#,
        )
        .expect("configuration");
        let stored = StoredImage {
            id: Digest::from_sha256([9; 32]),
            config: vec![],
            hidden: false,
            parent: None,
            tags: vec![],
            digests: vec![],
            layers: vec![layer(1), layer(2), layer(3)],
        };
        let image = describe(stored, &config);
        let sizes: Vec<_> = image.history.iter().map(|step| step.size).collect();
        assert_eq!(sizes, [10, 0, 20, 30]);
        assert_eq!(image.size, 60);
        assert_eq!(image.created_at, "2024-05-01T10:00:00Z".parse().ok());
    }

    #[test]
    fn defaults_pass_over_what_makes_no_sense() {
        let config = ImageConfig::parse(
            br#"{"config":{"Cmd":["sh"],"Entrypoint":[],"ExposedPorts":{"80/tcp":{},"x":{}}}}"#,
        )
        .expect("configuration");
        let defaults = defaults(&config.config);
        assert_eq!(defaults.entrypoint, None);
        assert_eq!(defaults.cmd, Some(vec!["sh".to_owned()]));
        assert_eq!(defaults.exposed.len(), 1);
    }
}
