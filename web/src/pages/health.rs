//! The verdict on the whole in words: for a strip, the status page and the wall.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::health::{Problem, Verdict};
use crate::live::alarms::AlarmSaid;
use crate::texts::Texts;

/// So many problems are named in a strip.
const NAMED: usize = 3;

/// The verdict in words.
#[derive(Debug, Clone)]
pub(crate) struct HealthView {
    /// `All is well …` or `2 problems`.
    pub(crate) sentence: String,
    /// Each problem in a sentence.
    pub(crate) problems: Vec<String>,
    /// How many more there are than a strip names, in words.
    pub(crate) more: Option<String>,
}

impl HealthView {
    /// A verdict as people of a language read it. Times of today are said without their date.
    pub(crate) fn new(verdict: &Verdict, texts: &Texts, zone: &TimeZone) -> Self {
        let words = texts.health;
        let number = |count: usize| texts.number(count as f64, 0);
        let count = verdict.problems.len();
        let sentence = match (count, verdict.whole_since) {
            (0, _) if verdict.is_catching_up => words.catching_up.to_owned(),
            (0, None) => words.all_well.to_owned(),
            (0, Some(since)) => words.well_since.replace("{t}", &time(since, texts, zone)),
            (1, _) => words.problems.0.to_owned(),
            (more, _) => words.problems.1.replace("{n}", &number(more)),
        };
        let more = count.checked_sub(NAMED).filter(|more| *more > 0);
        Self {
            sentence,
            problems: verdict.problems.iter().map(|problem| said(problem, texts, zone)).collect(),
            more: more.map(|more| words.more.replace("{n}", &number(more))),
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.problems.is_empty()
    }

    /// The most urgent problems.
    pub(crate) fn first(&self) -> &[String] {
        self.problems.get(..NAMED).unwrap_or(&self.problems)
    }
}

/// An alarm in a row of the status page.
pub(crate) struct AlarmRow {
    pub(crate) name: String,
    pub(crate) meter: String,
    pub(crate) state: &'static str,
    pub(crate) is_raised: bool,
    pub(crate) since: String,
    /// The last notice, if there was one.
    pub(crate) said: String,
}

impl AlarmRow {
    pub(crate) fn new(alarm: AlarmSaid, texts: &Texts, zone: &TimeZone) -> Self {
        let words = texts.health;
        let moment = |at: Timestamp| texts.moment(zone.to_datetime(at));
        let state = match (alarm.is_raised, alarm.until) {
            (true, _) => words.raised,
            (false, Some(_)) => words.over,
            (false, None) => words.quiet,
        };
        let since = if alarm.is_raised { alarm.since } else { alarm.until };
        Self {
            name: alarm.name,
            meter: alarm.meter.to_string(),
            state,
            is_raised: alarm.is_raised,
            since: since.map_or_else(|| "–".to_owned(), moment),
            said: alarm.text.unwrap_or_else(|| "–".to_owned()),
        }
    }
}

fn said(problem: &Problem, texts: &Texts, zone: &TimeZone) -> String {
    let words = texts.health;
    let at = |text: &str, since: Timestamp| text.replace("{t}", &time(since, texts, zone));
    // A name comes last: what is in it stays as it is.
    let of = |text: String, name: &str| text.replace("{m}", name);
    match problem {
        Problem::BrokerAway(since) => at(words.broker_away, *since),
        Problem::BrokerFull => words.broker_full.to_owned(),
        Problem::Offline(names, Some(since)) => of(at(words.offline.0, *since), &names.join(", ")),
        Problem::Offline(names, None) => of(words.offline.1.to_owned(), &names.join(", ")),
        Problem::Silent(name, since) => of(at(words.silent, *since), name),
        Problem::NotRecorded(name, since) => of(at(words.not_recorded, *since), name),
        Problem::NothingYet(name) => of(words.nothing_yet.to_owned(), name),
        Problem::CountedTwice(name) => of(words.counted_twice.to_owned(), name),
        Problem::NoClock(name) => of(words.no_clock.to_owned(), name),
        Problem::Alarm(alarm) => {
            let what = of(words.alarm.replace("{a}", &alarm.name), &alarm.meter.to_string());
            ended(alarm.text.as_ref().map_or(what.clone(), |text| format!("{what}: {text}")))
        }
    }
}

/// As a sentence: others may follow it.
fn ended(text: String) -> String {
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

/// A time of today as that of a clock, others with their date.
fn time(at: Timestamp, texts: &Texts, zone: &TimeZone) -> String {
    let (local, now) = (zone.to_datetime(at), zone.to_datetime(daemon_runtime::now()));
    if local.date() == now.date() {
        return local.strftime("%H:%M").to_string();
    }
    texts.moment(local)
}

#[cfg(test)]
mod tests {
    use super::ended;

    #[test]
    fn what_an_alarm_says_is_a_sentence_whatever_follows() {
        assert_eq!(ended("Main meter: 374.0 kWh so far".into()), "Main meter: 374.0 kWh so far.");
        assert_eq!(ended("Alarm.".into()), "Alarm.");
    }
}
