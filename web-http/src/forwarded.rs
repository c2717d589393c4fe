//! Under which address browsers see this server, when a proxy stands before it. Ours, because what is
//! believed and what becomes of links is one decision. Pure.

use std::net::IpAddr;

use hyper::{HeaderMap, header};
use ipnet::IpNet;
use serde::Deserialize;

/// The sub-path that the site lies under: empty, or like `/power`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BasePath(String);

impl TryFrom<String> for BasePath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        let path = path.trim_end_matches('/');
        // Nothing that means something else in a link, in HTML or to a proxy.
        let plain = |part: &str| {
            part.strip_prefix(|first: char| first.is_ascii_alphanumeric()).is_some_and(|rest| {
                rest.chars().all(|char| char.is_ascii_alphanumeric() || "-_.~".contains(char))
            })
        };
        match path.strip_prefix('/') {
            None if path.is_empty() => Ok(Self::default()),
            Some(parts) if parts.len() <= 200 && parts.split('/').all(plain) => Ok(Self(path.to_owned())),
            _ => Err(format!("\"{path}\" is not a sub-path; write one like /power")),
        }
    }
}

impl BasePath {
    /// Empty, or like `/power`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path without the sub-path, whether the proxy has taken it off or not. It begins with one slash,
    /// however many were sent: a link to `//example.org` would lead there.
    pub fn strip<'a>(&self, path: &'a str) -> &'a str {
        let path = with_one_slash(path);
        match path.strip_prefix(&self.0) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => with_one_slash(rest),
            _ => path,
        }
    }
}

/// The path with only the last of the slashes that it begins with.
fn with_one_slash(path: &str) -> &str {
    let slashes = path.len() - path.trim_start_matches('/').len();
    &path[slashes.saturating_sub(1)..]
}

/// An address, or a network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .map_err(|_| format!("\"{text}\" is neither an address nor a network like 10.0.0.0/8"))
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }
}

/// How browsers come here, as far as the settings know.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Where the settings say that the site lies.
    pub base_path: BasePath,
    /// Whose `X-Forwarded-…` is believed.
    pub trusted: Vec<Network>,
}

/// What a proxy adds to a request.
const BY_WAY_OF_A_PROXY: [&str; 7] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
];

/// Whether a `Host` is a name of this machine that no other has.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Who asks, and how this server looks from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The browser's address; the proxy's where it cannot be known.
    pub address: IpAddr,
    /// Scheme and host of links that leave the site.
    pub origin: String,
    /// Before the path of every link of ours.
    pub base_path: BasePath,
    /// Whether somebody on this machine asks, with nothing in between: over the loopback, under one of its names, and not
    /// by way of a proxy that says so. A page of elsewhere whose name leads here has another name.
    pub is_local: bool,
}

