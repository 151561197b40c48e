//! Images in lists, in inspect and in history.

use orlop_model::image::{Image, Removed};
use orlop_model::reference::Reference;
use serde_json::{Value, json};

use crate::types::health;
use crate::types::time::nano_or_never;

fn familiar(references: &[Reference]) -> Vec<String> {
    references.iter().map(Reference::familiar).collect()
}

/// One line of `GET /images/json`.
pub(crate) fn summary(image: &Image, containers: i64) -> Value {
    json!({
        "Id": image.id,
        "ParentId": image.parent.as_ref().map_or("", |id| id.as_str()),
        "RepoTags": familiar(&image.tags),
        "RepoDigests": familiar(&image.digests),
        "Created": image.created_at.map_or(0, jiff::Timestamp::as_second),
        "Size": image.size,
        "SharedSize": -1,
        "Labels": image.defaults.labels,
        "Containers": containers,
    })
}

/// `GET /images/{name}/json`.
pub(crate) fn inspect(image: &Image) -> Value {
    let defaults = &image.defaults;
    let map = |keys: Vec<String>| -> serde_json::Map<String, Value> {
        keys.into_iter().map(|k| (k, json!({}))).collect()
    };
    json!({
        "Id": image.id,
        "RepoTags": familiar(&image.tags),
        "RepoDigests": familiar(&image.digests),
        "Parent": image.parent.as_ref().map_or("", |id| id.as_str()),
        "Comment": image.history.last().map_or("", |entry| entry.comment.as_str()),
        "Created": nano_or_never(image.created_at),
        "DockerVersion": "",
        "Author": image.author,
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "Config": {
            "User": defaults.user,
            "ExposedPorts": map(defaults.exposed.iter().map(ToString::to_string).collect()),
            "Env": defaults.env,
            "Cmd": defaults.cmd,
            "Entrypoint": defaults.entrypoint,
            "Volumes": map(defaults.volumes.iter().cloned().collect()),
            "WorkingDir": defaults.workdir,
            "Labels": defaults.labels,
            "StopSignal": defaults.stop_signal,
            "Shell": defaults.shell,
            "Healthcheck": health::check(&defaults.health),
            "OnBuild": defaults.on_build,
        },
        "RootFS": {"Type": "layers", "Layers": image.layers},
        "GraphDriver": {"Name": "overlay2", "Data": null},
        "Metadata": {"LastTagTime": nano_or_never(None)},
    })
}

/// `GET /images/{name}/history`: the newest step first, the image's own id at the top.
pub(crate) fn history(image: &Image) -> Vec<Value> {
    let entries = image.history.iter().rev().enumerate();
    entries
        .map(|(index, entry)| {
            let top = index == 0;
            json!({
                "Id": if top { image.id.as_str() } else { "<missing>" },
                "Created": entry.created_at.map_or(0, jiff::Timestamp::as_second),
                "CreatedBy": entry.created_by,
                "Tags": if top { Some(familiar(&image.tags)) } else { None },
                "Size": entry.size,
                "Comment": entry.comment,
            })
        })
        .collect()
}

/// The answer to a removal.
pub(crate) fn removed(items: &[Removed]) -> Vec<Value> {
    items
        .iter()
        .map(|item| match item {
            Removed::Untagged(name) => json!({"Untagged": name}),
            Removed::Deleted(digest) => json!({"Deleted": digest}),
        })
        .collect()
}
