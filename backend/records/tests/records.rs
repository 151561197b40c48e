//! Containers, leases, events, jobs and people on a real database with the real migrations.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use orlop_model::container::{Container, State};
use orlop_model::event::{Event, EventObject};
use orlop_model::id::{ContainerId, Digest, JobId};
use orlop_model::job::{Job, JobKind, JobStatus};
use orlop_model::lifecycle::{Exit, Status};
use orlop_model::limits::Limits;
use orlop_model::request::{ContainerRequest, LogOptions};
use orlop_model::spec::{ContainerSpec, Network, Process, Security};
use orlop_records::{Records, RecordsError};

async fn records() -> (tempfile::TempDir, Records) {
    let folder = tempfile::tempdir().expect("folder");
    let records = open(&folder).await;
    (folder, records)
}

async fn open(folder: &tempfile::TempDir) -> Records {
    Records::open(&folder.path().join("orlop.db"))
        .await
        .expect("records")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("time")
}

fn container(number: u32, name: &str) -> (Container, ContainerSpec) {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    let id = ContainerId::from_bytes(bytes);
    let args = vec!["/bin/sh".to_owned()];
    let container = Container {
        id: id.clone(),
        name: name.parse().expect("name"),
        request: ContainerRequest::default(),
        image_id: Digest::from_sha256([1; 32]),
        args: args.clone(),
        env: vec!["A=1".to_owned()],
        workdir: "/".to_owned(),
        user: String::new(),
        created_at: at(number.into()),
        state: State::default(),
        endpoint: None,
        ports: Vec::new(),
    };
    let process = Process {
        args,
        env: container.env.clone(),
        cwd: "/".to_owned(),
        user: String::new(),
        groups: Vec::new(),
        tty: None,
        open_stdin: false,
        stdin_once: false,
        ulimits: Vec::new(),
        oom_score_adj: 0,
    };
    let spec = ContainerSpec {
        id,
        layers: vec![Digest::from_sha256([2; 32])],
        hostname: "web".to_owned(),
        domainname: String::new(),
        process,
        mounts: Vec::new(),
        network: Network::None,
        namespaces: orlop_model::namespace::Namespaces::default(),
        limits: Limits::default(),
        devices: Default::default(),
        security: Security::default(),
        shm_size: 64 << 20,
        init: false,
        sysctls: BTreeMap::new(),
        extra_hosts: Vec::new(),
        dns: Vec::new(),
        dns_search: Vec::new(),
        log: LogOptions::default(),
    };
    (container, spec)
}

async fn insert(records: &Records, number: u32, name: &str) -> Container {
    let (container, spec) = container(number, name);
    records
        .insert_container(&container, &spec)
        .await
        .expect("insert");
    container
}

#[tokio::test]
async fn what_is_recorded_is_there_after_the_database_was_closed() {
    let (folder, records) = records().await;
    let (mut container, mut spec) = container(1, "web");
    records
        .insert_container(&container, &spec)
        .await
        .expect("insert");
    container.state.status = Status::Exited;
    container.state.exit = Some(Exit {
        code: 137,
        signal: Some(9),
        oom_killed: true,
        at: at(9),
        error: Some("why".to_owned()),
    });
    spec.limits.pids = Some(7);
    records
        .update_container_and_spec(&container, &spec)
        .await
        .expect("update");
    records.set_setting("id", "one").await.expect("set");
    records.set_setting("id", "two").await.expect("set again");
    records.close().await;

    let records = open(&folder).await;
    let found = records.container(&container.id).await.expect("read");
    assert_eq!(found, Some(container.clone()));
    let found = records.spec(&container.id).await.expect("read");
    assert_eq!(found, Some(spec));
    let id = records.setting("id").await.expect("read");
    assert_eq!(id.as_deref(), Some("two"));
    records.delete_container(&container.id).await.expect("gone");
    assert!(records.containers().await.expect("list").is_empty());
}

#[tokio::test]
async fn a_name_is_held_by_one_container() {
    let (_folder, records) = records().await;
    insert(&records, 1, "web").await;
    let mut other = insert(&records, 2, "db").await;
    let (third, spec) = container(3, "web");
    let taken = records.insert_container(&third, &spec).await;
    assert!(matches!(taken, Err(RecordsError::Taken(what)) if what.contains("\"/web\"")));
    other.name = "web".parse().expect("name");
    let taken = records.update_container(&other).await;
    assert!(matches!(taken, Err(RecordsError::Taken(_))));
    other.name = "store".parse().expect("name");
    records.update_container(&other).await.expect("rename");
    let named = records.container_named("store").await.expect("look");
    assert_eq!(named, Some(other.id));
    assert_eq!(records.container_named("db").await.expect("look"), None);
}

