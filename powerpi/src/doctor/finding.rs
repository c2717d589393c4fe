//! What was found, in plain words. Pure.

use std::fmt;

use jiff::Timestamp;
use meter_messages::Diag;
use serde::Serialize;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Good,
    Doubtful,
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// A word for programs; it stays when the text changes.
    pub(super) code: &'static str,
    /// What it is.
    pub(super) text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "good    ",
            Level::Doubtful => "doubtful",
            Level::Wrong => "WRONG   ",
        };
        write!(f, "{level}  {}", self.text)?;
        match &self.advice {
            Some(advice) => write!(f, "\n          → {advice}"),
            None => Ok(()),
        }
    }
}

pub(super) fn good(code: &'static str, text: impl Into<String>) -> Finding {
    Finding { level: Level::Good, code, text: text.into(), advice: None }
}

pub(super) fn doubtful(code: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { level: Level::Doubtful, code, text: text.into(), advice: Some(advice.into()) }
}

pub(super) fn wrong(code: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { level: Level::Wrong, code, text: text.into(), advice: Some(advice.into()) }
}

/// A certificate that ends in so many days.
pub(super) fn certificate(path: &str, days: i64) -> Finding {
    match days {
        ..0 => {
            wrong("certificate", format!("{path} ended {} days ago", -days), "renew it and reload the broker")
        }
        0..30 => doubtful("certificate", format!("{path} ends in {days} days"), "renew it in time"),
        36_500.. => good("certificate", format!("{path} has no end")),
        _ => good("certificate", format!("{path} ends in {days} days")),
    }
}

/// The room that is left on the ledger's disk, beside the ledger's own size.
pub(super) fn disk(free: u64, ledger: u64) -> Finding {
    let text = format!("{} MB are free on the ledger's disk", free / 1_000_000);
    let advice =
        "make room: without any, nothing is recorded until there is some; publishers keep their minutes";
    match free {
        ..50_000_000 => wrong("disk", text, advice),
        // A copy is made when the ledger is brought to a new format.
        _ if free < 500_000_000.max(2 * ledger) => doubtful("disk", text, advice),
        _ => good("disk", text),
    }
}

/// When a meter's newest minute was, seen from now.
pub(super) fn newest(meter: &str, newest: Option<Timestamp>, now: Timestamp) -> Finding {
    let Some(newest) = newest else {
        let advice =
            "does its publisher run, with this server's address? `pi-publisher check` on the Pi tells";
        return doubtful("newest", format!("{meter}: nothing has been recorded"), advice);
    };
    let minutes = (now.as_second() - newest.as_second()) / 60 - 1;
    match minutes {
        ..5 => good("newest", format!("{meter}: recorded up to now")),
        _ => wrong(
            "newest",
            format!("{meter}: nothing has been recorded for {minutes} minutes, since {newest}"),
            "does its publisher run, and reach this server? `systemctl status pi-publisher` on the Pi tells; what it \
             counts meanwhile comes later",
        ),
    }
}

/// What a publisher says of itself.
pub(super) fn publisher(meter: &str, diag: &Diag) -> Vec<Finding> {
    let mut found = Vec::new();
    if diag.clock == "unsynchronised" {
        found.push(wrong(
            "publisher_clock",
            format!("{meter}: the clock of its publisher has not been synchronised since it started"),
            "it counts, but sends nothing before it knows the time: check its network, and `timedatectl` on the Pi",
        ));
    }
    if !diag.outbox_writable {
        found.push(wrong(
            "publisher_disk",
            format!("{meter}: its publisher cannot write its outbox"),
            "its card is full or broken: make room, or replace it; minutes wait in memory until then",
        ));
    }
    if diag.outbox_depth > 10 {
        found.push(doubtful(
            "waiting",
            format!("{meter}: {} minutes wait to be recorded", diag.outbox_depth),
            "they come by themselves; if the number does not fall, look at the recorder's log",
        ));
    }
    if diag.lost_edges > 0 {
        found.push(doubtful(
            "lost_edges",
            format!("{meter}: its publisher's kernel has dropped {} edges since it started", diag.lost_edges),
            "the Pi is too busy, or the line hums: `pi-publisher check` tells",
        ));
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_its_bounds() {
        let levels = |findings: &[Finding]| findings.iter().map(|it| it.level).collect::<Vec<_>>();
        let certificates = [-1, 0, 29, 30].map(|days| certificate("a.crt", days));
        assert_eq!(levels(&certificates), [Level::Wrong, Level::Doubtful, Level::Doubtful, Level::Good]);
        let disks = [(49_999_999, 0), (60_000_000, 0), (500_000_000, 0), (500_000_000, 300_000_000)];
        let disks = disks.map(|(free, ledger)| disk(free, ledger));
        assert_eq!(levels(&disks), [Level::Wrong, Level::Doubtful, Level::Good, Level::Doubtful]);
        let now: Timestamp = "2026-11-29T12:00:30Z".parse().unwrap();
        let ages = ["2026-11-29T11:59:00Z", "2026-11-29T11:54:00Z"];
        let ages = ages.map(|at| newest("home/main", Some(at.parse().unwrap()), now));
        assert_eq!(levels(&ages), [Level::Good, Level::Wrong]);
        assert!(ages[1].text.contains("for 5 minutes"), "{}", ages[1].text);
    }
}
