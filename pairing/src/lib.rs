//! The contract `powerpi invite` → `pi-publisher join`: the invitation, which a person carries from the server to
//! the Pi, and the two messages with which the Pi becomes a user of the broker.
//!
//! The Pi logs in at the broker by TLS as the [`Invitation`]'s user, with its secret, and publishes a [`Request`]: the
//! hash of a password that it has made itself. Whoever answers invitations makes the site a user with this password,
//! deletes the invitation in the same step, and says so in an [`Answer`].

mod exchange;
mod fingerprint;
mod invitation;
mod link;
mod shown;

pub use exchange::{
    Answer, LONGEST_MESSAGE, REQUESTS, Request, Unreadable, answer_topic, inviting_user, request_topic,
};
pub use fingerprint::Fingerprint;
pub use invitation::{BadInvitation, Invitation, InvitationId, InvitationSecret};
pub use link::{BrowserInvitation, NoInvitation};
pub use shown::{SHOWN, ShownInvitation, hide};