#[tokio::test]
async fn a_prefix_finds_one_container_or_says_that_there_are_more() {
    let (_folder, records) = records().await;
    let one = insert(&records, 0x00ab_0000, "one").await;
    insert(&records, 0x00ab_1000, "two").await;
    let found = |prefix: &'static str| {
        let records = records.clone();
        async move { records.containers_with_prefix(prefix).await.expect("look") }
    };
    assert_eq!(found("00ab0").await, [one.id]);
    assert_eq!(found("00ab").await.len(), 2);
    for none in ["", "00ac", "00ab%", "' OR 1 --"] {
        assert!(found(none).await.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn a_thousand_containers_are_listed_newest_first_and_quickly() {
    let (_folder, records) = records().await;
    for number in 0..1_000 {
        insert(&records, number, &format!("c{number}")).await;
    }
    let begun = std::time::Instant::now();
    let all = records.containers().await.expect("list");
    assert_eq!(all.len(), 1_000);
    assert!(all.is_sorted_by(|a, b| a.created_at >= b.created_at));
    // An unoptimised build on a busy machine; it is some 10 ms.
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn addresses_are_leased_lowest_first_kept_and_given_back() {
    let (_folder, records) = records().await;
    let ids: Vec<_> = (1..=4).map(|n| container(n, "any").0.id).collect();
    let (first, last) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 4));
    let lease = |id: &ContainerId| {
        let (records, id) = (records.clone(), id.clone());
        async move {
            records
                .lease_address(&id, first, last)
                .await
                .expect("lease")
        }
    };
    for (id, end) in ids.iter().zip([2, 3, 4]) {
        assert_eq!(lease(id).await, Some(Ipv4Addr::new(10, 0, 0, end)));
    }
    assert_eq!(lease(&ids[3]).await, None, "all are held");
    assert_eq!(
        lease(&ids[1]).await,
        Some(Ipv4Addr::new(10, 0, 0, 3)),
        "its own"
    );
    records.release_address(&ids[1]).await.expect("release");
    assert_eq!(lease(&ids[3]).await, Some(Ipv4Addr::new(10, 0, 0, 3)));
    // With another subnet, an old lease is worth nothing.
    let (first, last) = (Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(10, 9, 0, 9));
    let moved = records.lease_address(&ids[0], first, last).await;
    assert_eq!(moved.expect("lease"), Some(first));
    assert_eq!(lease(&ids[1]).await, Some(Ipv4Addr::new(10, 0, 0, 2)));
}

#[tokio::test]
async fn two_who_ask_at_once_get_different_addresses() {
    let (_folder, records) = records().await;
    let (first, last) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 200));
    let asks = (0..50).map(|number| {
        let records = records.clone();
        let id = container(number, "any").0.id;
        tokio::spawn(async move { records.lease_address(&id, first, last).await })
    });
    let mut given = std::collections::BTreeSet::new();
    for ask in asks.collect::<Vec<_>>() {
        let address = ask.await.expect("join").expect("lease");
        assert!(given.insert(address.expect("free")));
    }
    assert_eq!(given.len(), 50);
}

#[tokio::test]
async fn events_are_kept_in_order_and_read_by_time() {
    let (_folder, records) = records().await;
    for second in 1..=4 {
        let event = Event {
            at: at(second),
            object: EventObject::Container,
            action: format!("a{second}"),
            id: "x".to_owned(),
            attributes: BTreeMap::from([("name".to_owned(), "web".to_owned())]),
        };
        records.insert_event(&event).await.expect("insert");
    }
    let read = records.events(at(2), at(3)).await.expect("read");
    let actions: Vec<_> = read.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["a2", "a3"]);
    assert_eq!(read[0].attributes["name"], "web");
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_those_under_way_are_found() {
    let (_folder, records) = records().await;
    let statuses = [JobStatus::Running, JobStatus::Queued, JobStatus::Succeeded];
    for (number, status) in (1u8..).zip(statuses) {
        let mut job = Job {
            id: JobId::from_bytes([number; 32]),
            kind: JobKind::Pull,
            title: "debian".to_owned(),
            status: JobStatus::Queued,
            created_at: at(number.into()),
            started_at: None,
            finished_at: None,
            error: None,
            image: None,
        };
        records.put_job(&job).await.expect("make");
        job.status = status;
        records.put_job(&job).await.expect("change");
        assert_eq!(records.job(&job.id).await.expect("read"), Some(job));
    }
    let newest = records.jobs(2).await.expect("list");
    let numbers: Vec<_> = newest.iter().map(|j| j.created_at.as_second()).collect();
    assert_eq!(numbers, [3, 2]);
    assert_eq!(records.unfinished_jobs().await.expect("list").len(), 2);
}

#[tokio::test]
async fn only_one_of_two_sign_ups_succeeds() {
    let (_folder, records) = records().await;
    assert_eq!(records.count_users().await.expect("count"), 0);
    let (one, two) = tokio::join!(
        records.insert_first_user("Ada", "hash", at(1)),
        records.insert_first_user("Eve", "hash", at(1)),
    );
    assert!(one.is_ok() != two.is_ok());
    let failed = one.err().or(two.err());
    assert!(matches!(failed, Some(RecordsError::Taken(_))));
    assert_eq!(records.count_users().await.expect("count"), 1);
}

#[tokio::test]
async fn a_log_in_lasts_until_it_is_ended_or_over() {
    let (_folder, records) = records().await;
    let id = records.insert_first_user("Ada", "hash", at(1)).await;
    let id = id.expect("sign-up");
    let user = records
        .user("aDA")
        .await
        .expect("look")
        .expect("in any case");
    assert_eq!((user.id, user.name.as_str()), (id, "Ada"));
    let later = at(70);
    let ends = [("one", at(50)), ("two", later)];
    for (token, end) in ends {
        let made = records.insert_session(token, "csrf", id, at(10), end).await;
        made.expect("log-in");
    }
    let one = records.session("one").await.expect("look").expect("there");
    assert_eq!((one.user_name.as_str(), one.seen_at), ("Ada", at(10)));
    records.touch_session(one.id, at(20)).await.expect("touch");
    let one = records.session("one").await.expect("look").expect("there");
    assert_eq!((one.seen_at, one.expires_at), (at(20), at(50)));
    let times = records.session_times(one.id).await.expect("look");
    assert_eq!(times, Some((at(20), at(50))));
    records.delete_expired_sessions(at(50)).await.expect("end");
    assert_eq!(records.session_times(one.id).await.expect("look"), None);
    assert_eq!(records.session("one").await.expect("look"), None);
    let two = records.session("two").await.expect("look").expect("there");
    records.delete_session(two.id).await.expect("end");
    assert_eq!(records.session("two").await.expect("look"), None);
}
