//! Contexts and copies.

use super::*;

#[test]
fn a_context_is_unpacked_listed_and_copied_and_the_result_is_a_layer() {
    let host = Host::new();
    let base = host.layer(&[
        ("etc/", ""),
        ("etc/passwd", "web:x:33:44:::\n"),
        ("srv/", ""),
    ]);
    let context = tar(&[("app/", ""), ("app/run", "#!"), ("Dockerfile", "FROM x")]);
    let answer = host.ask(
        Request::UnpackContext { job: job('a') },
        host.stream(&context),
    );
    let index = answer.index();
    let paths: Vec<_> = index
        .iter()
        .map(|entry| (&entry.path[..], entry.kind))
        .collect();
    let expected = [
        ("Dockerfile", IndexKind::File),
        ("app", IndexKind::Directory),
        ("app/run", IndexKind::File),
    ];
    assert_eq!(paths, expected);
    assert_eq!(index[2].sha256, Some(Digest::of(b"#!").hex()));

    let copy = |source, from: &str, to: &str, chown: Option<&str>| CopyInto {
        container: container('c'),
        layers: vec![base.clone()],
        source,
        items: vec![CopyItem {
            from: from.into(),
            to: String::new(),
            unpack: false,
            shallow: false,
        }],
        chown: chown.map(Into::into),
        chmod: None,
        destination: to.into(),
        into_directory: false,
    };
    let context = Tree::Context(job('a'));
    let request = copy(context.clone(), "app", "/srv", Some("web"));
    host.ask(Request::Copy(Box::new(request)), vec![]).last();
    let unknown = copy(context, "app", "/srv", Some("nobody"));
    let answer = host.ask(Request::Copy(Box::new(unknown)), vec![]);
    assert_eq!(answer.failure().kind, FailureKind::Invalid);
    let from_image = copy(
        Tree::Layers(vec![base.clone()]),
        "etc/passwd",
        "/etc/copy",
        None,
    );
    host.ask(Request::Copy(Box::new(from_image)), vec![]).last();

    let answer = host.ask(
        Request::CommitUpper {
            container: container('c'),
        },
        vec![],
    );
    let made = answer.unpacked().clone();
    assert!(!host.layout.container(&container('c')).exists() && host.trash_is_empty());
    let run = fs::metadata(host.layout.layer(&made.diff_id).join("srv/run")).unwrap();
    assert_eq!((run.uid(), run.gid()), (33, 44));
    let (answer, out) = host.written(Request::ExportLayer {
        diff_id: made.diff_id.clone(),
    });
    answer.last();
    assert_eq!(diff_id(&Digest::of(&out)), made.diff_id);
    assert_eq!(made.tar_size, out.len() as u64);

    let tree = Tree::Layers(vec![base, made.diff_id]);
    let request = Request::Index {
        source: tree.clone(),
        path: "/srv".into(),
    };
    let listed = host.ask(request, vec![]).index();
    assert_eq!(listed[1].path, "srv/run");
    let (answer, flat) = host.written(Request::Flatten { source: tree });
    answer.last();
    assert!(flat.windows(8).any(|window| window == b"etc/copy"));
    host.ask(Request::RemoveJob { job: job('a') }, vec![])
        .last();
    assert!(!host.layout.context(&job('a')).exists());
}

#[test]
fn a_zip_is_a_context_too_and_a_bad_one_leaves_nothing() {
    let host = Host::new();
    // An empty archive: the end record alone (APPNOTE.TXT 4.3.16).
    let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let answer = host.ask(
        Request::UnpackContext { job: job('b') },
        host.stream(&empty),
    );
    assert_eq!(answer.index(), []);
    let answer = host.ask(
        Request::UnpackContext { job: job('b') },
        host.stream(b"PK\x03\x04 no archive"),
    );
    assert_eq!(answer.failure().kind, FailureKind::Invalid);
    assert!(!host.layout.context(&job('b')).exists());
}
