//! Name and password of a request, as HTTP basic authentication (RFC 7617) sends them. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// What a browser sends once somebody has logged in. Does not print itself.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Credentials {
    /// Those of a request. What cannot be read is a login too, and a wrong one: its name is empty,
    /// which no user's is.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
        let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let plain = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let plain = plain.unwrap_or_default();
        let (name, password) = plain.split_once(':').unwrap_or_default();
        Some(Self { name: name.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn of(value: &str) -> Option<(String, String)> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
        Credentials::of(&headers).map(|it| (it.name, it.password))
    }

    #[test]
    fn name_and_password_are_what_the_colon_parts() {
        let both = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), both("Aladdin", "open sesame"));
        assert_eq!(of(&format!("bAsIc {}", STANDARD.encode("jörg:a:b:ß"))), both("jörg", "a:b:ß"));
        assert_eq!(of(&format!("Basic {}", STANDARD.encode("x:"))), both("x", ""));
        for nonsense in ["Basic", "Basic ", "Basic !!!", "Basic YWJj", "Basic /w=="] {
            assert_eq!(of(nonsense), both("", ""), "{nonsense}");
        }
        assert_eq!(of("Bearer abc"), None);
        assert!(Credentials::of(&HeaderMap::new()).is_none());
    }
}
