//! Whatever people and programs write is text on our pages and nothing else.

use askama::Template;
use jiff::Timestamp;
use orlop_model::container::{Container, State};
use orlop_model::id::{ContainerId, Digest, JobId};
use orlop_model::image::{HistoryEntry, Image, ImageDefaults};
use orlop_model::job::{Job, JobKind, JobStatus};
use orlop_model::lifecycle::{Exit, Status};
use orlop_model::request::ContainerRequest;

use super::containers::detail::{BadgeFragment, ButtonsFragment, Facts, FactsFragment, Head};
use super::{containers, images, jobs};

/// Markup, the end of an attribute, an entity, a script's address, an override of direction.
const HOSTILE: &str =
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;javascript:\u{202e}";

fn hostile_container() -> Container {
    let mut request = ContainerRequest {
        image: HOSTILE.to_owned(),
        ..ContainerRequest::default()
    };
    request
        .labels
        .insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    Container {
        id: ContainerId::from_bytes([1; 32]),
        name: "web".parse().expect("valid"),
        request,
        image_id: Digest::from_sha256([2; 32]),
        args: vec![HOSTILE.to_owned()],
        env: vec![format!("X={HOSTILE}")],
        workdir: HOSTILE.to_owned(),
        user: HOSTILE.to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        state: State {
            status: Status::Exited,
            exit: Some(Exit {
                code: 1,
                signal: None,
                oom_killed: false,
                at: Timestamp::UNIX_EPOCH,
                error: Some(HOSTILE.to_owned()),
            }),
            ..State::default()
        },
        endpoint: None,
        ports: Vec::new(),
    }
}

fn hostile_image() -> Image {
    Image {
        id: Digest::from_sha256([3; 32]),
        tags: vec!["app:1".parse().expect("valid")],
        digests: Vec::new(),
        created_at: None,
        size: 1,
        layers: Vec::new(),
        defaults: ImageDefaults {
            cmd: Some(vec![HOSTILE.to_owned()]),
            ..ImageDefaults::default()
        },
        history: vec![HistoryEntry {
            created_by: HOSTILE.to_owned(),
            comment: HOSTILE.to_owned(),
            ..HistoryEntry::default()
        }],
        architecture: HOSTILE.to_owned(),
        os: HOSTILE.to_owned(),
        author: HOSTILE.to_owned(),
        parent: None,
    }
}

fn hostile_job() -> Job {
    Job {
        id: JobId::from_bytes([4; 32]),
        kind: JobKind::Import,
        title: HOSTILE.to_owned(),
        status: JobStatus::Failed,
        created_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        error: Some(HOSTILE.to_owned()),
        image: None,
    }
}

/// No tag and no attribute came out of the hostile text.
fn assert_inert(html: &str) {
    for mark in ["<script>alert", "<img", "'><", "\"'>"] {
        assert!(!html.contains(mark), "{mark} in {html}");
    }
}

#[test]
fn a_containers_words_are_text_wherever_they_show() {
    let container = hostile_container();
    let row = containers::row::Row::from(&container);
    let csrf = "00";
    let head = &Head::from(&container);
    let facts = &Facts::from(&container);
    let fragments = [
        containers::row::RowFragment { row: &row, csrf }.render(),
        BadgeFragment { head }.render(),
        ButtonsFragment { head, csrf }.render(),
        FactsFragment { facts }.render(),
        containers::detail::OverviewPage::of(&container).render(),
    ];
    for html in fragments {
        assert_inert(&html.expect("renders"));
    }
}

#[test]
fn an_images_words_are_text_wherever_they_show() {
    let image = hostile_image();
    let row = images::list::Row::from(&image);
    let fragments = [
        images::list::RowFragment {
            row: &row,
            csrf: "00",
        }
        .render(),
        images::detail::DetailPage::of(&image).render(),
    ];
    for html in fragments {
        assert_inert(&html.expect("renders"));
    }
}

#[test]
fn a_jobs_words_are_text() {
    let row = jobs::row::Row::from(&hostile_job());
    let html = jobs::row::RowFragment {
        row: &row,
        csrf: "00",
    };
    assert_inert(&html.render().expect("renders"));
}

#[test]
fn every_form_of_a_page_carries_the_token() {
    let html = containers::detail::OverviewPage::of(&hostile_container());
    let html = html.render().expect("renders");
    let forms = html.matches("method=\"post\"").count();
    let tokens = html.matches("name=\"csrf\" value=\"").count();
    assert!(forms > 2);
    assert_eq!(forms, tokens);
}
