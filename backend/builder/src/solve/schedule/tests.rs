//! The walk against effects that only write down what they are asked for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use super::*;
use crate::context::index::tests::index;
use crate::context::{Context, Ignore};
use crate::dockerfile::parse;
use crate::plan::plan;
use crate::plan::stage::graph;
use crate::plan::{BaseImage, Options, RunStep};

#[derive(Default)]
struct Notes {
    cache: BTreeMap<Key, Layer>,
    inputs: BTreeMap<(Key, String), Inputs>,
    asked: Vec<String>,
    outcomes: Vec<Outcome>,
    /// Files of every other tree.
    tree: Index,
}

impl Notes {
    fn made(&mut self, what: String) -> Result<Layer, Infallible> {
        let digest = (!what.contains("nothing")).then(|| format!("sha256:{what}"));
        self.asked.push(what);
        let created = Some(format!("time {}", self.asked.len()));
        Ok(Layer {
            digest,
            size: 1,
            created,
        })
    }
}

impl Steps for Notes {
    type Error = Infallible;

    async fn list(&mut self, _: &[String], path: &str) -> Result<Vec<Entry>, Infallible> {
        self.asked.push(format!("list {path}"));
        let Some(real) = self.tree.resolve(path) else {
            return Ok(Vec::new());
        };
        let found = self
            .tree
            .get(&real)
            .into_iter()
            .chain(self.tree.below(&real));
        let named = |entry: &Entry| Entry {
            path: format!("{path}{}", &entry.path[real.len()..])
                .trim_matches('/')
                .to_owned(),
            ..entry.clone()
        };
        Ok(found.map(named).collect())
    }

    async fn fetch(&mut self, url: &str, name: &str, _: Option<&str>) -> Result<Entry, Infallible> {
        self.asked.push(format!("fetch {url}"));
        Ok(index(&[&format!("{name}=fetched")])
            .into_entries()
            .remove(0))
    }

    async fn recall(&mut self, key: &Key) -> Result<Option<Layer>, Infallible> {
        Ok(self.cache.get(key).cloned())
    }

    async fn recall_inputs(
        &mut self,
        parent: &Key,
        text: &str,
    ) -> Result<Option<Inputs>, Infallible> {
        Ok(self.inputs.get(&(parent.clone(), text.to_owned())).cloned())
    }

    async fn remember(&mut self, memo: Memo<'_>) -> Result<(), Infallible> {
        self.cache.insert(memo.key.clone(), memo.layer.clone());
        self.inputs.insert(
            (memo.parent.clone(), memo.text.to_owned()),
            memo.inputs.clone(),
        );
        Ok(())
    }

    async fn run(&mut self, _: usize, _: &[String], run: &RunStep) -> Result<Layer, Infallible> {
        self.made(run.args.join(" "))
    }

