//! Periods that people ask for by name: yesterday, last month, last quarter.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, civil};
use meter_figures::Period;
use meter_messages::{Minute, PeriodKind};

use super::Frame;

/// Links, the nearest first.
pub(crate) type Presets = Vec<(&'static str, String)>;

/// Those of a meter, `site/meter`, as of today: of its pages, or of those below `below`.
pub(crate) fn presets(frame: &Frame, path: &str, below: &str, zone: &TimeZone) -> Presets {
    let now = daemon_runtime::now();
    let today = zone.to_datetime(now).date();
    let names = frame.texts.chart.presets;
    let of = |kind: PeriodKind, date: Date| {
        let period = Period::with_day(kind, date, zone);
        format!("/m/{path}{below}/{}/{}", kind.name(), period.name(zone))
    };
    let before = |kind: PeriodKind| {
        let period = Period::containing(kind, Minute::nearest(now.as_second().div_euclid(60)), zone);
        format!("/m/{path}{below}/{}/{}", kind.name(), period.previous(zone).name(zone))
    };
    let quarter = |first: Date| {
        let last = first.saturating_add(2.months()).last_of_month();
        format!("/m/{path}{below}/span/{first}..{last}")
    };
    let this_quarter = quarter_of(today);
    let addresses = [
        of(PeriodKind::Day, today),
        before(PeriodKind::Day),
        of(PeriodKind::Week, today),
        before(PeriodKind::Week),
        of(PeriodKind::Month, today),
        before(PeriodKind::Month),
        quarter(this_quarter),
        quarter(this_quarter.saturating_sub(3.months())),
        of(PeriodKind::Year, today),
        before(PeriodKind::Year),
    ];
    names.into_iter().zip(addresses.map(|address| frame.link(&address))).collect()
}

/// The first day of a quarter of a year.
fn quarter_of(day: Date) -> Date {
    civil::date(day.year(), (day.month() - 1) / 3 * 3 + 1, 1)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::quarter_of;

    #[test]
    fn a_quarter_begins_with_its_first_month() {
        for (day, first) in [
            (date(2026, 1, 1), date(2026, 1, 1)),
            (date(2026, 11, 29), date(2026, 10, 1)),
            (date(2026, 12, 31), date(2026, 10, 1)),
        ] {
            assert_eq!(quarter_of(day), first, "{day}");
        }
    }
}
