//! What a link says by which somebody sets a password in the browser.

use std::fmt;
use std::str::FromStr;

use crate::invitation::{InvitationId, InvitationSecret};

/// The number of an invitation, and its secret: `01020304.` and 22 characters. Does not print its secret by `Debug`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserInvitation {
    /// Which invitation it is.
    pub id: InvitationId,
    /// What proves that one is invited.
    pub secret: InvitationSecret,
}

/// It is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no invitation")]
pub struct NoInvitation;

impl BrowserInvitation {
    /// A random one.
    ///
    /// # Panics
    /// If the operating system has no random numbers. Linux has them once it has booted.
    pub fn random() -> Self {
        Self { id: InvitationId::random(), secret: InvitationSecret::random() }
    }

    /// The path of the page that takes it.
    pub fn path(self) -> String {
        format!("/invitation/{self}")
    }
}

impl fmt::Display for BrowserInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{}", u32::from_be_bytes(self.id.0), self.secret.password())
    }
}

impl FromStr for BrowserInvitation {
    type Err = NoInvitation;

    fn from_str(text: &str) -> Result<Self, NoInvitation> {
        let (id, secret) = text.split_once('.').ok_or(NoInvitation)?;
        let is_hex = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or(NoInvitation)?;
        let secret = InvitationSecret::of_password(secret).ok_or(NoInvitation)?;
        Ok(Self { id: InvitationId(id.to_be_bytes()), secret })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_nothing_else_is_one() {
        let invitation = BrowserInvitation::random();
        assert_eq!(invitation.to_string().parse(), Ok(invitation));
        assert!(!format!("{invitation:?}").contains(&invitation.secret.password()));
        let good = "01020304.AAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(good.parse::<BrowserInvitation>().unwrap().id.user(), "invite.01020304");
        for bad in [
            "",
            ".",
            "01020304",
            "01020304.",
            "0102030.AAAAAAAAAAAAAAAAAAAAAA",
            "+1020304.AAAAAAAAAAAAAAAAAAAAAA",
            "01020304.AAAAAAAAAAAAAAAAAAAAA",
            "01020304.AAAAAAAAAAAAAAAAAAAAAAA",
            "01020304.AAAAAAAAAAAAAAAAAAAAA/",
            "ä",
        ] {
            assert_eq!(bad.parse::<BrowserInvitation>(), Err(NoInvitation), "{bad}");
        }
    }
}
