//! What instructions become once their variables are replaced; whole files are in the corpus.

use super::*;
use crate::context::Ignore;
use crate::context::index::tests::index;
use crate::dockerfile::parse;
use crate::plan::RunStep;
use crate::plan::stage::graph;

fn base(name: &str) -> Option<BaseImage> {
    let config = Config {
        env: vec!["PATH=/bin".into()],
        cmd: Some(vec!["sh".into()]),
        working_dir: "/base".into(),
        on_build: match name {
            "triggers" => vec!["RUN echo $PATH".into(), "COPY a /a".into()],
            "broken" => vec!["RUNN x".into()],
            _ => Vec::new(),
        },
        ..Config::default()
    };
    Some(BaseImage {
        layers: vec![format!("sha256:{name}")],
        config,
    })
}

fn planned(text: &str, args: &[(&str, &str)]) -> Result<Plan, Refusal> {
    let file = parse(text).expect("parses");
    let options = Options {
        args: args
            .iter()
            .map(|(n, v)| ((*n).to_owned(), Some((*v).to_owned())))
            .collect(),
        ..Options::default()
    };
    let graph = graph(text, &file, &options)?;
    let context = Context::new(
        index(&["a=1", "b=2", "secret"]),
        Ignore::parse("secret").expect("parses"),
    );
    plan(text, &file, &graph, &options, &base, &context)
}

fn target(text: &str) -> PlannedStage {
    let plan = planned(text, &[]).unwrap_or_else(|refusal| panic!("{refusal}"));
    plan.stages.into_iter().next_back().expect("a stage")
}

fn run_of(step: &Step) -> &RunStep {
    match &step.action {
        Action::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn variables_are_those_before_the_instruction() {
    let stage = target("FROM x\nENV a=hello\nENV a=bye b=$a\nWORKDIR $b\nWORKDIR sub");
    assert_eq!(stage.config.env, ["PATH=/bin", "a=bye", "b=hello"]);
    assert_eq!(stage.config.working_dir, "/base/hello/sub");
}

#[test]
fn arguments_reach_run_and_the_environment_wins() {
    let text =
        "ARG g=1\nFROM x\nARG g\nARG a=$g-x\nENV e=env\nARG e=arg\nARG TARGETARCH\nARG none\nRUN x";
    let plan = planned(
        text,
        &[("a", "given"), ("http_proxy", "p"), ("unknown", "u")],
    )
    .expect("plans");
    let step = plan.stages[0].steps.last().expect("a step");
    let run = run_of(step);
    assert_eq!(
        run.env,
        ["PATH=/bin", "e=env", "g=1", "a=given", "TARGETARCH=amd64"]
    );
    assert_eq!(run.uncounted_env, ["http_proxy=p"]);
    assert_eq!(
        step.created_by,
        "RUN |3 g=1 a=given TARGETARCH=amd64 /bin/sh -c x"
    );
    let names: Vec<&str> = plan.warnings.iter().map(|w| &w.name[..]).collect();
    assert_eq!(names, ["UnusedBuildArg"]);
}

#[test]
fn a_stage_on_a_stage_inherits_everything() {
    let stage =
        target("FROM x AS a\nARG v=1\nENV e=2\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"e\"]\nRUN x");
    assert_eq!(run_of(&stage.steps[2]).env, ["PATH=/bin", "e=2", "v=1"]);
    assert_eq!(stage.config.cmd, None, "the command was the base's");
}

#[test]
fn triggers_run_first_and_only_once() {
    let stage = target("FROM triggers\nRUN y");
    let texts: Vec<&str> = stage.steps.iter().map(|s| &s.text[..]).collect();
    assert_eq!(
        texts,
        ["FROM triggers", "RUN echo $PATH", "COPY a /a", "RUN y"]
    );
    assert!(stage.config.on_build.is_empty());
    let message = planned("FROM x\n\nFROM broken", &[])
        .expect_err("refused")
        .to_string();
    assert!(
        message.starts_with("Dockerfile:3:1: in a trigger"),
        "{message}"
    );
}

#[test]
fn shells_scripts_and_here_documents_become_command_lines() {
    let stage = target(
        "FROM x\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN a\nRUN <<E\nb\nE\nRUN <<E\n#!/usr/bin/env python3\nc\nE\nRUN cat <<E\nd\nE\nCMD e",
    );
    let lines: Vec<String> = stage.steps[2..6]
        .iter()
        .map(|s| run_of(s).args.join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "/bin/bash -ec a",
            "/bin/bash -ec b\n",
            "/usr/bin/env python3 /dev/stdin",
            "/bin/bash -ec cat <<E\nd\nE"
        ]
    );
    assert_eq!(
        run_of(&stage.steps[4]).stdin.as_deref(),
        Some("#!/usr/bin/env python3\nc\n")
    );
    assert_eq!(
        stage.config.cmd,
        Some(vec!["/bin/bash".into(), "-ec".into(), "e".into()])
    );
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_runs() {
    for (text, part) in [
        (
            "FROM x\nRUN --mount=type=cache,target=/c x",
            "2:5: --mount=type=cache is not supported",
        ),
        (
            "FROM x\nRUN --network=host x",
            "--network=host is not supported",
        ),
        (
            "FROM x\nRUN --security=insecure x",
            "--security=insecure is not supported",
        ),
        ("FROM x\nCOPY a c /d/", "2:8: \"c\" is not there"),
        (
            "FROM x\nCOPY secret /d/",
            "excluded by .dockerignore, line 1: secret",
        ),
        ("FROM x\nCOPY a b /d", "must be a folder and end in /"),
        ("FROM x\nCOPY [ab] /d", "must be a folder and end in /"),
        ("FROM x\nCOPY --chmod=u+x a /d", "octal"),
        ("FROM x\nCOPY http://h/x /d", "ADD does"),
        ("FROM x\nADD https://h/x.git /d", "Git repository"),
        ("FROM x\nADD http://h/ /d/", "no file name"),
        ("FROM x\nADD --checksum=md5:1 http://h/x /d/", "sha256"),
        ("FROM x\nEXPOSE 0", "no port"),
        ("FROM x\nEXPOSE 80/xyz", "no port"),
        ("FROM x\nSTOPSIGNAL SIGNOPE", "no signal"),
        ("FROM x\nUSER $nobody", "empty"),
        ("FROM x\nENV a=\"${b?must be set}\"", "b: must be set"),
        ("FROM x\nENV a=\"x", "quote is not closed"),
        ("FROM x\nCOPY <<a/b /x\na/b\n", "no name for a file"),
    ] {
        let message = planned(text, &[]).expect_err(text).to_string();
        assert!(message.contains(part), "{text:?} gave\n{message}");
    }
}

#[test]
fn undefined_variables_are_warned_of() {
    let plan = planned("FROM x\nCOPY a /$PAHT/\nCOPY a ${q:-/z}", &[]).expect("plans");
    let [warning] = &plan.warnings[..] else {
        panic!("{:?}", plan.warnings)
    };
    assert_eq!((warning.line, &warning.name[..]), (Some(2), "UndefinedVar"));
    assert!(
        warning.message.contains("did you mean $PATH?"),
        "{}",
        warning.message
    );
}

#[test]
fn variables_of_variables_do_not_grow_without_bounds() {
    let mut text = String::from("FROM x\nENV a=xxxxxxxxxxxxxxxx\n");
    for _ in 0..64 {
        text.push_str("ENV a=$a$a\n");
    }
    assert!(planned(&text, &[]).is_err());
}
