//! Changing a container's limits and restart policy.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::body::{Answer, json as json_answer, read_json};
use crate::error::ApiError;
use crate::routes::Call;
use crate::types::create::RestartBody;
use crate::types::limits::LimitsBody;

/// The request's body: limits that are left away stay as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct UpdateBody {
    #[serde(flatten)]
    limits: LimitsBody,
    restart_policy: Option<RestartBody>,
}

/// `POST /containers/{id}/update`.
pub(crate) async fn update(id: &str, call: Call) -> Answer {
    let body: UpdateBody = read_json(call.request.into_body()).await?;
    if body.limits.devices()? != Default::default() {
        return Err(ApiError::bad_request(
            "the devices of a container cannot be changed: make a new one",
        ));
    }
    let restart = body
        .restart_policy
        .filter(RestartBody::is_given)
        .map(RestartBody::into_policy);
    let warnings = call
        .engine
        .update_container(id, body.limits.limits()?, restart.transpose()?)
        .await?;
    json_answer(StatusCode::OK, &json!({"Warnings": warnings}))
}
