//! How others reach the pages. Pure.

use std::net::IpAddr;
use std::str::FromStr;

/// Why they cannot be opened to everybody.
pub(super) const HAVE_USERS: &str =
    "the pages have users, who sign in; to do without them, take `users` out of [access] in their settings";

/// Where a proxy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proxy {
    /// On this machine.
    Here,
    /// On another one, with this address or in this network.
    At(String),
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "0"));
        match address.parse::<IpAddr>() {
            _ if text == "here" => Ok(Self::Here),
            Ok(_) if bits.parse::<u8>().is_ok_and(|bits| bits <= 128) => Ok(Self::At(text.to_owned())),
            _ => Err("write \"here\", an address like 192.168.1.2, or a network like 10.1.0.0/16".to_owned()),
        }
    }
}

/// How others reach the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Openness {
    /// Directly.
    Network,
    /// Through a proxy on this machine, so that the pages themselves stay on it.
    ProxyHere,
    /// Through a proxy on another one.
    ProxyAt(String),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_here_or_has_an_address() {
        assert_eq!("here".parse(), Ok(Proxy::Here));
        for address in ["192.168.1.2", "fd00::7", "10.1.0.0/16"] {
            assert_eq!(address.parse(), Ok(Proxy::At(address.to_owned())));
        }
        for other in ["", "there", "10.1.0.0/", "10.1.0.0/200", "proxy.lan"] {
            assert!(other.parse::<Proxy>().is_err(), "{other}");
        }
    }
}
