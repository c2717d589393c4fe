//! The line that a person carries from the server to the Pi.
//!
//! `powerpi://ADDRESS[,ADDRESS…]/SITE/REST`, where REST is base64url of a byte 1 (the form), 4 bytes of the
//! invitation's number, 16 of its secret, 32 of the CA's fingerprint and 4 of a checksum over all before it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daemon_runtime::Address;
use meter_messages::SiteId;
use ring::rand::{SecureRandom, SystemRandom};

use crate::fingerprint::Fingerprint;

const SCHEME: &str = "powerpi://";
/// The form of what follows the site.
const FORM: u8 = 1;
const BYTES: usize = 1 + 4 + 16 + 32 + 4;
/// More addresses than a server has.
const MOST_ADDRESSES: usize = 16;
/// Longer than any invitation with so many addresses, in bytes.
const LONGEST: usize = 4096;

/// Which invitation it is: no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationId(pub [u8; 4]);

impl InvitationId {
    /// A random one.
    ///
    /// # Panics
    /// If the operating system has no random numbers. Linux has them once it has booted.
    pub fn random() -> Self {
        Self(random())
    }

    /// The name as which whoever has the invitation logs in at the broker. No site can have it.
    pub fn user(self) -> String {
        format!("invite.{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What only the invited knows: 128 random bits. Does not print itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvitationSecret([u8; 16]);

impl InvitationSecret {
    /// A random one.
    ///
    /// # Panics
    /// If the operating system has no random numbers. Linux has them once it has booted.
    pub fn random() -> Self {
        Self(random())
    }

    /// The one of a password; `None` where it is none.
    pub(crate) fn of_password(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The password with which whoever has the invitation logs in at the broker.
    pub fn password(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bits = [0; N];
    SystemRandom::new().fill(&mut bits).expect("the operating system has random numbers");
    bits
}

/// What a Pi needs to become a site of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the broker can be reached by TLS, in the order of trying.
    pub addresses: Vec<Address>,
    /// The name of the site.
    pub site: SiteId,
    /// Which invitation it is.
    pub id: InvitationId,
    /// What proves that one is invited.
    pub secret: InvitationSecret,
    /// By which CA the broker proves that it is the one.
    pub authority: Fingerprint,
}

/// Why a line is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInvitation {
    /// It begins with something else.
    #[error("an invitation begins with \"{SCHEME}\"; `powerpi invite` on the server prints one")]
    Other,
    /// It is not whole.
    #[error("the invitation is damaged: copy the whole line; as an argument it stands in quotes")]
    Damaged,
    /// It is of a form that this program does not know.
    #[error("the invitation was made by a newer PowerPi; update this one")]
    Newer,
    /// One of the addresses cannot be one.
    #[error("the invitation's addresses cannot be used: {0}")]
    Address(String),
    /// The site's name cannot be one.
    #[error("the invitation's site has no valid name")]
    Site,
}

impl FromStr for Invitation {
    type Err = BadInvitation;

    fn from_str(line: &str) -> Result<Self, BadInvitation> {
        let rest = line.trim().strip_prefix(SCHEME).ok_or(BadInvitation::Other)?;
        let mut parts = rest.split('/');
        let (Some(addresses), Some(site), Some(coded), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadInvitation::Damaged);
        };
        if line.len() > LONGEST || addresses.split(',').count() > MOST_ADDRESSES {
            return Err(BadInvitation::Damaged);
        }
        let bytes = URL_SAFE_NO_PAD.decode(coded).map_err(|_| BadInvitation::Damaged)?;
        if bytes.first().is_some_and(|form| *form > FORM) {
            return Err(BadInvitation::Newer);
        }
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| BadInvitation::Damaged)?;
        let (said, sum) = bytes.split_at(BYTES - 4);
        if said[0] != FORM || checksum(addresses, site, said) != sum {
            return Err(BadInvitation::Damaged);
        }
        let address = |text: &str| Address::try_from(text.to_owned()).map_err(BadInvitation::Address);
        Ok(Self {
            addresses: addresses.split(',').map(address).collect::<Result<_, _>>()?,
            site: site.parse().map_err(|_| BadInvitation::Site)?,
            id: InvitationId(part(said, 1)),
            secret: InvitationSecret(part(said, 5)),
            authority: Fingerprint(part(said, 21)),
        })
    }
}

/// The line itself. It holds the secret: print it only for whoever is to carry it.
impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.addresses.iter().map(Address::to_string).collect();
        let (addresses, site) = (addresses.join(","), self.site.to_string());
        let mut said = vec![FORM];
        said.extend(self.id.0);
        said.extend(self.secret.0);
        said.extend(self.authority.0);
        said.extend(checksum(&addresses, &site, &said));
        write!(f, "{SCHEME}{addresses}/{site}/{}", URL_SAFE_NO_PAD.encode(said))
    }
}

