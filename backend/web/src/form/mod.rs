//! What people fill in: reading forms, telling what is wrong beside the field, and making typed
//! requests of texts. Everything but [`parts`] is pure.

mod argument;
mod confinement;
mod container;
mod context;
mod health;
mod lines;
mod parts;
mod query;

use std::collections::BTreeMap;

use actix_web::web::FormConfig;
use orlop_engine::{EngineError, ErrorKind};

pub(crate) use argument::arguments;
pub(crate) use container::{ContainerForm, LimitsForm};
pub(crate) use context::{Kind, context_path, kind_of};
pub(crate) use lines::{pairs, pairs_or_names, words};
pub(crate) use parts::{FilePart, Parts};
pub(crate) use query::encode;

/// Most bytes of a form without files.
const FORM_MAX_LEN: usize = 1 << 20;

/// Limits of forms without files.
pub(crate) fn config() -> FormConfig {
    FormConfig::default().limit(FORM_MAX_LEN)
}

/// What is wrong, by the name of the field; the empty name is the form as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Errors(BTreeMap<String, String>);

impl Errors {
    /// Nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with this field; empty when nothing is.
    pub(crate) fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// Whether something is wrong with any of these fields.
    pub(crate) fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.0.contains_key(*field))
    }

    /// Something is wrong with this field; the first thing is kept.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0
            .entry(field.to_owned())
            .or_insert_with(|| message.into());
    }

    /// The value, or its default and a note of what is wrong.
    pub(crate) fn take<T: Default, E: ToString>(&mut self, field: &str, value: Result<T, E>) -> T {
        value.unwrap_or_else(|error| {
            self.add(field, error.to_string());
            T::default()
        })
    }

    /// What the engine says against the request, beside one of the form's `fields` if it names
    /// one. Hands back errors that are not the person's: those are not shown in a form.
    pub(crate) fn refuse(error: EngineError, fields: &[&str]) -> Result<Self, EngineError> {
        let ours = matches!(
            error.kind(),
            ErrorKind::Invalid
                | ErrorKind::Conflict
                | ErrorKind::NotFound
                | ErrorKind::Denied
                | ErrorKind::Throttled
                | ErrorKind::Unauthenticated
                | ErrorKind::Unsupported
        );
        if !ours {
            return Err(error);
        }
        let field = error.field_name().map(own_name);
        let field = field.filter(|name| fields.contains(name));
        let mut errors = Self::default();
        errors.add(field.unwrap_or_default(), error.to_string());
        Ok(errors)
    }
}

/// Our own name of a field: our forms take several files where the engine speaks of one.
fn own_name(field: &'static str) -> &'static str {
    match field {
        "file" => "files",
        field => field,
    }
}

/// The text fields of a form with files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// What was typed; empty when the field is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a box was ticked.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    fn insert(&mut self, name: String, value: String) {
        self.0.entry(name).or_insert(value);
    }
}
