//! How the machinery does: publishers, clocks, outboxes, disk, versions.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_figures::Figures;
use meter_ledger::KeptAside;
use meter_messages::{Diag, Info, Status};

use super::Frame;
use crate::texts::Texts;

/// A meter's publisher in words.
pub(crate) struct PublisherView {
    name: String,
    path: String,
    state: &'static str,
    class: &'static str,
    last_minute: String,
    /// Minutes that are not recorded yet, if there are any.
    kept_aside: Option<String>,
    clock: String,
    outbox_depth: String,
    rejected: String,
    lost: String,
    source: String,
    version: String,
}

impl PublisherView {
    /// What the ledger and the publisher say of a meter.
    pub(crate) fn new(
        figures: &Figures,
        status: Option<Status>,
        info: Option<&Info>,
        diag: Option<&Diag>,
        texts: &Texts,
        zone: &TimeZone,
    ) -> Self {
        let unknown = || "–".to_owned();
        let (state, class) = match status {
            Some(Status::Online) => (texts.online, "good"),
            Some(Status::Offline) => (texts.gone, "bad"),
            None => (texts.unknown, ""),
        };
        let newest = figures.newest.and_then(|newest| Timestamp::from_second(newest.minute.start()).ok());
        let number = |value: u64| texts.number(value as f64, 0);
        let kept_aside = |aside: &KeptAside| {
            let last = texts.moment(zone.to_datetime(aside.last.timestamp()));
            format!("{} {}, {} {last}", number(aside.minutes), texts.minutes, texts.up_to)
        };
        let clock = |diag: &Diag| match diag.clock.as_str() {
            "synchronised" => texts.clock_synchronised.to_owned(),
            "unsynchronised" => texts.clock_unsynchronised.to_owned(),
            "simulated" => texts.clock_simulated.to_owned(),
            other => other.to_owned(),
        };
        Self {
            name: figures.meter.name.clone(),
            path: figures.meter.meter.to_string(),
            state,
            class,
            kept_aside: figures.kept_aside.as_ref().map(kept_aside),
            last_minute: newest.map_or_else(unknown, |at| texts.moment(zone.to_datetime(at))),
            clock: diag.map_or_else(unknown, clock),
            outbox_depth: diag
                .map_or_else(unknown, |it| format!("{} {}", number(it.outbox_depth), texts.minutes)),
            rejected: diag.map_or_else(unknown, |diag| number(diag.rejected)),
            lost: diag.map_or_else(unknown, |diag| number(diag.lost_edges)),
            source: info.map_or_else(unknown, |info| info.source.clone()),
            version: info.map_or_else(unknown, |info| info.version.clone()),
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "status.html")]
pub(crate) struct StatusPage {
    /// Around it.
    pub(crate) frame: Frame,
    /// The publishers' meters.
    pub(crate) machines: Vec<PublisherView>,
    /// What is known of the server: names and values.
    pub(crate) server: Vec<(&'static str, String)>,
}
