//! To whom what is kept is charged.

use std::convert::Infallible;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use broker_users::UserName;
use daemon_runtime::customer_of;

/// A user, or the address of clients without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    User(Arc<str>),
    /// IPv6: a /64 network.
    Address(IpAddr),
}

impl Owner {
    pub(crate) fn new(user: Option<&UserName>, address: IpAddr) -> Owner {
        match user {
            Some(user) => Owner::User(user.as_str().into()),
            None => Owner::Address(customer_of(address)),
        }
    }

    /// The user's name.
    pub(crate) fn user(&self) -> Option<Arc<str>> {
        match self {
            Owner::User(name) => Some(Arc::clone(name)),
            Owner::Address(_) => None,
        }
    }

    /// The owner of a session that a store of an earlier version kept, which tells the user at most.
    pub(crate) fn of_session_name(name: &str) -> Owner {
        match name.split_once('\0') {
            Some((_, user)) => Owner::User(user.into()),
            None => Owner::unknown(),
        }
    }

    /// Of what a store of an earlier version kept.
    pub(crate) fn unknown() -> Owner {
        Owner::Address(Ipv6Addr::UNSPECIFIED.into())
    }
}

/// As the store has it: an address behind a slash, which stands in no user's name.
impl Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::User(name) => f.write_str(name),
            Owner::Address(address) => write!(f, "/{address}"),
        }
    }
}

impl FromStr for Owner {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Owner, Infallible> {
        let address = text.strip_prefix('/').and_then(|address| address.parse().ok());
        Ok(address.map_or_else(|| Owner::User(text.into()), Owner::Address))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_the_same_after_a_restart() {
        let user: UserName = "home".parse().unwrap();
        for (user, address, text) in [
            (Some(&user), "10.0.0.1", "home"),
            (None, "10.0.0.1", "/10.0.0.1"),
            (None, "2001:db8::1:2:3:4", "/2001:db8::"),
            (None, "::ffff:127.0.0.1", "/127.0.0.1"),
        ] {
            let owner = Owner::new(user, address.parse().unwrap());
            assert_eq!(owner.to_string(), text);
            assert_eq!(text.parse::<Owner>(), Ok(owner));
        }
        assert_eq!(Owner::of_session_name("client\0home"), Owner::User("home".into()));
        assert_eq!(Owner::of_session_name("client").to_string(), "/::");
    }
}
