//! What is said to a webhook: one notice as each of them wants it. Pure.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Method, Request, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::own_body::OwnBody;
use super::settings::{Template, WebhookSettings};
use crate::notice::{Notice, State};

/// What may stand in a part of a path as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const JSON: &str = "application/json";

/// A form, and where its messages go.
#[derive(Debug)]
pub(super) enum Form {
    /// The notice itself, to this address.
    Notice(Uri),
    /// To a topic of the server at this address.
    Ntfy { server: Uri, topic: String },
    /// To this address.
    Gotify(Uri),
    /// To a room, by addresses that begin like this.
    Matrix { room: String },
    /// To this address.
    Slack(Uri),
    /// A body of one's own, to this address.
    Own(Uri, OwnBody),
}

impl Form {
    /// What the settings say, of which this is the address.
    pub(super) fn of(settings: &WebhookSettings, uri: Uri) -> anyhow::Result<Self> {
        let wrong = |what: &str| settings.wrong(what);
        if settings.body.is_some() && settings.template.is_some() {
            return Err(wrong("write either template or body").into());
        }
        if settings.room.is_some() != (settings.template == Some(Template::Matrix)) {
            return Err(wrong("room goes with template = \"matrix\", which needs one").into());
        }
        let needs_token = [Some(Template::Gotify), Some(Template::Matrix)].contains(&settings.template);
        if needs_token && settings.token_file.is_none() {
            return Err(wrong("this template needs a token_file").into());
        }
        Ok(match settings.template {
            Some(Template::Ntfy) => {
                let (server, topic) = topic_of(&uri).ok_or_else(|| {
                    wrong("the address of a topic of ntfy is like https://ntfy.sh/my-topic")
                })?;
                Self::Ntfy { server, topic }
            }
            Some(Template::Gotify) => Self::Gotify(below(&uri, "/message")?),
            Some(Template::Matrix) => {
                let room = utf8_percent_encode(settings.room.as_deref().unwrap_or_default(), PART);
                let rooms = below(&uri, &format!("/_matrix/client/v3/rooms/{room}/send/m.room.message"))?;
                Self::Matrix { room: rooms.to_string() }
            }
            Some(Template::Slack) => Self::Slack(uri),
            None => match &settings.body {
                Some(body) => {
                    let content_type = settings.content_type.as_deref().unwrap_or(JSON);
                    let body = OwnBody::parse(body.reveal(), content_type).map_err(|what| wrong(&what))?;
                    Self::Own(uri, body)
                }
                None => Self::Notice(uri),
            },
        })
    }

    /// The request that says a notice.
    pub(super) fn request(&self, notice: &Notice, headers: Builder) -> anyhow::Result<Request<Full<Bytes>>> {
        let (mut method, mut content_type) = (Method::POST, JSON);
        let (uri, said) = match self {
            Self::Notice(uri) => (uri.clone(), notice.to_json()),
            Self::Ntfy { server, topic } => (server.clone(), bytes(&ntfy(notice, topic))),
            Self::Gotify(uri) => (uri.clone(), bytes(&gotify(notice))),
            Self::Slack(uri) => (uri.clone(), bytes(&json!({ "text": slack_escaped(&with_page(notice)) }))),
            Self::Matrix { room } => {
                method = Method::PUT;
                // The same notice has the same number, so a homeserver that has it already shows it once.
                let number = number(notice);
                let uri = format!("{room}/{}", utf8_percent_encode(&number, PART));
                (uri.parse()?, bytes(&matrix(notice)))
            }
            Self::Own(uri, body) => {
                content_type = body.content_type();
                (uri.clone(), body.filled(notice).into_bytes())
            }
        };
        let request = headers.method(method).uri(uri).header(header::CONTENT_TYPE, content_type);
        Ok(request.body(Full::from(said))?)
    }
}

fn bytes(said: &Value) -> Vec<u8> {
    said.to_string().into_bytes()
}

/// <https://docs.ntfy.sh/publish/#publish-as-json>: to the server, not to the topic.
fn ntfy(notice: &Notice, topic: &str) -> Value {
    let (tag, priority) = match notice.state {
        State::Raised => ("warning", 4),
        State::Over | State::Quiet => ("white_check_mark", 3),
        State::Test => ("bell", 3),
    };
    let mut said = json!({
        "topic": topic, "title": notice.alarm, "message": text(notice), "tags": [tag], "priority": priority,
    });
    if let Some(page) = &notice.page {
        said["click"] = json!(page);
    }
    said
}

/// <https://gotify.net/docs/pushmsg>, and `client::notification` of <https://gotify.net/docs/msgextras>.
fn gotify(notice: &Notice) -> Value {
    let priority = if notice.state == State::Raised { 8 } else { 4 };
    let mut said = json!({ "title": notice.alarm, "message": text(notice), "priority": priority });
    if let Some(page) = &notice.page {
        said["extras"] = json!({ "client::notification": { "click": { "url": page } } });
    }
    said
}

/// `m.room.message` of Matrix' client-server API. Of `m.notice` nobody would be notified.
fn matrix(notice: &Notice) -> Value {
    json!({ "msgtype": "m.text", "body": with_page(notice) })
}

/// What a notice is known by.
fn number(notice: &Notice) -> String {
    let since = notice.since.map_or(0, |since| since.as_millisecond());
    format!("powerpi-{}-{}-{since}", notice.alarm, notice.state.word())
}

fn text(notice: &Notice) -> &str {
    notice.text.as_deref().unwrap_or_default()
}

/// The text, and the address of the meter's page below it.
fn with_page(notice: &Notice) -> String {
    let page = notice.page.as_deref().map(|page| format!("\n{page}"));
    format!("{}{}", text(notice), page.unwrap_or_default())
}

/// <https://docs.slack.dev/messaging/formatting-message-text>: only these three are to be escaped.
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The server of a topic's address, and the topic.
fn topic_of(uri: &Uri) -> Option<(Uri, String)> {
    let (server, topic) = uri.path().rsplit_once('/')?;
    let is_topic = (1..=64).contains(&topic.len())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let server = with_path(uri, &format!("{server}/")).ok()?;
    (is_topic && uri.query().is_none()).then(|| (server, topic.to_owned()))
}

/// An address below that of a server, unless it is that already.
fn below(uri: &Uri, path: &str) -> anyhow::Result<Uri> {
    let base = uri.path().trim_end_matches('/');
    if base.ends_with(path) { with_path(uri, base) } else { with_path(uri, &format!("{base}{path}")) }
}

fn with_path(uri: &Uri, path: &str) -> anyhow::Result<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}