/// Against mistakes in copying; what must not be forged is proved by the secret and the fingerprint.
fn checksum(addresses: &str, site: &str, said: &[u8]) -> [u8; 4] {
    let mut sum = crc32fast::Hasher::new();
    for part in [addresses.as_bytes(), b"/", site.as_bytes(), b"/", said] {
        sum.update(part);
    }
    sum.finalize().to_be_bytes()
}

fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[from..from + N]);
    part
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            addresses: ["server.lan:8883", "192.168.1.2:8883", "[fd00::1]:8883"]
                .map(|text| Address::try_from(text.to_owned()).unwrap())
                .into(),
            site: "home".parse().unwrap(),
            id: InvitationId([1, 2, 3, 4]),
            secret: InvitationSecret([7; 16]),
            authority: Fingerprint::of(b"a certificate"),
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let (one, other) = (invitation(), Invitation { secret: InvitationSecret([8; 16]), ..invitation() });
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_ne!(one.to_string(), other.to_string());
        assert_eq!(one.id.user(), "invite.01020304");
    }

    #[test]
    fn what_is_no_invitation_says_what_to_do() {
        for (line, why) in [
            ("https://server.lan/home", BadInvitation::Other),
            ("powerpi://server.lan", BadInvitation::Damaged),
            ("powerpi://server.lan/home/AQ", BadInvitation::Damaged),
            ("powerpi://server.lan/home/Ag", BadInvitation::Newer),
            ("powerpi://server.lan/home/AQ/x", BadInvitation::Damaged),
        ] {
            assert_eq!(line.parse::<Invitation>(), Err(why), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            hosts in prop::collection::vec("[a-z][a-z0-9.-]{0,30}", 1..5),
            port in 1..=u16::MAX,
            site in "[a-z0-9_-]{1,20}",
            (id, secret, authority) in any::<([u8; 4], [u8; 16], [u8; 32])>(),
        ) {
            prop_assume!(site.parse::<SiteId>().is_ok());
            let address = |host| Address { host, port: Some(port) };
            let invitation = Invitation {
                addresses: hosts.into_iter().map(address).collect(),
                site: site.parse().unwrap(),
                id: InvitationId(id),
                secret: InvitationSecret(secret),
                authority: Fingerprint(authority),
            };
            prop_assert_eq!(invitation.to_string().parse(), Ok(invitation));
        }

        #[test]
        fn one_wrong_character_is_noticed(place in 0..200_usize, by in "[!-~]") {
            let line = invitation().to_string();
            let place = place % line.len();
            let mut changed = line.clone();
            changed.replace_range(place..=place, &by);
            prop_assume!(changed != line);
            prop_assert!(changed.parse::<Invitation>().is_err(), "{}", changed);
        }

        #[test]
        fn nothing_makes_it_panic(line in ".{0,200}", coded in "[A-Za-z0-9_-]{0,90}") {
            let _ = line.parse::<Invitation>();
            let _ = format!("powerpi://a/b/{coded}").parse::<Invitation>();
        }
    }
}
