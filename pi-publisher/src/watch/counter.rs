//! Follows other people's counters: a line for each total as it comes.

use std::sync::mpsc::Sender;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_messages::{MeterId, Unit};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::check::Form;
use crate::settings::Settings;
use crate::totals::heard::Heard;
use crate::totals::looking::{self, counters};

/// Follows all counters until `stop`, or until one cannot be heard.
pub(super) fn follow(
    settings: &Settings,
    form: Form,
    lines: &Sender<String>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counters = counters(settings);
    for (meter, counter) in &counters {
        let source = counter.describe();
        // If sending fails nobody reads any more; the signal comes as well.
        let _ = lines.send(match form {
            Form::Text => format!("{}: {source}", meter.id),
            Form::Json => json!({"meter": meter.id, "source": source}).to_string(),
        });
    }
    let mut followed = vec![Followed::default(); counters.len()];
    let outcomes = runtime.block_on(looking::look(settings, stop, stop, |place, heard| {
        let of = (&counters[place].0.id, counters[place].0.medium.unit());
        if let Some(line) = followed[place].take(heard) {
            let _ = lines.send(match form {
                Form::Text => line.text(of),
                Form::Json => line.json(of).to_string(),
            });
        }
    }));
    for ((meter, _), outcome) in counters.iter().zip(outcomes) {
        outcome.with_context(|| format!("meter {}", meter.id))?;
    }
    Ok(())
}

/// What is known of a counter that is followed.
#[derive(Debug, Clone, Default)]
struct Followed {
    /// Its last total.
    before: Option<i64>,
    /// What it said last of its power or flow.
    rate: Option<u32>,
}

impl Followed {
    /// The line that it makes.
    fn take(&mut self, heard: Heard) -> Option<Line> {
        let (total, retained) = match heard {
            Heard::Rate(rate) => {
                self.rate = Some(rate);
                return None;
            }
            // Whose head sits on which meter, and what it lacks, is what `check` says.
            Heard::Name(_) | Heard::WithoutRate(_) => return None,
            Heard::Total(total, retained) => (Ok(total), retained),
            Heard::Unreadable(why) | Heard::Without(why) => (Err(why), false),
        };
        let before = self.before;
        self.before = total.as_ref().ok().copied().or(before);
        Some(Line { at: daemon_runtime::now(), total, before, retained, rate: self.rate })
    }
}

/// A total as it is shown, in millionths of a Wh or litre; or why it is none.
#[derive(Debug)]
struct Line {
    at: Timestamp,
    total: Result<i64, String>,
    /// The one before.
    before: Option<i64>,
    /// Whether the broker had kept it.
    retained: bool,
    /// What the counter said last of its power or flow.
    rate: Option<u32>,
}

impl Line {
    fn text(&self, (meter, unit): (&MeterId, Unit)) -> String {
        let at = self.at.to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S.%3f").to_string();
        let said = match &self.total {
            Ok(total) => {
                let grown = self.before.map(|before| format!(" {:+.3}", (total - before) as f64 / 1e9));
                let rate = self.rate.map(|rate| format!("  {rate} {}", unit.of_rate())).unwrap_or_default();
                let kept = if self.retained { "  kept by the broker" } else { "" };
                let (total, symbol) = (*total as f64 / 1e9, unit.symbol());
                format!("{total:.3}{} {symbol}{rate}{kept}", grown.unwrap_or_default())
            }
            Err(why) => format!("no total: {why}"),
        };
        format!("{at}  {:12} {said}", meter.as_str())
    }

    fn json(&self, (meter, unit): (&MeterId, Unit)) -> serde_json::Value {
        json!({
            "t": format!("{:.3}", self.at),
            "meter": meter,
            "total": self.total.as_ref().ok().map(|total| *total as f64 / 1e9),
            "unit": unit.symbol(),
            "kept": self.retained,
            (unit.rate_key()): self.rate,
            "error": self.total.as_ref().err(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_shown_with_what_it_has_grown() {
        let of = (&"plug".parse().unwrap(), Unit::KilowattHour);
        let line = Line {
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            total: Ok(514_155_000_000),
            before: Some(514_153_000_000),
            retained: false,
            rate: Some(56),
        };
        assert!(line.text(of).ends_with("  plug         514.155 +0.002 kWh  56 W"), "{}", line.text(of));
        assert_eq!(line.json(of)["total"], 514.155);
        let bad = Line { total: Err("it says \"ON\"".into()), before: None, retained: true, ..line };
        assert!(bad.text(of).ends_with("no total: it says \"ON\""));
        assert_eq!(bad.json(of)["total"], serde_json::Value::Null);
    }
}