    async fn copy(
        &mut self,
        _: &[String],
        copy: &CopyStep,
        work: &[CopyWork<'_>],
    ) -> Result<Layer, Infallible> {
        let items = work.iter().flat_map(|work| &work.selection.items);
        let items: Vec<String> = items
            .map(|item| format!("{}>{}", item.from, item.to))
            .collect();
        self.made(format!("copy {} {}", items.join(" "), copy.destination))
    }

    async fn make_folder(
        &mut self,
        _: &[String],
        path: &str,
        _: Option<&str>,
    ) -> Result<Layer, Infallible> {
        self.made(format!("folder {path}"))
    }

    fn tell(&mut self, event: Event) {
        if let Event::Finished { outcome, .. } = event {
            self.outcomes.push(outcome);
        }
    }
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn build(notes: &mut Notes, text: &str, files: &[&str], use_cache: bool) -> Solved {
    let file = parse(text).expect("parses");
    let options = Options::default();
    let graph = graph(text, &file, &options).expect("sorts");
    let context = Context::new(index(files), Ignore::default());
    let base = |_: &str| {
        Some(BaseImage {
            layers: vec!["sha256:base".into()],
            ..BaseImage::default()
        })
    };
    let plan = plan(text, &file, &graph, &options, &base, &context).expect("plans");
    notes.asked.clear();
    notes.outcomes.clear();
    now(solve(&plan, use_cache, notes)).unwrap_or_else(|error| panic!("{:?}", error.cause))
}

const TEXT: &str = "FROM base\nENV A=1\nCOPY a /a\nRUN make $A\nRUN nothing\nCMD [\"x\"]";

fn reasons(notes: &Notes) -> Vec<String> {
    let text = |outcome: &Outcome| match outcome {
        Outcome::Noted => "-".to_owned(),
        Outcome::Cached => "cached".to_owned(),
        Outcome::Done(reason) => reason.to_string(),
    };
    notes.outcomes.iter().map(text).collect()
}

#[test]
fn layers_and_history_come_out_in_order() {
    let mut notes = Notes::default();
    let solved = build(&mut notes, TEXT, &["a=1"], true);
    assert_eq!(
        solved.layers,
        [
            "sha256:base",
            "sha256:copy a> /a",
            "sha256:/bin/sh -c make $A"
        ]
    );
    let history: Vec<(String, bool)> = solved
        .config
        .history
        .into_iter()
        .map(|made| (made.created_by, made.empty_layer))
        .collect();
    assert_eq!(
        history,
        [
            ("ENV A=1", true),
            ("COPY a /a", false),
            ("RUN /bin/sh -c make $A", false),
            ("RUN /bin/sh -c nothing", true),
            ("CMD [\"x\"]", true),
        ]
        .map(|(text, empty)| (text.to_owned(), empty))
    );
    assert_eq!(solved.config.cmd, Some(vec!["x".into()]));
}

#[test]
fn the_cache_is_used_until_something_changes_and_says_what() {
    let mut notes = Notes::default();
    let first = build(&mut notes, TEXT, &["a=1"], true);
    let again = build(&mut notes, TEXT, &["a=1"], true);
    assert_eq!(again, first);
    assert_eq!(
        reasons(&notes),
        ["-", "-", "cached", "cached", "cached", "-"]
    );
    assert!(notes.asked.is_empty());

    build(&mut notes, TEXT, &["a=2"], true);
    let parent = "a step before it changed";
    assert_eq!(reasons(&notes)[2..5], ["the file changed", parent, parent]);

    build(&mut notes, &TEXT.replace("A=1", "A=2"), &["a=1"], true);
    assert_eq!(
        reasons(&notes)[2..5],
        ["cached", "A has another value", parent]
    );

    build(&mut notes, &TEXT.replace("make", "mk"), &["a=1"], true);
    assert_eq!(
        reasons(&notes)[2..4],
        ["cached", "not done before on this base"]
    );

    build(&mut notes, &format!("{TEXT}\nLABEL x=y"), &["a=1"], true);
    assert_eq!(reasons(&notes)[2..5], ["cached", "cached", "cached"]);

    build(&mut notes, TEXT, &["a=1"], false);
    assert_eq!(reasons(&notes)[2], "the cache is switched off");
}

#[test]
fn other_stages_are_listed_only_as_far_as_needed() {
    let mut notes = Notes {
        tree: index(&[
            "usr/",
            "usr/lib/",
            "usr/lib/z.so -> z.so.1",
            "usr/lib/z.so.1=z",
            "lib -> usr/lib",
        ]),
        ..Notes::default()
    };
    let text = "FROM base AS a\nRUN x\nFROM scratch\nCOPY --from=a /lib/z.so* /l/\nCOPY --from=a lib/z.so.1 /z";
    let solved = build(&mut notes, text, &[], true);
    assert_eq!(
        notes.asked,
        [
            "/bin/sh -c x",
            "list lib",
            "list lib/z.so",
            "copy lib/z.so>z.so lib/z.so.1>z.so.1 /l/",
            "list lib/z.so.1",
            "copy lib/z.so.1> /z"
        ]
    );
    assert_eq!(solved.layers.len(), 2);
}

#[test]
fn a_stage_that_lacks_a_file_fails_at_its_line() {
    let text = "FROM base AS a\nFROM scratch\nCOPY --from=a /none /x";
    let file = parse(text).expect("parses");
    let options = Options::default();
    let graph = graph(text, &file, &options).expect("sorts");
    let base = |_: &str| {
        Some(BaseImage {
            layers: vec!["b".into()],
            ..BaseImage::default()
        })
    };
    let plan = plan(text, &file, &graph, &options, &base, &Context::default()).expect("plans");
    let error = now(solve(&plan, true, &mut Notes::default())).expect_err("fails");
    assert_eq!((error.step, error.line), (2, 3));
    assert!(matches!(
        error.cause,
        Cause::Select(SelectError::Missing { .. })
    ));
}

#[test]
fn fetched_files_and_here_documents_are_copied_like_others() {
    let mut notes = Notes::default();
    let text = "FROM base\nADD http://h/d/f.tar?x=1 <<E /x/\nhi\nE";
    build(&mut notes, text, &[], true);
    assert_eq!(
        notes.asked,
        ["fetch http://h/d/f.tar?x=1", "copy f.tar>f.tar E>E /x/"]
    );
}
