//! Whole Dockerfiles and what becomes of them: `corpus/<case>/Dockerfile`, the files of its
//! context in `context` (one a line: `name`, `name/`, `name -> target`), and `expected`, the plan
//! or the refusal. With `ORLOP_BLESS=1` the expectations are written anew, to be read over.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use orlop_builder::config::Config;
use orlop_builder::context::{Context, Entry, Ignore, Index, Kind};
use orlop_builder::dockerfile::{Refusal, parse};
use orlop_builder::plan::plan;
use orlop_builder::plan::stage::graph;
use orlop_builder::plan::{Action, BaseImage, CopyStep, Options, Plan, RunStep};

fn index(lines: &str) -> Index {
    let entries = lines.lines().filter(|line| !line.is_empty()).map(|line| {
        let (path, kind) = match (line.strip_suffix('/'), line.split_once(" -> ")) {
            (Some(path), _) => (path, Kind::Directory),
            (_, Some((path, target))) => {
                let target = target.to_owned();
                (path, Kind::Symlink { target })
            }
            _ => {
                let sha256 = "0".repeat(64);
                (line, Kind::File { size: 1, sha256 })
            }
        };
        Entry {
            path: path.to_owned(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
        }
    });
    Index::new(entries.collect())
}

/// Every name is an image: a Debian-like one, with triggers if it is called `triggers`.
fn base(name: &str) -> Option<BaseImage> {
    let triggers = [
        "ADD . /app/src",
        "RUN /usr/local/bin/python-build --dir /app/src",
    ];
    let config = Config {
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()],
        cmd: Some(vec!["bash".into()]),
        on_build: match name {
            "triggers" => triggers.map(str::to_owned).into(),
            _ => Vec::new(),
        },
        ..Config::default()
    };
    Some(BaseImage {
        layers: vec![format!("layer-of-{name}")],
        config,
    })
}

fn planned(case: &Path) -> Result<Plan, Refusal> {
    let text = fs::read_to_string(case.join("Dockerfile")).expect("Dockerfile");
    let read = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let ignore = Ignore::parse(&read("dockerignore")).expect("ignore file");
    let context = Context::new(index(&read("context")), ignore);
    let options = Options::default();
    let file = parse(&text)?;
    let graph = graph(&text, &file, &options)?;
    plan(&text, &file, &graph, &options, &base, &context)
}

fn run(run: &RunStep) -> String {
    let mut text = format!("run {:?}\n    env {:?}", run.args, run.env);
    for (name, value) in [("user", &run.user), ("in", &run.working_dir)] {
        if !value.is_empty() {
            let _ = write!(text, "\n    {name} {value}");
        }
    }
    if run.offline {
        text.push_str("\n    without network");
    }
    for (path, size) in &run.tmpfs {
        let _ = write!(text, "\n    memory at {path} {size:?}");
    }
    if let Some(script) = &run.stdin {
        let _ = write!(text, "\n    stdin {script:?}");
    }
    text
}

fn copy(copy: &CopyStep) -> String {
    let mut text = format!("copy to {}", copy.destination);
    if let Some(owner) = &copy.chown {
        let _ = write!(text, " owner {owner}");
    }
    if let Some(mode) = copy.chmod {
        let _ = write!(text, " mode {mode:o}");
    }
    for group in &copy.groups {
        let _ = write!(text, "\n    from {:?}", group.origin);
        match &group.selection {
            None => {
                let _ = write!(text, ": {:?}", group.wanted.sources);
            }
            Some(selection) => {
                for item in &selection.items {
                    let alone = if item.shallow { " alone" } else { "" };
                    let unpack = if item.unpack { " unpack" } else { "" };
                    let _ = write!(
                        text,
                        "\n      {:?} > {:?}{alone}{unpack}",
                        item.from, item.to
                    );
                }
            }
        }
    }
    text
}

fn config(config: &Config) -> String {
    let json = serde_json::to_value(config).expect("serialises");
    let fields = json.as_object().expect("an object");
    let shown = fields.iter().filter(|(_, value)| {
        let text = value.to_string();
        !matches!(&text[..], "null" | "[]" | "{}" | "\"\"")
    });
    shown
        .map(|(name, value)| format!("  {name} {value}\n"))
        .collect()
}

fn shown(outcome: Result<Plan, Refusal>) -> String {
    let plan = match outcome {
        Ok(plan) => plan,
        Err(refusal) => return format!("{refusal}\n"),
    };
    let mut text = String::new();
    for stage in &plan.stages {
        let _ = writeln!(text, "stage {} on {:?}", stage.label, stage.base);
        for step in &stage.steps {
            let action = match &step.action {
                Action::From => continue,
                Action::Metadata => "note".to_owned(),
                Action::Folder { path, owner } => format!("folder {path} {owner:?}"),
                Action::Run(step) => run(step),
                Action::Copy(step) => copy(step),
            };
            let _ = writeln!(
                text,
                "  {}: {action}\n    # {}",
                step.line,
                step.created_by.trim_end()
            );
        }
        let _ = write!(text, "config\n{}", config(&stage.config));
    }
    for warning in &plan.warnings {
        let _ = writeln!(
            text,
            "warning {} {:?} {}",
            warning.name, warning.line, warning.message
        );
    }
    text
}

#[test]
fn dockerfiles_become_the_expected_plans() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases = 0;
    for case in fs::read_dir(corpus).expect("corpus") {
        let case = case.expect("entry").path();
        let found = shown(planned(&case));
        let expected = case.join("expected");
        if std::env::var_os("ORLOP_BLESS").is_some() {
            fs::write(&expected, &found).expect("write");
        }
        let expected = fs::read_to_string(&expected).expect("expected");
        assert_eq!(found, expected, "{}", case.display());
        cases += 1;
    }
    assert!(cases > 10, "only {cases} cases");
}
