//! A day of a meter with all that makes Home Assistant count wrongly: its publisher is away for two hours, and later its card
//! is changed.

use meter_ledger::Ledger;
use meter_messages::{Info, Meter, Minute, OutboxMinute, PulseCount, State, Unit};
use std::path::Path;

/// 2026-11-28, 10:00 UTC, in hours since 1970.
pub(crate) const FIRST: i64 = 498_850;
/// Its hours: from 10 to 16 o'clock.
pub(crate) const HOURS: i64 = 6;
/// The publisher is away in these: what is used then comes later.
pub(crate) const AWAY: std::ops::Range<i64> = 1..3;
/// In this one a new card begins to count at 0.
const NEW_CARD: i64 = 4;
/// So many minutes of that hour are counted by the card from before.
const BEFORE_THE_CHANGE: i64 = 30;

/// So much the card from before had counted when the day began, in Wh.
const COUNTED: u64 = 3_000_000;

pub(crate) fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

/// What the publisher says of the meter with its first or its second card.
pub(crate) fn info(card: &str) -> Info {
    let info = format!(
        r#"{{"name":"House","pulses_per_kwh":1000,"source":"simulated","version":"1","outbox":"{card}","oldest_seq":1}}"#
    );
    Info::from_json(info.as_bytes()).unwrap()
}

/// The minutes of an hour of the day, by which outbox.
pub(crate) fn minutes(hour: i64) -> Vec<(&'static str, PulseCount)> {
    (0..60).map(|minute| count(hour * 60 + minute)).collect()
}

/// Each minute of the day has another number of pulses.
fn pulses(minute: i64) -> u32 {
    5 + (minute * 7 % 31) as u32
}

fn count(minute: i64) -> (&'static str, PulseCount) {
    let change = NEW_CARD * 60 + BEFORE_THE_CHANGE;
    let (card, first, counted) = if minute < change { ("a", 0, COUNTED) } else { ("b", change, 0) };
    let total = counted + (first..=minute).map(|minute| u64::from(pulses(minute))).sum::<u64>();
    let seq = (minute - first + 1).unsigned_abs();
    let minute_of_day = Minute::nearest(FIRST * 60 + minute);
    (card, PulseCount { minute: minute_of_day, watched_s: 60, seq, pulses: pulses(minute), total })
}

/// What Home Assistant hears last in an hour: some pulses of its last minute come too late for it.
pub(crate) fn state(hour: i64) -> State {
    let (_, last) = count(hour * 60 + 59);
    let total = last.total - u64::from(last.pulses) / 2;
    let at = jiff::Timestamp::from_second(last.minute.start() + 30).unwrap();
    State::new(Unit::KilowattHour, at, Some(800), total as f64 / 1000.0, total)
}

/// What the publisher sends of a minute.
pub(crate) fn on_the_wire(card: &str, count: PulseCount) -> String {
    let minute = OutboxMinute { count, outbox: Some(card.parse().unwrap()), gap: None, times: None };
    String::from_utf8(minute.to_json()).unwrap()
}

/// A ledger with the first hours of the day, as the recorder writes it.
pub(crate) fn record(path: &Path, hours: i64) {
    let mut ledger = Ledger::open(path).unwrap();
    for card in ["a", "b"] {
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter(), &info(card)).unwrap();
        let all = (0..hours).flat_map(minutes).filter(|(of, _)| *of == card);
        for (_, count) in all {
            batch.record(&mark, &count).unwrap();
        }
        batch.commit().unwrap();
    }
}
