//! Every address of the console, in one table.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig, get, post};

use crate::pages::containers::{actions, create, detail, list, logs, resources, shell};
use crate::pages::images::{bootstrap, import, pull};
use crate::pages::{account, builds, host, images, jobs, style};
use crate::respond::SeeOther;
use crate::{assets, live};

/// All routes.
pub(crate) fn all(app: &mut ServiceConfig) {
    app.route("/healthz", get().to(healthy))
        .route("/", get().to(start))
        .route("/static/{path:.*}", get().to(assets::asset))
        .route("/style", get().to(style::show))
        .route("/host", get().to(host::show));
    accounts(app);
    containers(app);
    get_images(app);
    images(app);
    work(app);
    streams(app);
}

fn accounts(app: &mut ServiceConfig) {
    app.service(
        web::resource("/signup")
            .route(get().to(account::sign_up_page))
            .route(post().to(account::sign_up)),
    )
    .service(
        web::resource("/login")
            .route(get().to(account::log_in_page))
            .route(post().to(account::log_in)),
    )
    .route("/logout", post().to(account::log_out))
    .route("/theme", post().to(account::theme));
}

fn containers(app: &mut ServiceConfig) {
    app.route("/containers", get().to(list::list))
        .service(
            web::resource("/containers/new")
                .route(get().to(create::form))
                .route(post().to(create::create)),
        )
        .route("/containers/{id}", get().to(detail::overview))
        .route("/containers/{id}/logs", get().to(logs::page))
        .route("/containers/{id}/logs/download", get().to(logs::download))
        .service(
            web::resource("/containers/{id}/shell")
                .route(get().to(shell::page))
                .route(post().to(shell::open)),
        )
        .route(
            "/containers/{id}/shell/{session}/end",
            post().to(shell::end),
        )
        .route("/containers/{id}/resources", get().to(resources::page))
        .route("/containers/{id}/limits", post().to(resources::change))
        .route("/containers/{id}/remove", post().to(actions::remove))
        .route("/containers/{id}/rename", post().to(actions::rename))
        .route("/containers/{id}/{verb}", post().to(actions::act));
}

fn get_images(app: &mut ServiceConfig) {
    app.service(
        web::resource("/images/pull")
            .route(get().to(pull::form))
            .route(post().to(pull::pull)),
    )
    .service(
        web::resource("/images/import")
            .route(get().to(import::form))
            .route(post().to(import::import)),
    )
    .service(
        web::resource("/images/bootstrap")
            .route(get().to(bootstrap::form))
            .route(post().to(bootstrap::bootstrap)),
    );
}

fn images(app: &mut ServiceConfig) {
    app.route("/images", get().to(images::list::list))
        .route("/images/{id}", get().to(images::detail::detail))
        .route("/images/{id}/tag", post().to(images::detail::tag))
        .route("/images/{id}/untag", post().to(images::detail::untag))
        .route("/images/{id}/remove", post().to(images::detail::remove));
}

fn work(app: &mut ServiceConfig) {
    app.route("/builds", get().to(builds::list::list))
        .service(
            web::resource("/builds/new")
                .route(get().to(builds::form::form))
                .route(post().to(builds::form::build)),
        )
        .route("/builds/{id}", get().to(builds::detail::detail))
        .route("/jobs", get().to(jobs::list::list))
        .route("/jobs/{id}", get().to(jobs::detail::detail))
        .route("/jobs/{id}/cancel", post().to(jobs::detail::cancel));
}

fn streams(app: &mut ServiceConfig) {
    app.route("/live/containers", get().to(live::page::containers))
        .route("/live/containers/{id}", get().to(live::page::container))
        .route("/live/containers/{id}/logs", get().to(live::logs::logs))
        .route("/live/images", get().to(live::page::images))
        .route("/live/jobs", get().to(live::page::jobs))
        .route("/live/jobs/{id}", get().to(live::job::job))
        .route("/live/builds", get().to(live::page::builds))
        .route("/live/builds/{id}", get().to(live::build::build))
        .route("/live/shell", get().to(live::shell::shell));
}

async fn healthy() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

async fn start() -> SeeOther {
    SeeOther::to("/containers")
}
