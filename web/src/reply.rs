//! Answers: their bodies, and the headers that all or many have.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::io::AsyncReadExt;

use crate::ledger_thread::ReadError;

/// A body, whole or in pieces; an error breaks the connection off, so that
/// nobody takes half a file for a whole one.
pub(crate) type Body = UnsyncBoxBody<Bytes, ReadError>;

/// An answer.
pub(crate) type Reply = Response<Body>;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'";

/// A file that is sent often: compressed once.
#[derive(Debug)]
pub(crate) struct Prepared {
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
    etag: String,
}

impl Prepared {
    /// One that shrinks.
    pub(crate) fn text(content_type: &'static str, plain: impl Into<Bytes>, etag: String) -> Self {
        let plain = plain.into();
        Self { content_type, gzip: Some(gzip(&plain)), plain, etag }
    }

    /// One that is dense already.
    pub(crate) fn binary(content_type: &'static str, plain: Bytes, etag: String) -> Self {
        Self { content_type, plain, gzip: None, etag }
    }

    /// The answer with it, or the word that the browser has it already.
    pub(crate) fn reply(&self, request: &HeaderMap, cache_control: &str) -> Reply {
        let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        if known.is_some_and(|known| matches_etag(known, &self.etag)) {
            let mut reply = reply(StatusCode::NOT_MODIFIED, Bytes::new());
            self.describe(&mut reply, cache_control);
            return reply;
        }
        let gzip = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let mut reply = reply(StatusCode::OK, gzip.unwrap_or(&self.plain).clone());
        self.describe(&mut reply, cache_control);
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if gzip.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }

    fn describe(&self, reply: &mut Reply, cache_control: &str) {
        set(reply, header::ETAG, &self.etag);
        set(reply, header::CACHE_CONTROL, cache_control);
        let vary = if self.gzip.is_some() { "accept-encoding, accept-language" } else { "accept-language" };
        set(reply, header::VARY, vary);
    }
}

/// A tag that changes with the content. Weak, because compressed or not it is
/// the same.
pub(crate) fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("W/\"{:016x}\"", hasher.finish())
}

fn matches_etag(known: &str, etag: &str) -> bool {
    known.split(',').any(|one| one.trim() == etag || one.trim() == "*")
}

/// Whether a browser takes gzip.
pub(crate) fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|choice| {
        let (name, weight) = choice.split_once(";q=").unwrap_or((choice, "1"));
        name.trim().eq_ignore_ascii_case("gzip")
            && weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0)
    })
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing into memory does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

/// An answer with a whole body and without special headers.
pub(crate) fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    streamed(status, body)
}

/// An answer with a body in pieces.
pub(crate) fn streamed(status: StatusCode, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    reply
}

/// An answer with a file, read as fast as it is taken.
pub(crate) fn file(file: std::fs::File) -> Reply {
    let file = tokio::fs::File::from_std(file);
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, ReadError>((read > 0).then(|| (Frame::data(piece.freeze()), file)))
    });
    streamed(StatusCode::OK, StreamBody::new(pieces).boxed_unsync())
}

/// A page.
pub(crate) fn html(page: String) -> Prepared {
    let tag = etag(page.as_bytes());
    Prepared::text("text/html; charset=utf-8", page.into_bytes(), tag)
}

/// The way to another page.
pub(crate) fn see_other(address: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, Bytes::new());
    set(&mut reply, header::LOCATION, address);
    set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply
}

/// There is no such thing to be done at this address.
pub(crate) fn not_allowed() -> Reply {
    let mut reply = reply(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here.\n");
    set(&mut reply, header::ALLOW, "GET, HEAD");
    set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply
}

/// Something for programs.
pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    // Fails only for maps with keys that are not text; there are none here.
    let mut reply = reply(status, serde_json::to_vec(value).unwrap_or_default());
    set(&mut reply, header::CONTENT_TYPE, "application/json");
    set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply
}

/// Has it kept as a file of that name.
pub(crate) fn attach(reply: &mut Reply, file: &str) {
    set(reply, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{file}\""));
}

/// Says that an answer is for the one who asked: nobody between may keep it for others.
pub(crate) fn keep_private(reply: &mut Reply) {
    let said = reply.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let said = said.unwrap_or("no-cache");
    let private = format!("private, {}", said.strip_prefix("public, ").unwrap_or(said));
    set(reply, header::CACHE_CONTROL, &private);
    reply.headers_mut().append(header::VARY, HeaderValue::from_static("authorization"));
}

/// Sets a header whose value is known to be one.
pub(crate) fn set(reply: &mut Reply, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_for_those_who_ask() {
        for (accept, taken) in [
            ("gzip, br", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&headers(header::ACCEPT_ENCODING, accept)), taken, "{accept}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let file = Prepared::text("text/css", "a { color: red }", etag(b"a"));
        let first = file.reply(&HeaderMap::new(), "no-cache");
        assert_eq!(first.status(), StatusCode::OK);
        let tag = format!("\"x\", {}", etag(b"a"));
        let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static(""));
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(file.reply(&request, "no-cache").status(), StatusCode::NOT_MODIFIED);
        assert_ne!(etag(b"a"), etag(b"b"));
    }
}
