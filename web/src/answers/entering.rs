//! What all forms have in common whose content goes to the recorder, and pages that answer forms.

use std::time::{Duration, Instant};

use broker_users::UserName;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use meter_messages::Topic;
use web_http::Prepared;
use web_http::reply::Reply;

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::pages::Lacking;
use crate::readings::sender;

/// How long to look whether the recorder has entered something, and how often.
const ENTERED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long somebody waits for the recorder: not for long, because the broker owes it what was typed in.
pub(super) struct Patience(Instant);

impl Patience {
    /// From now on.
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// Waits a moment; whether it is worth looking again.
    pub(super) async fn lasts(&self) -> bool {
        let lasts = self.0.elapsed() < ENTERED_WITHIN;
        if lasts {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        lasts
    }
}

impl Site {
    /// Sends what is to be recorded; whether the broker has it.
    pub(super) async fn has_sent(&self, topic: &Topic, payload: Vec<u8>) -> bool {
        let sent = sender::send(&self.mqtt, topic, payload).await;
        sent.inspect_err(|error| tracing::warn!("what was typed in for {topic} was not sent: {error:#}"))
            .is_ok()
    }

    /// Whether somebody gets a form, or what they lack.
    pub(super) fn form_or_why_not(&self, may: Option<&UserName>, asked: &Asked<'_>) -> Result<(), Lacking> {
        match may {
            Some(_) => Ok(()),
            None if asked.visitor.name().is_some() => Err(Lacking::Right),
            None if self.access.is_restricted() => Err(Lacking::Login),
            None => Err(Lacking::Users),
        }
    }
}

/// Of a form that is shown again: what was typed in was wrong, or could not be sent.
pub(super) fn status_of(was_not_sent: bool) -> StatusCode {
    if was_not_sent { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST }
}

/// A page that is made for one who asks, and kept by nobody.
pub(super) fn not_kept(page: String, asked: &Asked<'_>, status: StatusCode) -> Result<Reply, NoAnswer> {
    let mut headers = asked.headers.clone();
    // It is no page that a browser may have kept.
    headers.remove(header::IF_NONE_MATCH);
    let mut reply = Prepared::html(page).reply(&headers, HeaderValue::from_static("no-store"));
    *reply.status_mut() = status;
    Ok(reply)
}
