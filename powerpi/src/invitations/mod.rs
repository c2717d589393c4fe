//! Letting Pis in, and people: invitations, who answers them, and the certificate by which the broker is known.
//!
//! An invitation is a user in the broker's users file that may do nothing but ask, once. The same save of that file
//! that uses an invitation up makes its site a user: whatever ends in the middle, one of the two is there.

mod answering;
mod authority;
mod broker_settings;
mod browser;
mod certificate;
mod control;
mod decision;
mod inviting;
mod own_names;
mod place;
mod printing;
mod sites;

pub(crate) use answering::{Options as PairOptions, run as pair};
pub(crate) use browser::{UsersOptions, users};
pub(crate) use certificate::{Options as RenewOptions, run as renew};
pub(crate) use inviting::{Options as InviteOptions, run as invite};
pub(crate) use own_names::own_addresses;
pub(crate) use place::{ToldPlace, folder_of_pages};
pub(crate) use sites::{RevokeOptions, SitesOptions, revoke, sites};
