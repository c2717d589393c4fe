//! A look at somebody else's counter: what it says of itself, what the broker has kept of it, and what comes.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::findings::{Finding, finding};
use crate::outbox::Outbox;
use crate::settings::{MeterSettings, Settings};
use crate::totals::heard::Heard;
use crate::totals::looking::{self, counters};
use crate::totals::source::CounterSource;

/// Totals that are kept for a verdict.
const MOST_TOTALS: usize = 100_000;
/// A counter says its total late by less than this, in seconds.
const LATE_S: f64 = 10.0;

/// What was seen of a counter.
#[derive(Debug, Default)]
pub(super) struct CounterSeen {
    source: String,
    /// Whether it comes by a broker.
    is_published: bool,
    /// What it calls itself.
    name: Option<String>,
    /// What came instead of its total, and how often.
    without: (usize, String),
    /// The total that the broker had kept, in millionths of a Wh or litre.
    kept: Option<i64>,
    /// Those that came, and after which time.
    totals: Vec<(Duration, i64)>,
    rate: Option<u32>,
    unreadable: usize,
    /// Of the first unreadable one.
    because: String,
    /// When the running publisher last heard it.
    counted: Option<Timestamp>,
}

/// Listens to all counters for some time; what is seen of each, in their order.
pub(super) fn look(
    settings: &Settings,
    at_least: Duration,
) -> anyhow::Result<Vec<anyhow::Result<CounterSeen>>> {
    let counters = counters(settings);
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let begin = |(meter, counter): &(&MeterSettings, &CounterSource)| CounterSeen {
        source: counter.describe(),
        is_published: matches!(counter, CounterSource::Mqtt(_)),
        counted: counted(settings, meter, counter),
        ..CounterSeen::default()
    };
    let mut seen: Vec<_> = counters.iter().map(begin).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcomes = runtime.block_on(async {
        // The others are looked at all the same where one fails.
        let (stop, failed, began) = (CancellationToken::new(), CancellationToken::new(), Instant::now());
        let looking = looking::look(settings, &stop, &failed, |place, heard| {
            seen[place].take(began.elapsed(), heard);
        });
        let stopping = async {
            sleep(at_least).await;
            stop.cancel();
        };
        tokio::join!(looking, stopping).0
    });
    Ok(outcomes.into_iter().zip(seen).map(|(outcome, seen)| outcome.map(|()| seen)).collect())
}

/// When the publisher last heard the counter; it may run meanwhile, or never have run.
fn counted(settings: &Settings, meter: &MeterSettings, counter: &CounterSource) -> Option<Timestamp> {
    let account = Outbox::open_read_only(&settings.state_dir).ok()?.existing_account(&meter.id).ok()??;
    let state = account.counter.filter(|state| state.source == counter.describe())?;
    Timestamp::from_second(state.heard_ns / 1_000_000_000).ok()
}

impl CounterSeen {
    fn take(&mut self, after: Duration, heard: Heard) {
        match heard {
            Heard::Total(total, true) => self.kept = Some(total),
            Heard::Total(total, false) if self.totals.len() < MOST_TOTALS => self.totals.push((after, total)),
            Heard::Total(..) => {}
            Heard::Rate(rate) => self.rate = Some(rate),
            Heard::Name(name) => self.name = Some(name),
            Heard::Without(what) => self.without = (self.without.0 + 1, what),
            Heard::Unreadable(error) => {
                if self.unreadable == 0 {
                    self.because = error;
                }
                self.unreadable += 1;
            }
        }
    }

