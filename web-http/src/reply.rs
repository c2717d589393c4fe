//! Answers: their bodies, and the headers that all or many have.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::io::AsyncReadExt;

/// Why the rest of a body cannot be had.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// A body, whole or in pieces; an error breaks the connection off, so that
/// nobody takes half a file for a whole one.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// An answer.
pub type Reply = Response<Body>;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'";

/// A browser may keep it, but has to ask whether it is still so.
pub const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Everybody may keep it for so many seconds.
pub fn keep_for(seconds: i64) -> HeaderValue {
    // These letters are a value.
    HeaderValue::from_str(&format!("public, max-age={seconds}")).unwrap_or(ASK_AGAIN)
}

/// An answer with a whole body and without special headers.
pub fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    with_body(status, body)
}

/// An answer with a body in pieces, as they come.
pub fn streamed<E: Into<BodyError>>(pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Reply {
    let frames = pieces.map(|piece| piece.map(Frame::data).map_err(Into::into));
    with_body(StatusCode::OK, StreamBody::new(frames).boxed_unsync())
}

/// Marks an answer that goes on until somebody ends it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventStream;

/// Events as they come, without an end. It is ended for a newcomer where there are too many connections:
/// browsers come back by themselves.
pub fn event_stream<E: Into<BodyError>>(
    events: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Reply {
    let mut reply = streamed(events);
    reply.extensions_mut().insert(EventStream);
    set(&mut reply, header::CONTENT_TYPE, "text/event-stream");
    set(&mut reply, header::CACHE_CONTROL, "no-store");
    // nginx would wait for more otherwise.
    set(&mut reply, header::HeaderName::from_static("x-accel-buffering"), "no");
    reply
}

fn with_body(status: StatusCode, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    // What most answers have, so that it does not grow.
    headers.reserve(10);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    reply
}

/// An answer with a file, read as fast as it is taken.
pub fn file(file: std::fs::File) -> Reply {
    let file = tokio::fs::File::from_std(file);
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    streamed(pieces)
}

/// The way to another page.
pub fn see_other(address: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, Bytes::new());
    set(&mut reply, header::LOCATION, address);
    set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply
}

/// The request is wrong, whatever its address; nothing more is read from its connection.
pub fn bad_request(said: &'static str) -> Reply {
    let mut reply = reply(StatusCode::BAD_REQUEST, said);
    set(&mut reply, header::CONNECTION, "close");
    set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply
}

/// There is no such thing to be done at this address.
pub fn not_allowed() -> Reply {
    let mut reply = reply(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here.\n");
    set(&mut reply, header::ALLOW, "GET, HEAD");
    set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply
}

/// Something for programs.
pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    // Fails only for maps with keys that are not text; there are none here.
    let mut reply = reply(status, serde_json::to_vec(value).unwrap_or_default());
    set(&mut reply, header::CONTENT_TYPE, "application/json");
    set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply
}

/// Has it kept as a file of that name.
pub fn attach(reply: &mut Reply, file: &str) {
    set(reply, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{file}\""));
}

/// Says that an answer is for the one who asked: nobody between may keep it for others.
pub fn keep_private(reply: &mut Reply) {
    let said = reply.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let said = said.unwrap_or("no-cache");
    if said.starts_with("private") {
        return;
    }
    let private = format!("private, {}", said.strip_prefix("public, ").unwrap_or(said));
    set(reply, header::CACHE_CONTROL, &private);
    reply.headers_mut().append(header::VARY, HeaderValue::from_static("authorization"));
}

/// Sets a header whose value is known to be one.
pub fn set(reply: &mut Reply, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
