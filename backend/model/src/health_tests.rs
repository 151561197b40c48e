//! Health checks: merging, and what a row of results comes to.

use super::*;

fn words(text: &str) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

fn check(test: &str) -> HealthCheck {
    HealthCheck::from_docker(&words(test), [0; 4], 0).expect("valid")
}

fn result(code: i32) -> HealthResult {
    HealthResult {
        start: Timestamp::UNIX_EPOCH,
        end: Timestamp::UNIX_EPOCH,
        code,
        output: String::new(),
    }
}

fn probe() -> Probe {
    let check = HealthCheck {
        start_period: Some(Duration::from_secs(10)),
        retries: Some(2),
        ..check("CMD|true")
    };
    check.probe(None).expect("a probe")
}

#[test]
fn dockers_words_are_read_and_written() {
    for text in ["NONE", "CMD|a|b c", "CMD-SHELL|test -f /x; exit 1"] {
        let test = check(text).test.expect("a test");
        assert_eq!(test.to_words(), words(text));
    }
    assert_eq!(HealthTest::from_words(&[]), Ok(None));
    for wrong in ["cmd|x", "CMD", "CMD-SHELL|"] {
        assert!(HealthTest::from_words(&words(wrong)).is_err(), "{wrong}");
    }
    assert!(HealthCheck::from_docker(&[], [1, 0, 0, 0], 0).is_err());
    assert!(HealthCheck::from_docker(&[], [0, -1, 0, 0], 0).is_err());
    assert!(HealthCheck::from_docker(&[], [0; 4], -1).is_err());
}

#[test]
fn what_is_not_asked_for_is_the_images() {
    let image = HealthCheck {
        interval: Some(Duration::from_secs(1)),
        retries: Some(9),
        ..check("CMD|image")
    };
    let own = HealthCheck {
        retries: Some(2),
        ..HealthCheck::default()
    };
    let merged = own.over(&image).probe(None).expect("a probe");
    assert_eq!(merged.args, ["image"]);
    assert_eq!(
        (merged.interval, merged.retries),
        (Duration::from_secs(1), 2)
    );
    assert_eq!(merged.timeout, Duration::from_secs(30));
    assert_eq!(check("NONE").over(&image).probe(None), None);
    assert_eq!(HealthCheck::default().probe(None), None);
}

#[test]
fn a_line_goes_to_the_images_shell() {
    let line = check("CMD-SHELL|a b");
    let args = |shell: Option<&[String]>| line.probe(shell).expect("a probe").args;
    assert_eq!(args(None), ["/bin/sh", "-c", "a b"]);
    assert_eq!(
        args(Some(&words("/bin/ash|-ec"))),
        ["/bin/ash", "-ec", "a b"]
    );
}

#[test]
fn failures_count_after_the_start_period_or_once_it_was_well() {
    let (probe, early, late) = (probe(), Duration::from_secs(1), Duration::from_secs(11));
    let mut health = Health::default();
    assert!(!health.take(&probe, early, result(1)));
    assert!(!health.take(&probe, early, result(1)));
    assert_eq!(health.failing_streak, 0);
    assert!(!health.take(&probe, late, result(1)));
    assert!(health.take(&probe, late, result(-1)));
    assert_eq!(
        (health.status, health.failing_streak),
        (HealthStatus::Unhealthy, 2)
    );
    assert!(health.take(&probe, late, result(0)));
    assert_eq!(
        (health.status, health.failing_streak),
        (HealthStatus::Healthy, 0)
    );
    health.begin();
    assert!(health.take(&probe, early, result(0)));
    assert!(!health.take(&probe, early, result(1)));
    assert!(health.take(&probe, early, result(1)), "it had been well");
    assert_eq!(health.log.len(), KEPT_RESULTS);
    assert_eq!(health.log.last().map(|last| last.code), Some(1));
}

#[test]
fn probes_come_more_often_while_it_starts() {
    let probe = Probe {
        start_interval: Duration::from_secs(1),
        ..probe()
    };
    let pause = |status, ran| probe.pause(status, Duration::from_secs(ran));
    assert_eq!(pause(HealthStatus::Starting, 3), Duration::from_secs(1));
    assert_eq!(pause(HealthStatus::Healthy, 3), Duration::from_secs(30));
    assert_eq!(pause(HealthStatus::Starting, 10), Duration::from_secs(30));
}
