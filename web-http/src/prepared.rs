//! Files that are sent often: packed at most once, and not at all to who has them already.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::OnceLock;

use brotli::BrotliCompress;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::header_list::weighted;
use crate::reply::{ASK_AGAIN, Reply, reply};

/// A file that is sent often: compressed at most once, when the first who takes it so asks.
#[derive(Debug)]
pub struct Prepared {
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
pub enum Effort {
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
    pub fn text(content_type: &'static str, plain: impl Into<Bytes>, effort: Effort) -> Self {
        Self { shrinks: true, effort, ..Self::binary(content_type, plain) }
    }

    /// A page.
    pub fn html(page: String) -> Self {
        Self::text("text/html; charset=utf-8", page, Effort::Quick)
    }

    /// One that is dense already.
    pub fn binary(content_type: &'static str, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let etag = etag(&plain);
        let (gzip, brotli) = (OnceLock::new(), OnceLock::new());
        Self { content_type, plain, shrinks: false, gzip, brotli, etag, effort: Effort::Quick }
    }

    /// Bytes that it holds, about: packed or not.
    pub fn weight(&self) -> usize {
        self.plain.len() + if self.shrinks { self.plain.len() / 2 } else { 0 }
    }

    /// What changes with its content.
    pub fn version(&self) -> String {
        let etag = self.etag.to_str().unwrap_or_default();
        etag.chars().filter(char::is_ascii_hexdigit).collect()
    }

    /// The answer with it, or the word that the browser has it already.
    pub fn reply(&self, request: &HeaderMap, cache_control: HeaderValue) -> Reply {
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

/// The packing that a browser likes best; the denser one if it does not mind.
fn accepted_coding(request: &HeaderMap) -> Option<Coding> {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let choices: Vec<(&str, u16)> = accepted.flat_map(weighted).collect();
    let weight = |name: &str| choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(name));
    let taken = [Coding::Gzip, Coding::Brotli].into_iter().filter_map(|coding| {
        let (_, weight) = weight(coding.name()).or_else(|| weight("*"))?;
        (*weight > 0).then_some((coding, *weight))
    });
    taken.max_by_key(|(_, weight)| *weight).map(|(coding, _)| coding)
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
            ("br; q=0 , gzip ; q=0.001", Some(Coding::Gzip)),
            ("gzip, br;Q=0.5", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("br;q=0, *;q=0.1", Some(Coding::Gzip)),
            ("*;q=0", None),
            ("gzip;q=0.5, *;q=0", Some(Coding::Gzip)),
            ("gzip;q=2, br;q=much", None),
            ("deflate", None),
            (",;q=1,,", None),
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
