//! Where a broker listens.

use std::fmt;

use serde::Deserialize;

/// A name or an address with its port, as in `server.lan`, `server.lan:1883` or `[fd00::1]:1883`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// The name or the address, without brackets.
    pub host: String,
    /// The TCP port, where one is given.
    pub port: Option<u16>,
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or_default())),
            None => text.split_once(':').map_or((&*text, None), |(host, port)| (host, Some(port))),
        };
        if !text.starts_with('[') && port.is_some_and(|port| port.contains(':')) {
            return Err(format!("\"{text}\" looks like an IPv6 address: write [{text}], in brackets"));
        }
        let number = port.map(str::parse).transpose().ok().filter(|number| *number != Some(0));
        match number {
            Some(port) if !host.is_empty() && !host.contains(['[', ']', '/', ' ']) => {
                Ok(Self { host: host.to_owned(), port })
            }
            _ => Err(format!("\"{text}\" is not an address; write it like \"server.lan:1883\"")),
        }
    }
}

/// As in `[fd00::1]:1883`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') && !host.starts_with('[') { write!(f, "[{host}]") } else { f.write_str(host) }?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_with_and_without_a_port_are_read() {
        for (text, host, port) in [
            ("server.lan", "server.lan", None),
            ("server.lan:1884", "server.lan", Some(1884)),
            ("192.0.2.1:1", "192.0.2.1", Some(1)),
            ("[fd00::1]", "fd00::1", None),
            ("[fd00::1]:1883", "fd00::1", Some(1883)),
        ] {
            let address = Address::try_from(text.to_owned()).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn others_are_refused_with_what_to_write() {
        for (text, says) in [
            ("", "not an address"),
            (":1883", "not an address"),
            ("server:", "not an address"),
            ("server:mqtt", "not an address"),
            ("server:0", "not an address"),
            ("server:70000", "not an address"),
            ("mqtt://server", "not an address"),
            ("[fd00::1", "not an address"),
            ("[fd00::1]1883", "not an address"),
            ("[]:1883", "not an address"),
            ("fd00::1", "write [fd00::1], in brackets"),
        ] {
            let said = Address::try_from(text.to_owned()).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
