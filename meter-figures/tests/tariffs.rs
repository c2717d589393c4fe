//! What some days cost, reckoned minute by minute: whatever the prices, the times of day at which they change, the
//! fees, the zone, and what was recorded.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use meter_figures::{Period, Rows, SiteTariffs, Step, TariffSettings, Tariffs, hours};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Info, Medium, Meter, Minute, PeriodKind, PulseCount};
use proptest::prelude::*;

/// A zone, and the day before one on which its clock is set.
const DAYS: [(&str, &str); 6] = [
    ("Europe/Berlin", "2026-10-24"),
    ("Europe/Berlin", "2026-03-28"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("America/St_Johns", "2026-10-31"),
    // At midnight, and not at all.
    ("America/Santiago", "2026-09-05"),
    ("Asia/Kathmandu", "2026-02-27"),
];

/// Another price at some time of some days.
#[derive(Debug, Clone)]
struct Time {
    from: u16,
    to: u16,
    days: Vec<bool>,
    price: f64,
}

impl Time {
    /// From one minute of the day to the other, as a clock goes: over midnight, if the second is the earlier one, and
    /// all around, if they are the same.
    fn contains(&self, minute: u16) -> bool {
        let passed = |since: u16| (1440 + minute - since) % 1440;
        let length = match (1440 + self.to - self.from) % 1440 {
            0 => 1440,
            some => some,
        };
        passed(self.from) < length
    }
}

/// What holds from a day on.
#[derive(Debug, Clone)]
struct Holds {
    price: f64,
    /// Of a day, a month and a year.
    fees: [f64; 3],
    vat_percent: f64,
    co2_g: f64,
    times: Vec<Time>,
}

fn time() -> impl Strategy<Value = Time> {
    let minute =
        prop_oneof![0..1440u16, (0..24u16).prop_map(|hour| hour * 60), (0..48u16).prop_map(|half| half * 30)];
    let days = prop::collection::vec(any::<bool>(), 7).prop_filter("some day", |days| days.contains(&true));
    (minute.clone(), minute, days, 0..60u32).prop_map(|(from, to, days, cents)| Time {
        from,
        to,
        days,
        price: f64::from(cents) / 100.0,
    })
}

fn holds() -> impl Strategy<Value = Holds> {
    let fee = || prop_oneof![Just(0u32), 0..5_000u32].prop_map(|cents| f64::from(cents) / 100.0);
    let fees = (fee(), fee(), fee()).prop_map(|(day, month, year)| [day, month, year]);
    (0..60u32, fees, 0..25u32, 0..500u32, prop::collection::vec(time(), 0..4)).prop_map(
        |(cents, fees, vat, co2, times)| Holds {
            price: f64::from(cents) / 100.0,
            fees,
            vat_percent: vat.into(),
            co2_g: co2.into(),
            times,
        },
    )
}

fn settings(from: Option<Date>, holds: &Holds) -> TariffSettings {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut toml = from.map_or(String::new(), |from| format!("from = '{from}'\n"));
    let [day, month, year] = holds.fees;
    toml += &format!(
        "price_per_kwh = {}\nbase_fee_per_day = {day}\nbase_fee_per_month = {month}\nbase_fee_per_year = {year}\n\
         vat_percent = {}\nco2_g_per_kwh = {}\n",
        holds.price, holds.vat_percent, holds.co2_g
    );
    for time in &holds.times {
        let at = |minute: u16| format!("{}:{:02}", minute / 60, minute % 60);
        let days: Vec<&str> =
            names.into_iter().zip(&time.days).filter(|(_, is)| **is).map(|(name, _)| name).collect();
        let (from, to, days) = (at(time.from), at(time.to), days.join(","));
        toml +=
            &format!("[[time]]\nhours = '{from}-{to}'\ndays = '{days}'\nprice_per_kwh = {}\n", time.price);
    }
    toml_edit::de::from_str(&toml).unwrap()
}

fn local(minute: i64, zone: &TimeZone) -> DateTime {
    zone.to_datetime(Minute::nearest(minute).timestamp())
}

/// Energy, fee and g of CO₂.
type Amounts = [f64; 3];

/// What the minutes of a span cost, one by one.
fn naive(
    span: Range<i64>,
    pulses: &[u32],
    first: i64,
    tariffs: &[(Date, Holds)],
    zone: &TimeZone,
) -> Amounts {
    let midnight = |date: Date| date.to_zoned_datetime(zone.clone()).unwrap().timestamp().as_second() / 60;
    let length = |from: Date, to: Date| (midnight(to) - midnight(from)) as f64;
    let mut lengths = HashMap::new();
    let mut lengths_at = |date: Date| {
        *lengths.entry(date).or_insert_with(|| {
            let (month, year) = (date.first_of_month(), date.first_of_year());
            [
                length(date, date.saturating_add(1.day())),
                length(month, month.saturating_add(1.month())),
                length(year, year.saturating_add(1.year())),
            ]
        })
    };
    let mut all = [0.0; 3];
    for at in span {
        let shown = local(at, zone);
        let date = shown.date();
        let (_, holds) = tariffs.iter().rev().find(|(from, _)| *from <= date).unwrap();
        let minute = shown.hour() as u16 * 60 + shown.minute() as u16;
        let fits = |time: &&Time| {
            time.days[date.weekday().to_monday_zero_offset() as usize] && time.contains(minute)
        };
        let price = holds.times.iter().find(fits).map_or(holds.price, |time| time.price);
        let taxed = 1.0 + holds.vat_percent / 100.0;
        let kwh = f64::from(pulses[(at - first) as usize]) / 1000.0;
        all[0] += kwh * price * taxed;
        let fees = holds.fees.iter().zip(lengths_at(date));
        all[1] += taxed * fees.map(|(fee, minutes)| fee / minutes).sum::<f64>();
        all[2] += kwh * holds.co2_g;
    }
    all
}

/// A ledger in which each minute from the first on has so many pulses; none where nobody watched.
fn ledger(folder: &tempfile::TempDir, first: i64, pulses: &[Option<u32>]) -> (Ledger, RecordedMeter) {
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
    let (mut seq, mut total) = (0, 0);
    for (at, pulses) in (first..).zip(pulses) {
        let Some(pulses) = *pulses else { continue };
        (seq, total) = (seq + 1, total + u64::from(pulses));
        let count = PulseCount { minute: Minute::nearest(at), watched_s: 60, seq, pulses, total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    let known = ledger.meter(&meter).unwrap().unwrap();
    (ledger, known)
}

fn is_same(one: Amounts, other: Amounts) -> bool {
    one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-6)
}

/// What rows of a step say: where each begins, and its amounts.
fn rows(
    ledger: &Ledger,
    meter: &RecordedMeter,
    step: Step,
    span: &Range<Minute>,
    (zone, tariffs): (&TimeZone, &Arc<Tariffs>),
) -> Vec<(i64, Amounts)> {
    let (zone, tariffs) = (zone.clone(), tariffs.clone());
    let mut rows = Rows { meter: meter.clone(), step, zone, tariffs, rest: span.clone(), until: span.end };
    let mut all = Vec::new();
    while let Some(piece) = rows.next(ledger).unwrap() {
        all.extend(piece.into_iter().map(|row| {
            let cost = row.cost.unwrap();
            (row.start.epoch_minutes(), [cost.energy, cost.fee, cost.co2_g])
        }));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn days_cost_what_their_minutes_cost(
        days in 0..DAYS.len(),
        (first_holds, then_holds) in (holds(), holds()),
        changed_after in 0..3i64,
        recorded in prop::collection::vec(prop::option::weighted(0.9, 0..200u32), 3 * 24),
    ) {
        let (zone, from) = DAYS[days];
        let (zone, from): (TimeZone, Date) = (TimeZone::get(zone).unwrap(), from.parse().unwrap());
        let changed = from.saturating_add(changed_after.days());
        let all = [settings(None, &first_holds), settings(Some(changed), &then_holds)];
        let tariffs = SiteTariffs::new("EUR", &all).unwrap().of(Medium::Electricity).clone();
        let naive_tariffs = [(Date::constant(2000, 1, 1), first_holds), (changed, then_holds)];

        let day = |ago: i64| Period::with_day(PeriodKind::Day, from.saturating_add(ago.days()), &zone);
        let span = day(0).span.start..day(2).span.end;
        let (first, last) = (span.start.epoch_minutes(), span.end.epoch_minutes());
        // Each hour has its own number of pulses, or nobody watched.
        let pulses: Vec<Option<u32>> = (0..last - first)
            .map(|at| recorded[(at / 60) as usize % recorded.len()].map(|most| (at as u32 * 7919) % (most + 1)))
            .collect();
        let folder = tempfile::TempDir::new().unwrap();
        let (ledger, meter) = ledger(&folder, first, &pulses);
        let counted: Vec<u32> = pulses.iter().map(|pulses| pulses.unwrap_or_default()).collect();
        let reckon = |span: Range<i64>| naive(span, &counted, first, &naive_tariffs, &zone);

        let hours_of = |span: &Range<Minute>| hours(&ledger, &meter, span, (&zone, &tariffs)).unwrap();
        let cost = tariffs.cost(&hours_of(&span), span.end, &zone).unwrap();
        let expected = reckon(first..last);
        prop_assert!(is_same([cost.energy, cost.fee, cost.co2_g], expected), "{cost:?} instead of {expected:?}");
        for step in [Step::Minute, Step::HOUR, Step::DAY] {
            for (start, said) in rows(&ledger, &meter, step, &span, (&zone, &tariffs)) {
                let end = step.next(Minute::nearest(start), &zone).epoch_minutes();
                let expected = reckon(start..end);
                prop_assert!(is_same(said, expected), "{step:?} from {start}: {said:?} instead of {expected:?}");
            }
        }
    }
}
