//! The figures of a meter: on its page, in the API and in live updates alike.

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, RecordedMinute, Sum};
use meter_messages::Minute;

use crate::periods::Periods;

/// A recording that is at most this old is up to date: days are then compared
/// up to its end, not up to a minute that is still on its way.
const FRESH_MINUTES: i64 = 3;

/// What the ledger says about a meter, seen from one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    /// The meter.
    pub(crate) meter: RecordedMeter,
    /// The minute up to which they reach.
    pub(crate) until: Minute,
    /// The newest recorded minute, which has the running count.
    pub(crate) newest: Option<RecordedMinute>,
    /// Since the local midnight.
    pub(crate) today: Sum,
    /// The whole local day before.
    pub(crate) yesterday: Sum,
    /// The local day before, up to the same time of day.
    pub(crate) yesterday_by_now: Sum,
    /// Since the beginning of the local month.
    pub(crate) month: Sum,
    /// What the pictures of hour, day, week and month show.
    pub(crate) pictures: [Sum; 4],
}

impl Figures {
    /// Reads the ledger. `now` is the minute in progress.
    pub(crate) fn read(
        ledger: &Ledger,
        meter: RecordedMeter,
        newest: Option<RecordedMinute>,
        until: Minute,
        zone: &TimeZone,
    ) -> Result<Self, LedgerError> {
        let periods = Periods::until(until, zone);
        let sum = |span: std::ops::Range<Minute>| ledger.sum(&meter, span);
        let [hour, day, week, month, _year] = periods.pictures;
        Ok(Self {
            today: sum(periods.today)?,
            yesterday: sum(periods.yesterday)?,
            yesterday_by_now: sum(periods.yesterday_by_now)?,
            month: sum(periods.month)?,
            pictures: [sum(hour)?, sum(day)?, sum(week)?, sum(month)?],
            until,
            newest,
            meter,
        })
    }

    /// A sum in kWh.
    pub(crate) fn kwh(&self, sum: &Sum) -> f64 {
        self.meter.pulses_per_kwh.energy_kwh(sum.pulses)
    }

    /// The mean power of a sum's watched time, in W.
    pub(crate) fn mean_w(&self, sum: &Sum) -> Option<f64> {
        let seconds = sum.watched_s;
        (seconds > 0).then(|| self.meter.pulses_per_kwh.power_w(sum.pulses, seconds as f64))
    }

    /// By how many percent today is above yesterday by this time.
    pub(crate) fn difference_percent(&self) -> Option<f64> {
        difference_percent(&self.today, &self.yesterday_by_now)
    }
}

/// `None` where a comparison says nothing: no use then, or one of them was
/// watched much less.
fn difference_percent(today: &Sum, before: &Sum) -> Option<f64> {
    let comparable = today.watched_s.abs_diff(before.watched_s) * 10 <= before.watched_s;
    let change = || (today.pulses as f64 / before.pulses as f64 - 1.0) * 100.0;
    (comparable && before.pulses > 0).then(change)
}

/// Up to which minute figures reach, `now` being the minute in progress.
pub(crate) fn until(newest: Option<&RecordedMinute>, now: Minute) -> Minute {
    let recorded = newest.map(|newest| newest.minute.epoch_minutes() + 1);
    match recorded {
        Some(recorded) if (now.epoch_minutes() - recorded).abs() <= FRESH_MINUTES => {
            Minute::nearest(recorded)
        }
        _ => now,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_are_compared_only_where_both_were_watched() {
        let day = |pulses, watched_s| Sum { pulses, watched_s, ..Sum::default() };
        assert_eq!(difference_percent(&day(150, 3600), &day(100, 3600)), Some(50.0));
        assert_eq!(difference_percent(&day(75, 3300), &day(100, 3600)), Some(-25.0));
        assert_eq!(difference_percent(&day(50, 1800), &day(100, 3600)), None);
        assert_eq!(difference_percent(&day(50, 3600), &day(0, 3600)), None);
        assert_eq!(difference_percent(&day(0, 0), &day(0, 0)), None);
    }

    #[test]
    fn figures_reach_to_the_last_minute_while_it_is_fresh() {
        let minute = |text: &str| -> Minute { text.parse().unwrap() };
        let newest =
            RecordedMinute { minute: minute("2026-11-23T17:20:00Z"), pulses: 1, watched_s: 60, total: 1 };
        let until = |now: &str| until(Some(&newest), minute(now)).to_string();
        assert_eq!(until("2026-11-23T17:22:00Z"), "2026-11-23T17:21:00Z");
        assert_eq!(until("2026-11-23T17:25:00Z"), "2026-11-23T17:25:00Z");
        assert_eq!(super::until(None, newest.minute), newest.minute);
    }
}
