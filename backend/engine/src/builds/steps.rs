//! What the builder asks for, done: the cache in the records, everything else by the worker.

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;
use orlop_builder::context::{Entry, Item};
use orlop_builder::plan::{CopyStep, Inputs, Key, Origin, RunStep};
use orlop_builder::solve::{CopyWork, Event, Layer, Memo, Outcome, Steps};
use orlop_model::id::DiffId;
use orlop_model::job::JobEvent;
use orlop_records::build_cache::NewStep;
use orlop_wire::reply::Unpacked;
use orlop_wire::request::{CopyInto, CopyItem, Request, Tree};

use super::extra::{Extra, ExtraFile};
use super::fetch::fetch;
use super::output::Output;
use super::work::{WorkContainer, diff_ids};
use crate::jobs::JobContext;
use crate::{Engine, EngineError};

/// Bytes of paths that one request carries; a message may have 4 MiB in all.
const REQUEST_BYTES: usize = 1 << 20;
/// Name of the empty folder that new working directories are copies of.
const EMPTY: &str = "folder";

/// The effects of one build.
#[derive(Debug)]
pub(super) struct Effects<'a> {
    engine: &'a Engine,
    job: &'a JobContext,
    /// The unpacked context.
    context: Tree,
    /// Files that were fetched, by address.
    fetched: HashMap<String, Extra>,
    /// The empty folder, once it is needed.
    empty: Option<Extra>,
    /// When the current step began.
    began: Instant,
    /// Bytes of each layer that a step of this build made or found.
    pub(super) sizes: HashMap<DiffId, u64>,
}

impl<'a> Effects<'a> {
    pub(super) fn new(engine: &'a Engine, job: &'a JobContext, context: Tree) -> Self {
        Self {
            engine,
            job,
            context,
            fetched: HashMap::new(),
            empty: None,
            began: Instant::now(),
            sizes: HashMap::new(),
        }
    }

    /// What a step has made, in the builder's words.
    fn made(&mut self, unpacked: &Unpacked) -> Layer {
        self.sizes.insert(unpacked.diff_id.clone(), unpacked.size);
        Layer {
            // A layer without entries changes nothing.
            digest: (unpacked.entries > 0).then(|| unpacked.diff_id.to_string()),
            size: unpacked.size,
            created: Some(now().to_string()),
        }
    }

    /// Copies items of one tree, in as many requests as they need.
    async fn copy_items(
        &self,
        work: &WorkContainer,
        layers: &[DiffId],
        copy: &CopyStep,
        source: Tree,
        items: &[Item],
        into_directory: bool,
    ) -> Result<(), EngineError> {
        for items in batches(items) {
            let request = CopyInto {
                container: work.id.clone(),
                layers: layers.to_vec(),
                source: source.clone(),
                items: items.iter().map(copy_item).collect(),
                chown: copy.chown.clone(),
                chmod: copy.chmod,
                destination: copy.destination.clone(),
                into_directory,
            };
            self.engine
                .worker()
                .done(Request::Copy(Box::new(request)))
                .await?;
        }
        Ok(())
    }

    async fn inline(&self, files: &[(String, String)]) -> Result<Extra, EngineError> {
        let files = files.iter().map(|(name, content)| ExtraFile::Text {
            name: name.clone(),
            content: content.clone(),
        });
        Extra::make(self.engine, self.job, files.collect()).await
    }
}

/// Now, as exactly as the records keep it: a cached step must be as old as it was, or the same
/// file would make another image.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

fn copy_item(item: &Item) -> CopyItem {
    CopyItem {
        from: item.from.clone(),
        to: item.to.clone(),
        unpack: item.unpack,
        shallow: item.shallow,
    }
}