    fn findings(&self, meter: &MeterSettings) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.unreadable > 0 {
            let text =
                format!("{} times no total could be read; the first: {}", self.unreadable, self.because);
            findings.push(finding("unreadable", text));
        }
        match (self.totals.is_empty(), self.kept) {
            (true, None) if self.without.0 > 0 => {
                let (times, what) = &self.without;
                findings.push(finding(
                    "another_value",
                    format!("no total came; {times} times there was something else, at last: {what}"),
                ));
            }
            (true, None) if self.unreadable == 0 && !self.is_published => findings.push(finding(
                "silent",
                "nothing came: the reading head does not sit straight on the meter, it is another device, or the \
                 counter speaks less often (look for longer, with --seconds)",
            )),
            (true, None) if self.unreadable == 0 => findings.push(finding(
                "no_message",
                "no total came: the topic or value is another one, the counter says it less often (look for longer, \
                 with --seconds), or the broker does not let us read it",
            )),
            (true, Some(_)) => findings.push(finding(
                "only_kept",
                "only the total that the broker had kept, nobody knows since when; counting begins when the counter \
                 says the next ones (look for longer, with --seconds)",
            )),
            _ => {}
        }
        let pairs = || self.totals.windows(2).map(|pair| (pair[0], pair[1]));
        if pairs().any(|((_, before), (_, after))| after < before) {
            findings.push(finding(
                "goes_down",
                "the total went down: is it one that is begun anew every day, or do two devices use the topic?",
            ));
        }
        let rate = |((from, before), (until, after)): ((Duration, i64), (Duration, i64))| {
            (after - before) as f64 * 0.0036 / ((until - from).as_secs_f64() + LATE_S)
        };
        let unit = meter.medium.unit().of_rate();
        let highest = pairs().map(rate).fold(0.0, f64::max);
        if highest > f64::from(meter.max_rate) * 1.1 {
            let text = format!(
                "the total grew as if by {highest:.0} {unit}, more than the meter's highest of {} {unit}: is the unit \
                 right, and the factor?",
                meter.max_rate
            );
            findings.push(finding("impossible_rate", text));
        }
        findings
    }

    pub(super) fn as_json(&self, meter: &MeterSettings) -> serde_json::Value {
        let in_unit = |total: i64| total as f64 / 1e9;
        let unit = meter.medium.unit();
        json!({
            "meter": meter.id,
            "source": self.source,
            "name": self.name,
            "unit": unit.symbol(),
            "kept": self.kept.map(in_unit),
            "totals": self.totals.len(),
            "first": self.totals.first().map(|(_, total)| in_unit(*total)),
            "last": self.totals.last().map(|(_, total)| in_unit(*total)),
            "unreadable": self.unreadable,
            (unit.rate_key()): self.rate,
            "counted": self.counted.map(|at| at.to_string()),
            "findings": self.findings(meter),
        })
    }

    pub(super) fn report(&self, meter: &MeterSettings) -> String {
        let (mut text, unit) = (format!("{}: {}\n", meter.id, self.source), meter.medium.unit());
        let shown = |total: i64| format!("{:.3} {}", total as f64 / 1e9, unit.symbol());
        // Writing to a String cannot fail.
        let mut line = |name: &str, value: String| _ = writeln!(text, "  {name:9}{value}");
        if let Some(name) = &self.name {
            line("name", name.clone());
        }
        if let Some(total) = self.kept {
            line("kept", format!("{} by the broker", shown(total)));
        }
        let ends = self.totals.first().zip(self.totals.last());
        let ends =
            ends.map(|((_, first), (_, last))| format!(", from {} to {}", shown(*first), shown(*last)));
        line("totals", format!("{} came{}", self.totals.len(), ends.unwrap_or_default()));
        if let Some(rate) = self.rate {
            line("rate", format!("{rate} {}, said by the counter", unit.of_rate()));
        }
        if let Some(at) = self.counted {
            line("counted", format!("by the publisher, up to what was said at {at}"));
        }
        let findings = self.findings(meter);
        if findings.is_empty() {
            line("verdict", "this looks right".into());
        }
        for finding in findings {
            line("verdict", finding.text);
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const WH: i64 = 1_000_000;

    fn meter() -> MeterSettings {
        let said = "id = \"plug\"\nsource = { kind = \"mqtt\", topic = \"a\", unit = \"Wh\" }";
        daemon_runtime::parse(said).unwrap()
    }

    fn seen(totals: &[(u64, i64)], kept: Option<i64>) -> CounterSeen {
        let source = "mqtt a in Wh".into();
        let mut seen = CounterSeen { source, is_published: true, ..CounterSeen::default() };
        if let Some(total) = kept {
            seen.take(Duration::ZERO, Heard::Total(total, true));
        }
        for (second, total) in totals {
            seen.take(Duration::from_secs(*second), Heard::Total(*total, false));
        }
        seen
    }

    #[test]
    fn what_a_counter_says_is_reported() {
        let mut good = seen(&[(1, 514_153 * WH), (4, 514_155 * WH)], Some(514_153 * WH));
        good.take(Duration::from_secs(4), Heard::Rate(2400));
        assert_eq!(
            good.report(&meter()),
            "plug: mqtt a in Wh\n  kept     514.153 kWh by the broker\n  \
             totals   2 came, from 514.153 kWh to 514.155 kWh\n  rate     2400 W, said by the counter\n  \
             verdict  this looks right\n"
        );
        let json = good.as_json(&meter());
        assert_eq!((&json["kept"], &json["last"]), (&json!(514.153), &json!(514.155)));
        assert_eq!((&json["power_w"], &json["findings"]), (&json!(2400), &json!([])));
    }

    #[test]
    fn what_is_wrong_with_a_counter_is_said() {
        let mut unreadable = seen(&[], None);
        unreadable.take(Duration::ZERO, Heard::Unreadable("\"ON\" is not a number".into()));
        let mut other = CounterSeen::default();
        other.take(Duration::ZERO, Heard::Without("it has 1.8.0".into()));
        for (seen, code) in [
            (seen(&[], None), "no_message"),
            (seen(&[], Some(WH)), "only_kept"),
            (CounterSeen::default(), "silent"),
            (other, "another_value"),
            (unreadable, "unreadable"),
            (seen(&[(1, 5 * WH), (2, 4 * WH)], None), "goes_down"),
            (seen(&[(1, 5 * WH), (2, 5000 * WH)], None), "impossible_rate"),
        ] {
            let codes: Vec<_> = seen.findings(&meter()).iter().map(|finding| finding.code).collect();
            assert_eq!(codes, [code]);
        }
    }
}
