//! Tests of the module above.

use super::*;

fn run(events: Vec<JobEvent>) -> (Steps, Vec<Change>) {
    let mut steps = Steps::default();
    let mut changes = Vec::new();
    for (i, event) in events.into_iter().enumerate() {
        let at = Timestamp::from_millisecond(i as i64 * 1000).expect("valid");
        changes.extend(steps.add(&JobLine { at, event }));
    }
    (steps, changes)
}

fn plan() -> JobEvent {
    let step = |instruction: &str, line| PlannedStep {
        stage: "0".to_owned(),
        instruction: instruction.to_owned(),
        line,
    };
    JobEvent::Plan {
        steps: vec![
            step("FROM debian", 1),
            step("RUN false", 2),
            step("RUN x", 3),
        ],
    }
}

fn states(steps: &Steps) -> Vec<&'static str> {
    steps.all.iter().map(|step| step.state).collect()
}

#[test]
fn a_failed_build_shows_where_and_skips_the_rest() {
    let (steps, changes) = run(vec![
        plan(),
        JobEvent::StepStarted { step: 0 },
        JobEvent::StepFinished {
            step: 0,
            cached: true,
            reason: None,
            millis: 0,
            result: None,
        },
        JobEvent::StepStarted { step: 1 },
        JobEvent::StepOutput {
            step: 1,
            stream: 2,
            text: "oh\n".to_owned(),
        },
        JobEvent::StepFailed {
            step: 1,
            message: "code 1".to_owned(),
        },
        JobEvent::Status {
            status: JobStatus::Failed,
            error: Some("line 2: code 1".to_owned()),
            image: None,
        },
    ]);
    assert_eq!(states(&steps), ["cached", "failed", "skipped"]);
    assert_eq!(steps.all[1].millis, Some(2000));
    assert_eq!(steps.all[0].stage, "");
    let end = steps.end.expect("ended");
    assert_eq!(
        (end.state, end.error.as_str()),
        ("failed", "line 2: code 1")
    );
    let said = |c: &&Change| {
        matches!(
            c,
            Change::Output {
                index: 2,
                stream: "stderr",
                ..
            }
        )
    };
    assert_eq!(changes.iter().filter(said).count(), 2);
}

#[test]
fn what_comes_before_the_first_step_is_a_step_of_its_own() {
    let fetch = |status: &str| JobEvent::Progress {
        part: "ab12".to_owned(),
        status: status.to_owned(),
        current: 1,
        total: 2,
    };
    let (steps, changes) = run(vec![
        plan(),
        fetch("Downloading"),
        fetch("Downloading"),
        fetch("Pull complete"),
        JobEvent::StepStarted { step: 0 },
    ]);
    assert_eq!(states(&steps), ["running", "waiting", "waiting", "done"]);
    let told = changes
        .iter()
        .filter(|c| matches!(c, Change::Output { index: 0, .. }));
    assert_eq!(told.count(), 2);
}

#[test]
fn a_cancelled_build_leaves_nothing_running() {
    let (steps, _) = run(vec![
        plan(),
        JobEvent::StepStarted { step: 0 },
        JobEvent::Status {
            status: JobStatus::Cancelled,
            error: None,
            image: None,
        },
    ]);
    assert_eq!(states(&steps), ["cancelled", "skipped", "skipped"]);
}

#[test]
fn long_output_is_cut_between_characters() {
    let long = "ä".repeat(OUTPUT_MAX_LEN);
    let pieces = output(1, "stdout", &long);
    assert_eq!(pieces.len(), 2);
}