/// Parts items so that each part fits a request; never fewer than one part.
fn batches(items: &[Item]) -> Vec<&[Item]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        // JSON may write a byte as six.
        let size = 6 * (item.from.len() + item.to.len()) + 64;
        if bytes + size > REQUEST_BYTES && at > start {
            parts.push(&items[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    parts.push(&items[start..]);
    parts
}

impl Steps for Effects<'_> {
    type Error = EngineError;

    async fn list(&mut self, layers: &[String], path: &str) -> Result<Vec<Entry>, EngineError> {
        let source = Tree::Layers(diff_ids(layers)?);
        self.engine.list_tree(source, format!("/{path}")).await
    }

    async fn fetch(
        &mut self,
        url: &str,
        name: &str,
        sha256: Option<&str>,
    ) -> Result<Entry, EngineError> {
        let transport = &self.engine.image_store().transport;
        let fetched = fetch(transport, self.job.dir(), url, name, sha256).await?;
        let stored = ExtraFile::Stored {
            name: name.to_owned(),
            path: fetched.path,
        };
        let extra = Extra::make(self.engine, self.job, vec![stored]).await?;
        self.fetched.insert(url.to_owned(), extra);
        Ok(fetched.entry)
    }

    async fn recall(&mut self, key: &Key) -> Result<Option<Layer>, EngineError> {
        let Some(step) = self.engine.records().cached_step(key.as_str()).await? else {
            return Ok(None);
        };
        if let Some(layer) = &step.layer {
            self.sizes.insert(layer.clone(), step.size);
        }
        Ok(Some(Layer {
            digest: step.layer.map(|layer| layer.to_string()),
            size: step.size,
            created: Some(step.made_at.to_string()),
        }))
    }

    async fn recall_inputs(
        &mut self,
        parent: &Key,
        text: &str,
    ) -> Result<Option<Inputs>, EngineError> {
        let inputs = self
            .engine
            .records()
            .last_inputs(parent.as_str(), text)
            .await?;
        // What an older version wrote only tells why; it is no error that it cannot be read.
        Ok(inputs.and_then(|inputs| serde_json::from_str(&inputs).ok()))
    }

    async fn remember(&mut self, memo: Memo<'_>) -> Result<(), EngineError> {
        let made_at = memo
            .layer
            .created
            .as_deref()
            .and_then(|text| text.parse().ok());
        let layer = memo.layer.digest.iter().cloned().collect::<Vec<_>>();
        let step = NewStep {
            key: memo.key.as_str().to_owned(),
            parent: memo.parent.as_str().to_owned(),
            instruction: memo.text.to_owned(),
            inputs: serde_json::to_string(memo.inputs)
                .map_err(|error| EngineError::internal(error.to_string()))?,
            layer: diff_ids(&layer)?.pop(),
            size: memo.layer.size,
            made_at: made_at.unwrap_or_else(now),
        };
        Ok(self.engine.records().put_cached_step(&step).await?)
    }

    async fn run(
        &mut self,
        step: usize,
        layers: &[String],
        run: &RunStep,
    ) -> Result<Layer, EngineError> {
        let work = WorkContainer::new(self.engine, self.job).await?;
        let mut output = Output::new(self.job, step);
        let ended = self
            .engine
            .run_step(&work, diff_ids(layers)?, run, &mut output)
            .await;
        output.finish();
        ended?;
        let unpacked = work.commit().await?;
        Ok(self.made(&unpacked))
    }

    async fn copy(
        &mut self,
        layers: &[String],
        copy: &CopyStep,
        work: &[CopyWork<'_>],
    ) -> Result<Layer, EngineError> {
        let layers = diff_ids(layers)?;
        let container = WorkContainer::new(self.engine, self.job).await?;
        for part in work {
            let inline;
            let source = match part.origin {
                Origin::Context => self.context.clone(),
                Origin::Stage(_) | Origin::Image(_) => Tree::Layers(diff_ids(&part.layers)?),
                Origin::Inline(files) => {
                    inline = self.inline(files).await?;
                    inline.tree()
                }
                Origin::Url { url, .. } => {
                    let fetched = self.fetched.get(url).map(Extra::tree);
                    fetched.ok_or_else(|| EngineError::internal(format!("{url} is gone")))?
                }
            };
            let (items, folder) = (&part.selection.items, part.selection.into_directory);
            self.copy_items(&container, &layers, copy, source, items, folder)
                .await?;
        }
        let unpacked = container.commit().await?;
        Ok(self.made(&unpacked))
    }

    async fn make_folder(
        &mut self,
        layers: &[String],
        path: &str,
        owner: Option<&str>,
    ) -> Result<Layer, EngineError> {
        let source = match &self.empty {
            Some(empty) => empty.tree(),
            None => {
                let name = EMPTY.to_owned();
                let files = vec![ExtraFile::Folder { name }];
                let empty = Extra::make(self.engine, self.job, files).await?;
                self.empty.insert(empty).tree()
            }
        };
        let copy = CopyStep {
            destination: path.to_owned(),
            chown: owner.map(str::to_owned),
            ..CopyStep::default()
        };
        let item = Item {
            from: EMPTY.to_owned(),
            ..Item::default()
        };
        let layers = diff_ids(layers)?;
        let work = WorkContainer::new(self.engine, self.job).await?;
        self.copy_items(&work, &layers, &copy, source, &[item], true)
            .await?;
        let unpacked = work.commit().await?;
        Ok(self.made(&unpacked))
    }

    fn tell(&mut self, event: Event) {
        let event = match event {
            Event::Started { step } => {
                self.began = Instant::now();
                JobEvent::StepStarted { step }
            }
            Event::Finished { step, outcome, key } => JobEvent::StepFinished {
                step,
                cached: outcome == Outcome::Cached,
                reason: match outcome {
                    Outcome::Done(reason) => Some(reason.to_string()),
                    Outcome::Noted | Outcome::Cached => None,
                },
                millis: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                result: Some(key.short().to_owned()),
            },
        };
        self.job.tell(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_items_are_parted_and_none_is_lost() {
        let items: Vec<Item> = (0..20_000)
            .map(|number| Item {
                from: format!("some/folder/of/a/context/{number}"),
                ..Item::default()
            })
            .collect();
        let parts = batches(&items);
        assert!(parts.len() > 1);
        assert_eq!(parts.concat(), items);
        assert_eq!(batches(&[]), [&[] as &[Item]]);
    }
}
