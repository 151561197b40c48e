//! The form that makes a Debian base image on this host.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::images::BootstrapOptions;
use serde::Deserialize;

use super::{reference, to_job};
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::{Errors, words};
use crate::respond::Outcome;
use crate::shell::Shell;
use crate::state::State;

/// The release that the form offers first.
const SUITE: &str = "bookworm";

/// What the form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct BootstrapForm {
    suite: String,
    packages: String,
    mirror: String,
    reference: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/images/bootstrap.html")]
pub(crate) struct BootstrapPage {
    shell: Shell,
    tab: &'static str,
    form: BootstrapForm,
    errors: Errors,
    /// The program that would do it; empty when there is none.
    tool: String,
    /// What to install when there is none.
    missing: String,
}

/// `GET /images/bootstrap`
pub(crate) async fn form(state: web::Data<State>, visitor: Visitor) -> BootstrapPage {
    let form = BootstrapForm {
        suite: SUITE.to_owned(),
        reference: format!("debian:{SUITE}"),
        ..BootstrapForm::default()
    };
    page(&state, visitor.shell("images"), form, Errors::default())
}

/// `POST /images/bootstrap`
pub(crate) async fn bootstrap(
    state: web::Data<State>,
    Command { form, shell }: Command<BootstrapForm>,
) -> Result<Outcome<BootstrapPage>, Problem> {
    let errors = match form.options() {
        Ok(options) => match state.engine.bootstrap_debian(options).await {
            Ok(job) => return Ok(Outcome::Next(to_job(&job))),
            Err(error) => Errors::refuse(error, &["suite", "packages", "mirror", "reference"])?,
        },
        Err(errors) => errors,
    };
    let shell = shell.section("images");
    Ok(Outcome::again(page(&state, shell, form, errors)))
}

fn page(state: &State, shell: Shell, form: BootstrapForm, errors: Errors) -> BootstrapPage {
    let (tool, missing) = match state.engine.bootstrap_tool() {
        Ok(tool) => (tool.to_owned(), String::new()),
        Err(error) => (String::new(), error.to_string()),
    };
    BootstrapPage {
        shell,
        tab: "bootstrap",
        form,
        errors,
        tool,
        missing,
    }
}

impl BootstrapForm {
    fn options(&self) -> Result<BootstrapOptions, Errors> {
        let mut errors = Errors::default();
        let suite = self.suite.trim();
        let is_word = |text: &str, more: &[u8]| {
            let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b);
            text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(ok)
        };
        if !is_word(suite, b"-") {
            errors.add("suite", "A release is a word such as bookworm or stable");
        }
        let packages: Vec<String> = words(&self.packages)
            .flat_map(|line| line.split([' ', ',', '\t']))
            .filter(|name| !name.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        if let Some(wrong) = packages.iter().find(|name| !is_word(name, b"+-.")) {
            errors.add("packages", format!("{wrong:?} is no name of a package"));
        }
        let mirror = self.mirror.trim();
        let is_address = mirror.starts_with("http://") || mirror.starts_with("https://");
        if !mirror.is_empty() && (!is_address || mirror.contains(char::is_whitespace)) {
            errors.add(
                "mirror",
                "A mirror is an address such as http://deb.debian.org/debian",
            );
        }
        let name = match self.reference.trim() {
            "" => format!("debian:{suite}"),
            name => name.to_owned(),
        };
        let name = reference(&mut errors, "reference", &name);
        match name {
            Some(reference) if errors.is_empty() => Ok(BootstrapOptions {
                suite: suite.to_owned(),
                packages,
                mirror: Some(mirror.to_owned()).filter(|m| !m.is_empty()),
                reference,
            }),
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_becomes_an_option_of_the_tool() {
        for (suite, packages, mirror, field) in [
            ("--help", "", "", "suite"),
            ("", "", "", "suite"),
            ("book worm", "", "", "suite"),
            ("bookworm", "--setup-hook=x", "", "packages"),
            ("bookworm", "a;b", "", "packages"),
            ("bookworm", "", "file:///etc", "mirror"),
            ("bookworm", "", "http://x y", "mirror"),
        ] {
            let form = BootstrapForm {
                suite: suite.to_owned(),
                packages: packages.to_owned(),
                mirror: mirror.to_owned(),
                reference: String::new(),
            };
            let errors = form.options().expect_err(field);
            assert!(!errors.of(field).is_empty(), "{suite} {packages} {mirror}");
        }
    }

    #[test]
    fn packages_may_stand_on_lines_or_beside_each_other() {
        let form = BootstrapForm {
            suite: "bookworm".to_owned(),
            packages: "curl, ca-certificates\r\ng++".to_owned(),
            ..BootstrapForm::default()
        };
        let options = form.options().expect("valid");
        assert_eq!(options.packages, ["curl", "ca-certificates", "g++"]);
        assert_eq!(options.reference.familiar(), "debian:bookworm");
    }
}
