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
use crate::totals::twice::counted_twice;

/// Totals that are kept for a verdict.
const MOST_TOTALS: usize = 100_000;
/// So many meters that speak over one line are told apart.
const MOST_NAMES: usize = 8;
/// A counter says its total late by less than this, in seconds.
const LATE_S: f64 = 10.0;

/// What was seen of a counter.
#[derive(Debug, Default)]
pub(super) struct CounterSeen {
    source: String,
    /// Whether it comes by a broker.
    is_published: bool,
    /// What it calls itself; several are several meters.
    names: Vec<String>,
    /// What came instead of its total, and how often.
    without: (usize, String),
    /// The total that the broker had kept, in millionths of a Wh or litre.
    kept: Option<i64>,
    /// Those that came, and after which time.
    totals: Vec<(Duration, i64)>,
    rate: Option<u32>,
    /// Why there is none.
    without_rate: Option<String>,
    unreadable: usize,
    /// Of the first unreadable one.
    because: String,
    /// Which other meter counts the same.
    twice: Vec<String>,
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
    let twice = counted_twice(settings);
    let begin = |(meter, counter): &(&MeterSettings, &CounterSource)| CounterSeen {
        source: counter.describe(),
        is_published: matches!(counter, CounterSource::Mqtt(_)),
        counted: counted(settings, meter, counter),
        twice: twice.iter().filter(|(id, _)| *id == &meter.id).map(|(_, said)| said.clone()).collect(),
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
            Heard::WithoutRate(why) => self.without_rate = Some(why),
            Heard::Name(name) if self.names.contains(&name) || self.names.len() >= MOST_NAMES => {}
            Heard::Name(name) => self.names.push(name),
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
            let times =
                if self.unreadable == 1 { "once".into() } else { format!("{} times", self.unreadable) };
            let text = format!("no total could be read {times}; at first: {}", self.because);
            findings.push(finding("unreadable", text));
        }
        findings.extend(self.why_there_is_none());
        if let Some(why) = &self.without_rate {
            let text =
                format!("its power could not be read, so the live value will follow from its total: {why}");
            findings.push(finding("no_power", text));
        }
        if self.names.len() > 1 {
            findings.push(finding(
                "several_meters",
                format!(
                    "several meters speak over this line; write as server_id which one is meant: {}",
                    self.names.join(", ")
                ),
            ));
        }
        findings.extend(self.how_it_goes(meter));
        findings.extend(self.twice.iter().map(|said| finding("counted_twice", said.clone())));
        findings
    }

    /// Why no total came, if none did.
    fn why_there_is_none(&self) -> Option<Finding> {
        if !self.totals.is_empty() {
            return None;
        }
        Some(match self.kept {
            None if self.without.0 > 0 => {
                let (times, what) = &self.without;
                let times = if *times == 1 { "once".into() } else { format!("{times} times") };
                let text = format!("no total came; something else did {times}, most recently: {what}");
                finding("another_value", text)
            }
            None if self.unreadable > 0 => return None,
            None if !self.is_published => finding(
                "silent",
                "nothing came: the reading head is not straight on the meter, the device is not the right one, or \
                 the meter sends less often (watch for longer with --seconds)",
            ),
            None => finding(
                "no_message",
                "no total came: topic or value are not the right ones, the counter sends less often (watch for \
                 longer with --seconds), or the broker does not let this user read the topic",
            ),
            Some(_) => finding(
                "only_kept",
                "only the total that the broker had kept came, and nobody knows how old it is; counting begins with \
                 the next messages of the counter (watch for longer with --seconds)",
            ),
        })
    }

    /// What is wrong with the totals that came.
    fn how_it_goes(&self, meter: &MeterSettings) -> Vec<Finding> {
        let mut findings = Vec::new();
        let pairs = || self.totals.windows(2).map(|pair| (pair[0], pair[1]));
        if pairs().any(|((_, before), (_, after))| after < before) {
            findings.push(finding(
                "goes_down",
                if self.is_published {
                    "the total went down: does it start again every day, or do two devices use this topic?"
                } else {
                    "the total went down: do two meters answer, or is this the register of something else?"
                },
            ));
        }
        let rate = |((from, before), (until, after)): ((Duration, i64), (Duration, i64))| {
            (after - before) as f64 * 0.0036 / ((until - from).as_secs_f64() + LATE_S)
        };
        let unit = meter.medium.unit().of_rate();
        let highest = pairs().map(rate).fold(0.0, f64::max);
        if highest > f64::from(meter.max_rate) * 1.1 {
            let text = format!(
                "the total grew as if by {highest:.0} {unit}, more than the {} {unit} that this meter can measure: are \
                 unit and factor right?",
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
            "name": self.names.last(),
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
        if !self.names.is_empty() {
            line("name", self.names.join(", "));
        }
        if let Some(total) = self.kept {
            line("kept", format!("{}, by the broker", shown(total)));
        }
        let ends = self.totals.first().zip(self.totals.last());
        let ends =
            ends.map(|((_, first), (_, last))| format!(", from {} to {}", shown(*first), shown(*last)));
        line("totals", format!("{} came{}", self.totals.len(), ends.unwrap_or_default()));
        if let Some(rate) = self.rate {
            line("rate", format!("{rate} {}, said by the counter", unit.of_rate()));
        }
        if let Some(at) = self.counted {
            line("counted", format!("by the publisher, up to its message of {at}"));
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
            "plug: mqtt a in Wh\n  kept     514.153 kWh, by the broker\n  \
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
        let good = || seen(&[(1, 5 * WH), (2, 5 * WH)], None);
        let (mut powerless, mut two) = (good(), good());
        powerless.take(Duration::ZERO, Heard::WithoutRate("unit 1 refuses".into()));
        for name in ["0a01", "0a02", "0a01"] {
            two.take(Duration::ZERO, Heard::Name(name.into()));
        }
        for (seen, code) in [
            (seen(&[], None), "no_message"),
            (seen(&[], Some(WH)), "only_kept"),
            (CounterSeen::default(), "silent"),
            (other, "another_value"),
            (unreadable, "unreadable"),
            (powerless, "no_power"),
            (two, "several_meters"),
            (seen(&[(1, 5 * WH), (2, 4 * WH)], None), "goes_down"),
            (seen(&[(1, 5 * WH), (2, 5000 * WH)], None), "impossible_rate"),
        ] {
            let codes: Vec<_> = seen.findings(&meter()).iter().map(|finding| finding.code).collect();
            assert_eq!(codes, [code]);
        }
    }
}
