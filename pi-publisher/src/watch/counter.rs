//! Follows somebody else's counter: a line for each total as it comes.

use std::sync::mpsc::Sender;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_messages::{MeterId, Unit};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::check::Form;
use crate::settings::{MeterSettings, Settings};
use crate::totals::listening::{Heard, session, understand};
use crate::totals::settings::CounterSettings;

/// Follows it until `stop`.
pub(super) fn follow(
    settings: &Settings,
    (meter, counter): (&MeterSettings, &CounterSettings),
    form: Form,
    lines: &Sender<String>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let source = counter.describe();
    // If sending fails nobody reads any more; the signal comes as well.
    let _ = lines.send(match form {
        Form::Text => format!("{}: {source}", meter.id),
        Form::Json => json!({"meter": meter.id, "source": source}).to_string(),
    });
    let name = format!("powerpi-{}-{}-watch", settings.site, meter.id);
    let session = session(settings, &name, std::iter::once(counter));
    runtime.block_on(async {
        let connected = stop.run_until_cancelled(session.connect()).await;
        let Some(connected) = connected else { return Ok(()) };
        let mut connection = connected.context("listening to the counter's broker")?;
        let (mut said, mut before) = (None, None);
        while let Some(message) = stop.run_until_cancelled(connection.message()).await {
            let message = message?;
            for heard in understand(counter, &message.topic, &message.payload, message.retain) {
                let (total, retained) = match heard {
                    Heard::Rate(rate) => {
                        said = Some(rate);
                        continue;
                    }
                    Heard::Total(total, retained) => (Ok(total), retained),
                    Heard::Unreadable(error) => (Err(error.to_string()), message.retain),
                };
                let line = Line { at: daemon_runtime::now(), total, before, retained, rate: said };
                before = line.total.as_ref().ok().copied().or(before);
                let of = (&meter.id, meter.medium.unit());
                let _ = lines.send(match form {
                    Form::Text => line.text(of),
                    Form::Json => line.json(of).to_string(),
                });
            }
        }
        connection.close(None).await;
        Ok(())
    })
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
