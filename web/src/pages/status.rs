//! How the machinery does: publishers, clocks, outboxes, disk, versions.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_figures::Figures;
use meter_ledger::{Reason, SetAside};
use meter_messages::{CounterBreak, Diag, Info};

use super::trust::counted_twice;
use super::{AlarmRow, Frame};
use crate::health::MeterState;
use crate::live::holdings::Holding;
use crate::texts::Texts;

/// A meter's publisher in words.
pub(crate) struct PublisherView {
    name: String,
    path: String,
    state: &'static str,
    class: &'static str,
    /// What is said if another one counts under its meter's name.
    counted_twice: Option<String>,
    last_minute: String,
    clock: String,
    outbox_depth: String,
    rejected: String,
    lost: String,
    /// How a counter of others last did not go on from where it was, and when.
    broken: Option<String>,
    source: String,
    version: String,
}

impl PublisherView {
    /// Whether nothing is wrong with it.
    pub(crate) fn is_well(&self) -> bool {
        self.class == "good"
    }

    /// What the ledger and the publisher say of a meter.
    pub(crate) fn new(
        figures: &Figures,
        state: MeterState,
        info: Option<&Info>,
        diag: Option<&Diag>,
        texts: &Texts,
        zone: &TimeZone,
    ) -> Self {
        let unknown = || "–".to_owned();
        let counted_twice = figures.trust.as_ref().and_then(|trust| counted_twice(trust, texts));
        let words = texts.health;
        let (state, class) = match state {
            MeterState::Well if counted_twice.is_some() => (texts.machinery.online, "bad"),
            MeterState::Well => (texts.machinery.online, "good"),
            MeterState::CatchingUp => (words.is_catching_up, "good"),
            MeterState::Unknown => (texts.unknown, ""),
            MeterState::NothingYet => (words.has_nothing_yet, "bad"),
            MeterState::Offline(_) => (texts.machinery.gone, "bad"),
            MeterState::Silent(_) => (words.is_silent, "bad"),
            MeterState::NotRecorded(_) => (words.is_not_recorded, "bad"),
        };
        let newest = figures.newest.and_then(|newest| Timestamp::from_second(newest.minute.start()).ok());
        let number = |value: u64| texts.number(value as f64, 0);
        let clock = |diag: &Diag| match diag.clock.as_str() {
            "synchronised" => texts.machinery.clock_synchronised.to_owned(),
            "unsynchronised" => texts.machinery.clock_unsynchronised.to_owned(),
            "simulated" => texts.machinery.clock_simulated.to_owned(),
            other => other.to_owned(),
        };
        Self {
            counted_twice,
            name: figures.meter.name.clone(),
            path: figures.meter.meter.to_string(),
            state,
            class,
            last_minute: newest.map_or_else(unknown, |at| texts.moment(zone.to_datetime(at))),
            clock: diag.map_or_else(unknown, clock),
            outbox_depth: diag.map_or_else(unknown, |it| {
                format!("{} {}", number(it.outbox_depth), texts.machinery.minutes)
            }),
            rejected: diag.map_or_else(unknown, |diag| number(diag.rejected)),
            lost: diag.map_or_else(unknown, |diag| number(diag.lost_edges)),
            broken: diag.and_then(|diag| {
                let how = match diag.broken? {
                    CounterBreak::BeganAnew => texts.machinery.counter_began_anew,
                    CounterBreak::Set => texts.machinery.counter_set,
                    CounterBreak::Exchanged => texts.machinery.counter_exchanged,
                };
                Some(format!("{how} ({})", texts.moment(zone.to_datetime(diag.broken_at?))))
            }),
            source: info.map_or_else(unknown, |info| info.source.clone()),
            version: info.map_or_else(unknown, |info| info.version.clone()),
        }
    }
}

/// What was not taken for a meter, in words.
pub(crate) struct SetAsideView {
    meter: String,
    reason: &'static str,
    number: String,
}

impl SetAsideView {
    pub(crate) fn new(aside: &SetAside, texts: &Texts, zone: &TimeZone) -> Self {
        let (number, last) =
            (texts.number(aside.number as f64, 0), texts.moment(zone.to_datetime(aside.last)));
        let (reason, is_kept) = match aside.reason {
            Reason::Future => (texts.machinery.kept_aside, true),
            Reason::Contradiction => (texts.machinery.contradicted, true),
            Reason::TooFarAhead => (texts.machinery.too_far_ahead, false),
            Reason::Rows => (texts.machinery.damaged_rows, false),
            Reason::TooManyOutboxes => (texts.machinery.too_many_outboxes, false),
            Reason::TooManyMeters => (texts.machinery.too_many_meters, false),
        };
        let number = match is_kept {
            true => format!("{number} {}, {} {last}", texts.machinery.minutes, texts.machinery.up_to),
            false => format!("{number}\u{a0}×, {} {last}", texts.machinery.last_time),
        };
        Self { meter: aside.meter.to_string(), reason, number }
    }
}

/// What one user has at the broker, in words.
pub(crate) struct HoldingView {
    owner: String,
    /// Sessions, filters, retained and owed messages.
    counts: [String; 4],
    memory: String,
    most: String,
    percent: u64,
}

impl HoldingView {
    pub(crate) fn new(holding: &Holding, texts: &Texts) -> Self {
        let Holding { owner, sessions, filters, retained, owed, bytes, max_bytes } = holding;
        let number = |value: &u64| texts.number(*value as f64, 0);
        let size = |bytes: u64| match bytes {
            0..1_000_000 => format!("{}\u{a0}kB", number(&bytes.div_ceil(1_000))),
            _ => format!("{}\u{a0}MB", texts.number(bytes as f64 / 1e6, 1)),
        };
        Self {
            owner: match owner.strip_prefix('/') {
                Some(address) => format!("{address} ({})", texts.machinery.no_user),
                None => owner.clone(),
            },
            counts: [sessions, filters, retained, owed].map(number),
            memory: size(*bytes),
            most: size(*max_bytes),
            percent: holding.percent(),
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "status.html")]
pub(crate) struct StatusPage {
    /// Around it.
    pub(crate) frame: Frame,
    /// The publishers' meters that something is wrong with.
    pub(crate) troubled: Vec<PublisherView>,
    /// The others.
    pub(crate) machines: Vec<PublisherView>,
    /// How many these are, in words.
    pub(crate) well: String,
    /// The alarms.
    pub(crate) alarms: Vec<AlarmRow>,
    /// What was not taken for meters.
    pub(crate) set_aside: Vec<SetAsideView>,
    /// Meters without details, and the last minute that is recorded of each.
    pub(crate) unheard: Vec<(String, String)>,
    /// What is said of meters and does not fit.
    pub(crate) refused: Vec<String>,
    /// What is known of the server: names and values.
    pub(crate) server: Vec<(&'static str, String)>,
    /// Who has how much of what the broker keeps.
    pub(crate) holdings: Vec<HoldingView>,
}
