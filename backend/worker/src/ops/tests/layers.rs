//! Layers, volumes, tidying up, cancelling.

use super::*;

#[test]
fn a_layer_is_taken_in_once_and_written_out_again() {
    let host = Host::new();
    let bytes = tar(&[
        ("etc/", ""),
        ("etc/os", "orlop"),
        ("etc/.wh..wh..opq", ""),
        (".wh.x", ""),
    ]);
    let expected = diff_id(&Digest::of(&bytes));
    let mut packed = gzip_writer(Vec::new());
    packed.write_all(&bytes).unwrap();
    let packed = packed.finish().unwrap();
    let request = || Request::UnpackLayer {
        diff_id: Some(expected.clone()),
    };
    let answer = host.ask(request(), host.stream(&packed));
    assert!(
        answer
            .replies
            .iter()
            .any(|reply| matches!(reply, Reply::Progress(count)
        if *count == packed.len() as u64))
    );
    assert_eq!(answer.unpacked().diff_id, expected);
    assert_eq!(
        (answer.unpacked().size, answer.unpacked().existed),
        (5, false)
    );
    let again = host.ask(request(), host.stream(&packed));
    assert_eq!((again.unpacked().size, again.unpacked().existed), (5, true));
    let Reply::Layers(all) = host.ask(Request::ListLayers, vec![]).last().clone() else {
        panic!()
    };
    assert_eq!(all, std::slice::from_ref(&expected));

    // Our own writer made the tar, but whiteouts stand elsewhere in it than where we put them.
    let (answer, _) = host.written(Request::ExportLayer {
        diff_id: expected.clone(),
    });
    assert_eq!(answer.failure().kind, FailureKind::Unsupported);
    let plain = host.layer(&[("a", "1"), ("b/", ""), ("b/c", "2")]);
    let (answer, out) = host.written(Request::ExportLayer {
        diff_id: plain.clone(),
    });
    assert!(matches!(answer.last(), Reply::Done));
    assert_eq!(diff_id(&Digest::of(&out)), plain);

    host.ask(
        Request::RemoveLayer {
            diff_id: plain.clone(),
        },
        vec![],
    )
    .last();
    assert!(!host.layout.layer(&plain).exists() && host.trash_is_empty());
}

#[test]
fn a_layer_that_lies_or_attacks_leaves_nothing() {
    let host = Host::new();
    let promised = diff_id(&Digest::of(b"other"));
    let lying = host.stream(&tar(&[("f", "x")]));
    let answer = host.ask(
        Request::UnpackLayer {
            diff_id: Some(promised),
        },
        lying,
    );
    assert_eq!(answer.failure().kind, FailureKind::Invalid);
    let mut evil = tar(&[("aaaaaaaaa", "dead")]);
    evil[..9].copy_from_slice(b"../canary");
    let sum: u32 = evil[..512].iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - evil[148..156]
            .iter()
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
        + 8 * 32;
    evil[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let answer = host.ask(Request::UnpackLayer { diff_id: None }, host.stream(&evil));
    assert_eq!(answer.failure().kind, FailureKind::Invalid);
    assert!(
        answer.failure().message.contains("`..`"),
        "{}",
        answer.failure()
    );
    assert!(
        host.ask(Request::UnpackLayer { diff_id: None }, vec![])
            .result
            .is_err()
    );
    assert_eq!(fs::read_dir(host.layout.layers()).unwrap().count(), 0);
    assert_eq!(
        fs::read_to_string(host.dir.path().join("canary")).unwrap(),
        "alive"
    );
}

#[test]
fn the_sweep_keeps_what_is_named_and_nothing_else() {
    let host = Host::new();
    let kept = host.layer(&[("kept", "1")]);
    let lost = host.layer(&[("lost", "2")]);
    fs::create_dir(host.layout.layers().join(".unfinished-1-1")).unwrap();
    for letter in ['a', 'b'] {
        fs::create_dir_all(host.layout.upper(&container(letter))).unwrap();
        fs::create_dir_all(host.layout.context(&job(letter))).unwrap();
    }
    let request = Request::Sweep {
        containers: vec![container('a')],
        layers: vec![kept.clone()],
        jobs: vec![job('b')],
    };
    host.ask(request, vec![]).last();
    let names = |folder: PathBuf| -> Vec<String> {
        let all = fs::read_dir(folder).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names(host.layout.layers()), [kept.hex()]);
    assert_eq!(names(host.layout.containers()), [id('a')]);
    assert_eq!(names(host.layout.contexts()), [id('b')]);
    assert!(!host.layout.layer(&lost).exists() && host.trash_is_empty());
}

#[test]
fn a_volume_is_filled_once_and_removed() {
    let host = Host::new();
    let base = host.layer(&[("data/", ""), ("data/f", "from the image")]);
    let name = "volume-1".parse().unwrap();
    let run = host.dir.path().join("run");
    let (_server, worker) = UnixStream::pair().unwrap();
    let stage = Stage {
        layout: &host.layout,
        run: &run,
        server: worker.as_fd(),
    };
    let prepare = || {
        super::super::volumes::prepare(stage, &name, std::slice::from_ref(&base), "/data", true)
            .unwrap()
    };
    let data = prepare();
    assert_eq!(
        fs::read_to_string(data.join("f")).unwrap(),
        "from the image"
    );
    fs::write(data.join("f"), "changed").unwrap();
    assert_eq!(fs::read_to_string(prepare().join("f")).unwrap(), "changed");
    host.ask(Request::RemoveVolume { name: name.clone() }, vec![])
        .last();
    assert!(!data.exists() && host.trash_is_empty());
    let answer = host.ask(Request::RemoveVolume { name: name.clone() }, vec![]);
    assert_eq!(answer.failure().kind, FailureKind::NotFound);
}

#[test]
fn what_a_cancelled_request_had_begun_is_undone() {
    let host = Host::new();
    let (mut into, out) = UnixStream::pair().unwrap();
    into.write_all(&tar(&[("f", "x")])[..700]).unwrap();
    let (server, worker) = UnixStream::pair().unwrap();
    let run = host.dir.path().join("run");
    let closing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(server);
    });
    let stage = Stage {
        layout: &host.layout,
        run: &run,
        server: worker.as_fd(),
    };
    let request = Request::UnpackLayer { diff_id: None };
    let result = serve(
        stage,
        request,
        vec![OwnedFd::from(File::from(OwnedFd::from(out)))],
    );
    closing.join().unwrap();
    assert_eq!(result.unwrap_err().kind, FailureKind::Cancelled);
    assert_eq!(fs::read_dir(host.layout.layers()).unwrap().count(), 0);
}