impl Proxies {
    /// Reads what the proxies before us say, if they are believed.
    pub fn visit(&self, peer: IpAddr, headers: &HeaderMap) -> Visit {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let host = said(header::HOST.as_str()).unwrap_or_default();
        let is_local = peer.to_canonical().is_loopback()
            && is_loopback_name(host)
            && !BY_WAY_OF_A_PROXY.iter().any(|name| headers.contains_key(*name));
        let (origin, base_path) = (format!("http://{host}"), self.base_path.clone());
        let direct = Visit { address: peer, origin, base_path, is_local };
        if !self.trusts(peer) {
            return direct;
        }
        let scheme = said("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
        // Apache appends its own to what the browser sent.
        let forwarded = said("x-forwarded-host").and_then(|hosts| hosts.rsplit(',').next()).map(str::trim);
        let host = forwarded.filter(|host| !host.is_empty()).unwrap_or(host);
        let prefix = said("x-forwarded-prefix").and_then(|path| BasePath::try_from(path.to_owned()).ok());
        Visit {
            address: self.browser(peer, headers),
            origin: format!("{scheme}://{host}"),
            base_path: prefix.unwrap_or(direct.base_path),
            is_local,
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        // An IPv6 socket tells IPv4 addresses in a form of its own.
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.0.contains(&address))
    }

    /// The last of the addresses on the way that is no proxy of ours; what stands
    /// before it in the header can be anybody's invention.
    fn browser(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let all = headers.get_all("x-forwarded-for").iter();
        let hops: Vec<&str> =
            all.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        let mut last = peer;
        for hop in hops.iter().rev().map_while(|hop| hop.trim().parse().ok()) {
            last = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        let trusted = ["127.0.0.1", "10.1.0.0/16"].map(|text| Network::try_from(text.to_owned()).unwrap());
        Proxies { base_path: base("/power"), trusted: trusted.into() }
    }

    fn base(path: &str) -> BasePath {
        BasePath::try_from(path.to_owned()).unwrap()
    }

    fn visit(peer: &str, headers: &[(&'static str, &str)]) -> Visit {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
        });
        proxies().visit(peer.parse().unwrap(), &headers.collect())
    }

    #[test]
    fn a_sub_path_is_taken_off_once_or_was_already() {
        assert_eq!(
            (base("/power").as_str(), base("/power/").as_str(), base("/").as_str()),
            ("/power", "/power", "")
        );
        for (path, rest) in [
            ("/power", "/"),
            ("/power/", "/"),
            ("/power/m/a/b", "/m/a/b"),
            ("/m/a/b", "/m/a/b"),
            ("/powerful", "/powerful"),
            ("/", "/"),
            ("//evil.example", "/evil.example"),
            ("///power//evil.example", "/evil.example"),
            ("/power//", "/"),
        ] {
            assert_eq!(base("/power").strip(path), rest);
        }
        assert_eq!(base("").strip("//evil.example/"), "/evil.example/");
        assert_eq!(base("").strip("/m/a/b"), "/m/a/b");
        for bad in ["power", "//evil.example", "/a b", "/\"><", "/a/../b", "/a//b", "/.."] {
            assert!(BasePath::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    const SAID: [(&str, &str); 5] = [
        ("host", "inside:8080"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example, power.example.org"),
        ("x-forwarded-prefix", "/meter"),
        ("x-forwarded-for", "1.2.3.4, 198.51.100.7, 10.1.0.9"),
    ];

    #[test]
    fn a_proxy_is_believed_if_it_is_ours() {
        let believed = visit("127.0.0.1", &SAID);
        assert_eq!(believed.origin, "https://power.example.org");
        assert_eq!(believed.base_path, base("/meter"));
        // The first one is what the browser said of itself.
        assert_eq!(believed.address.to_string(), "198.51.100.7");
        assert_eq!(visit("::ffff:127.0.0.1", &SAID).origin, believed.origin);

        let stranger = visit("203.0.113.5", &SAID);
        assert_eq!((stranger.origin.as_str(), stranger.base_path), ("http://inside:8080", base("/power")));
        assert_eq!(stranger.address.to_string(), "203.0.113.5");
    }

    #[test]
    fn nonsense_of_a_proxy_is_passed_over() {
        let odd = visit(
            "127.0.0.1",
            &[
                ("host", "h"),
                ("x-forwarded-proto", "javascript"),
                ("x-forwarded-prefix", "//evil.example"),
                ("x-forwarded-for", "203.0.113.5, unknown"),
            ],
        );
        assert_eq!((odd.origin.as_str(), odd.base_path), ("http://h", base("/power")));
        assert_eq!(odd.address.to_string(), "127.0.0.1");
    }

    #[test]
    fn local_is_who_asks_this_machine_by_its_own_name_with_nothing_in_between() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(visit("127.0.0.1", &[("host", host)]).is_local, "{host}");
        }
        assert!(
            visit("::ffff:127.0.0.1", &[("host", "127.0.0.1")]).is_local
                && visit("::1", &[("host", "[::1]:80")]).is_local
        );
        for host in
            ["power.lan", "evil.example:8080", "localhost.evil.example", "", "127.0.0.1.evil", "10.0.0.1"]
        {
            assert!(!visit("127.0.0.1", &[("host", host)]).is_local, "{host}");
        }
        assert!(!visit("10.1.0.7", &[("host", "localhost")]).is_local);
        for header in BY_WAY_OF_A_PROXY {
            assert!(
                !visit("127.0.0.1", &[("host", "localhost"), (header, "127.0.0.1")]).is_local,
                "{header}"
            );
        }
    }
}
