//! The table of attacks.

use super::target::{Held, Target};
use super::{browser, nobody, publisher, reader};

/// Who attacks: what a client has to have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever can connect, without a user.
    Nobody,
    /// A visitor of the pages, without a user.
    Browser,
    /// A user of the broker with the role `reader`.
    Reader,
    /// A user of the broker with the role `publisher`.
    Publisher,
}

impl Who {
    /// As the report says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Browser => "browser",
            Self::Reader => "reader",
            Self::Publisher => "publisher",
        }
    }

    /// The attacker's user, if it has one.
    pub(super) fn user(self) -> Option<&'static str> {
        match self {
            Self::Nobody | Self::Browser => None,
            Self::Reader => Some(reader::READER),
            Self::Publisher => Some(publisher::SITE),
        }
    }
}

/// One way to take more than one's share.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Who can do it.
    pub who: Who,
    /// What it does.
    pub name: &'static str,
    /// In how many pieces in `make test`, and in how many at full length.
    pub pieces: [usize; 2],
    /// Sends so many; what it holds open is held until the honest ones were looked at.
    pub send: fn(&Target, usize) -> Held,
}

const fn attack(
    who: Who,
    name: &'static str,
    pieces: [usize; 2],
    send: fn(&Target, usize) -> Held,
) -> Attack {
    Attack { who, name, pieces, send }
}

/// All attacks.
pub const ALL: &[Attack] = &[
    attack(Who::Nobody, "connections that say nothing", [300, 8_000], nobody::half_open),
    attack(Who::Nobody, "wills with line feeds in their topics", [300, 55_000], nobody::line_feeds),
    attack(Who::Nobody, "wrong logins at the broker", [12, 190], nobody::wrong_logins),
    attack(Who::Browser, "wrong logins at the pages", [20, 190], browser::wrong_logins),
    attack(Who::Browser, "event streams from two addresses", [80, 2_000], browser::event_streams),
    attack(Who::Browser, "charts of everything", [50, 2_000], browser::charts),
    attack(Who::Reader, "lasting sessions", [120, 10_000], reader::sessions),
    attack(
        Who::Reader,
        "SUBSCRIBEs, acknowledged by nothing that fits",
        [3_000, 184_000],
        reader::resubscribes,
    ),
    attack(Who::Reader, "refused SUBSCRIBEs", [300, 55_000], reader::refused),
    attack(Who::Reader, "different filters", [300, 20_000], reader::filters),
    attack(Who::Reader, "filters of 65 kB", [20, 1_000], reader::long_filters),
    attack(Who::Reader, "packets of which the last byte is missing", [100, 700], reader::halves),
    attack(Who::Publisher, "20 kB retained as its status", [1, 1], publisher::large_status),
    attack(Who::Publisher, "topics of 65 kB", [200, 10_000], publisher::long_topics),
    attack(Who::Publisher, "messages of 60 kB to absent sessions of its own", [100, 5_000], publisher::owed),
    attack(Who::Publisher, "delayed wills of 250 kB", [20, 1_000], publisher::wills),
    attack(Who::Publisher, "meters and states", [150, 2_000], publisher::meters),
    attack(Who::Publisher, "retained messages", [1_000, 100_000], publisher::retained),
    attack(
        Who::Publisher,
        "outboxes of a meter, after as many minutes",
        [1_500, 50_000],
        publisher::outboxes,
    ),
    attack(
        Who::Publisher,
        "minutes of 2000 and 2099, and pages of all time",
        [6, 200],
        publisher::far_minutes,
    ),
    attack(Who::Publisher, "topics, then new filters, then DISCONNECT", [2_000, 100_000], publisher::topics),
];
