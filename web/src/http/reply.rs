//! Answers: their bodies, and the headers that all or many have.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::OnceLock;

use brotli::BrotliCompress;
use brotli::enc::BrotliEncoderParams;
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

use crate::ledger::reader::ReadError;

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

/// A file that is sent often: compressed at most once, when the first who takes it so asks.
#[derive(Debug)]
pub(crate) struct Prepared {
    content_type: &'static str,
    plain: Bytes,
    shrinks: bool,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
    etag: HeaderValue,
    effort: Effort,
}

/// How hard a file is compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effort {
    /// It is new every minute.
    Quick,
    /// It is the same until the next version.
    Thorough,
}

/// How a body may be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

impl Prepared {
    /// One that shrinks.
    pub(crate) fn text(content_type: &'static str, plain: impl Into<Bytes>, effort: Effort) -> Self {
        Self { shrinks: true, effort, ..Self::binary(content_type, plain) }
    }

    /// One that is dense already.
    pub(crate) fn binary(content_type: &'static str, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let etag = etag(&plain);
        let (gzip, brotli) = (OnceLock::new(), OnceLock::new());
        Self { content_type, plain, shrinks: false, gzip, brotli, etag, effort: Effort::Quick }
    }

    /// Bytes that it holds, about: packed or not.
    pub(crate) fn weight(&self) -> usize {
        self.plain.len() + if self.shrinks { self.plain.len() / 2 } else { 0 }
    }

    /// What changes with its content.
    pub(crate) fn version(&self) -> String {
        let etag = self.etag.to_str().unwrap_or_default();
        etag.chars().filter(char::is_ascii_hexdigit).collect()
    }

    /// The answer with it, or the word that the browser has it already.
    pub(crate) fn reply(&self, request: &HeaderMap, cache_control: HeaderValue) -> Reply {
        let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        if known.is_some_and(|known| matches_etag(known, &self.etag)) {
            let mut reply = reply(StatusCode::NOT_MODIFIED, Bytes::new());
            self.describe(&mut reply, cache_control);
            return reply;
        }
        let coding = if self.shrinks { accepted_coding(request) } else { None };
        let body = match coding {
            Some(Coding::Brotli) => self.brotli.get_or_init(|| brotli(&self.plain, self.effort)),
            Some(Coding::Gzip) => self.gzip.get_or_init(|| gzip(&self.plain, self.effort)),
            None => &self.plain,
        };
        let mut reply = reply(StatusCode::OK, body.clone());
        self.describe(&mut reply, cache_control);
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        reply
    }

    fn describe(&self, reply: &mut Reply, cache_control: HeaderValue) {
        let vary = if self.shrinks { "accept-encoding, accept-language" } else { "accept-language" };
        let headers = reply.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, cache_control);
        headers.insert(header::VARY, HeaderValue::from_static(vary));
    }
}

/// A browser may keep it, but has to ask whether it is still so.
pub(crate) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Everybody may keep it for so many seconds.
pub(crate) fn keep_for(seconds: i64) -> HeaderValue {
    // These letters are a value.
    HeaderValue::from_str(&format!("public, max-age={seconds}")).unwrap_or(ASK_AGAIN)
}

/// A tag that changes with the content. Weak, because compressed or not it is
/// the same.
fn etag(content: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    // These letters are a value.
    HeaderValue::from_str(&format!("W/\"{:016x}\"", hasher.finish())).unwrap_or(ASK_AGAIN)
}

fn matches_etag(known: &str, etag: &HeaderValue) -> bool {
    known.split(',').any(|one| one.trim().as_bytes() == etag.as_bytes() || one.trim() == "*")
}

/// The best packing that a browser takes.
fn accepted_coding(request: &HeaderMap) -> Option<Coding> {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = accepted.flat_map(|value| value.split(',')).filter_map(|choice| {
        let (name, weight) = choice.split_once(";q=").unwrap_or((choice, "1"));
        let taken = weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0);
        let named = |coding: &Coding| name.trim().eq_ignore_ascii_case(coding.name());
        [Coding::Brotli, Coding::Gzip].into_iter().find(named).filter(|_| taken)
    });
    codings.min_by_key(|coding| *coding == Coding::Gzip)
}

fn gzip(plain: &[u8], effort: Effort) -> Bytes {
    let level = match effort {
        Effort::Quick => 6,
        Effort::Thorough => 9,
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    // Writing into memory does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

fn brotli(plain: &[u8], effort: Effort) -> Bytes {
    let quality = match effort {
        Effort::Quick => 5,
        Effort::Thorough => 10,
    };
    // Smaller windows need less memory, and no file here is larger.
    let params = BrotliEncoderParams { quality, lgwin: 18, size_hint: plain.len(), ..Default::default() };
    let mut packed = Vec::new();
    // Writing into memory does not fail.
    let _ = BrotliCompress(&mut &plain[..], &mut packed, &params);
    packed.into()
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
    // What most answers have, so that it does not grow.
    headers.reserve(10);
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
    Prepared::text("text/html; charset=utf-8", page, Effort::Quick)
}

/// The way to another page.
pub(crate) fn see_other(address: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, Bytes::new());
    set(&mut reply, header::LOCATION, address);
    set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply
}

/// The request is wrong, whatever its address; nothing more is read from its connection.
pub(crate) fn bad_request(said: &'static str) -> Reply {
    let mut reply = reply(StatusCode::BAD_REQUEST, said);
    set(&mut reply, header::CONNECTION, "close");
    set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_body_is_packed_for_those_who_ask() {
        for (accept, taken) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("br;q=1, GZIP;q=0.5", Some(Coding::Brotli)),
            ("br;q=0, gzip", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("deflate", None),
            ("", None),
        ] {
            assert_eq!(accepted_coding(&headers(header::ACCEPT_ENCODING, accept)), taken, "{accept}");
        }
        assert_eq!(accepted_coding(&HeaderMap::new()), None);
    }

    #[test]
    fn packed_it_is_the_same() {
        let plain = "<g>a picture, line by line</g>\n".repeat(3_000);
        for effort in [Effort::Quick, Effort::Thorough] {
            let (mut of_brotli, mut of_gzip) = (Vec::new(), String::new());
            let (small, smaller) = (gzip(plain.as_bytes(), effort), brotli(plain.as_bytes(), effort));
            assert!(small.len() < 1_000 && smaller.len() < 1_000);
            brotli::BrotliDecompress(&mut &smaller[..], &mut of_brotli).unwrap();
            flate2::read::GzDecoder::new(&small[..]).read_to_string(&mut of_gzip).unwrap();
            assert_eq!((of_brotli.as_slice(), of_gzip.as_str()), (plain.as_bytes(), plain.as_str()));
        }
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let file = Prepared::text("text/css", "a { color: red }", Effort::Thorough);
        let first = file.reply(&HeaderMap::new(), ASK_AGAIN);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = format!("\"x\", {}", file.etag.to_str().unwrap());
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(&tag).unwrap())]);
        assert_eq!(file.reply(&request, ASK_AGAIN).status(), StatusCode::NOT_MODIFIED);
        assert_ne!(etag(b"a"), etag(b"b"));
    }
}
