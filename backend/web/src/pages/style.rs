//! The style page: every component of the console, for whoever builds on it.

use askama::Template;
use askama_web::WebTemplate;

use crate::auth::Visitor;
use crate::shell::Shell;

#[derive(Template, WebTemplate)]
#[template(path = "pages/style/show.html")]
pub(crate) struct StylePage {
    shell: Shell,
}

/// `GET /style`
pub(crate) async fn show(visitor: Visitor) -> StylePage {
    StylePage {
        shell: visitor.shell(""),
    }
}
