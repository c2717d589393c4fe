//! What some days cost, reckoned minute by minute: whatever the prices, the times, days, holidays and seasons at which
//! they change, the prices of the day, the blocks, the fees, the first day of a bill, the zone, and what was recorded.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use meter_figures::{
    BillItem, Cost, Holiday, Period, Rows, SiteTariffs, Step, TariffSettings, Tariffs, bill_facts, hours,
};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{EnergyPrice, Info, Medium, Meter, Minute, PeriodKind, PulseCount};
use proptest::prelude::*;

/// A zone, and the day before one on which its clock is set.
const DAYS: [(&str, &str); 7] = [
    ("Europe/Berlin", "2026-10-24"),
    ("Europe/Berlin", "2026-03-28"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("America/St_Johns", "2026-10-31"),
    // At midnight, and not at all, over the end of a month and of a year.
    ("America/Santiago", "2026-09-05"),
    ("Asia/Kathmandu", "2028-02-28"),
    ("Europe/Berlin", "2026-12-31"),
];

/// Another price at some time of some days.
#[derive(Debug, Clone)]
struct Time {
    from: u16,
    to: u16,
    /// From Monday on, and on holidays.
    days: Vec<bool>,
    /// So many days from the second of the days that are asked for, and how long it is.
    season: Option<(i64, i64)>,
    price: f64,
}

/// What holds from a day on.
#[derive(Debug, Clone)]
struct Holds {
    price: f64,
    /// Of a day, a month and a year.
    fees: [f64; 3],
    /// Month and day.
    bills_from: (i8, i8),
    vat_percent: f64,
    co2_g: f64,
    times: Vec<Time>,
    /// The end of each, and its price.
    blocks: Vec<(f64, f64)>,
    /// What the price of the day is multiplied by, if that is paid, too.
    day_price_factor: Option<f64>,
    /// Of a kW of the highest quarter of an hour of a month and a year.
    capacity: [f64; 2],
}

fn cents(most: u32) -> impl Strategy<Value = f64> {
    (0..most).prop_map(|cents| f64::from(cents) / 100.0)
}

fn time() -> impl Strategy<Value = Time> {
    let minute =
        prop_oneof![0..1440u16, (0..24u16).prop_map(|hour| hour * 60), (0..48u16).prop_map(|half| half * 30)];
    let days = prop::collection::vec(any::<bool>(), 8).prop_filter("some day", |days| days.contains(&true));
    let season = prop::option::weighted(0.4, (-2..3i64, 0..360i64));
    (minute.clone(), minute, days, season, cents(60)).prop_map(|(from, to, days, season, price)| Time {
        from,
        to,
        days,
        season,
        price,
    })
}

fn blocks() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((1..200u32, cents(60)), 1..4).prop_map(|blocks| {
        let mut end = 0;
        let mut ending = |wide: u32| {
            end += wide;
            f64::from(end) / 10.0
        };
        blocks.into_iter().map(|(wide, price)| (ending(wide), price)).collect()
    })
}

fn holds() -> impl Strategy<Value = Holds> {
    let fee = || prop_oneof![Just(0.0), cents(5_000)];
    let factor = prop::option::weighted(0.6, prop_oneof![Just(1.0), cents(200)]);
    let rules = prop_oneof![
        (prop::collection::vec(time(), 0..4), factor).prop_map(|(times, factor)| (times, Vec::new(), factor)),
        blocks().prop_map(|blocks| (Vec::new(), blocks, None)),
    ];
    let bills_from = prop_oneof![Just((1, 1)), (1..13i8, 1..29i8), Just((12, 31)), Just((2, 29))];
    let all_fees = ([fee(), fee(), fee()], [fee(), fee()]);
    (cents(60), all_fees, bills_from, 0..25u32, 0..500u32, rules).prop_map(
        |(price, (fees, capacity), bills_from, vat, co2, (times, blocks, day_price_factor))| Holds {
            price,
            fees,
            bills_from,
            vat_percent: vat.into(),
            co2_g: co2.into(),
            times,
            blocks,
            day_price_factor,
            capacity,
        },
    )
}

impl Holds {
    /// Without times that never hold, which are refused.
    fn settings(&self, from: Option<Date>, second: Date) -> TariffSettings {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"];
        let mut toml = from.map_or(String::new(), |from| format!("from = '{from}'\n"));
        let ([day, month, year], (of, on)) = (self.fees, self.bills_from);
        toml += &format!(
            "price_per_kwh = {}\nbase_fee_per_day = {day}\nbase_fee_per_month = {month}\nbase_fee_per_year = {year}\n\
             vat_percent = {}\nco2_g_per_kwh = {}\nbills_from = '{of:02}-{on:02}'\n",
            self.price, self.vat_percent, self.co2_g
        );
        let [of_month, of_year] = self.capacity;
        toml += &format!("capacity_price_per_month = {of_month}\ncapacity_price_per_year = {of_year}\n");
        if let Some(factor) = self.day_price_factor {
            toml += &format!("price_of_the_day = true\nprice_factor = {factor}\n");
        }
        for time in &self.times {
            let at = |minute: u16| format!("{}:{:02}", minute / 60, minute % 60);
            let days = names.into_iter().zip(&time.days).filter(|(_, is)| **is).map(|(name, _)| name);
            let (from, to, days) = (at(time.from), at(time.to), days.collect::<Vec<_>>().join(","));
            toml += &format!(
                "[[time]]\nhours = '{from}-{to}'\ndays = '{days}'\nprice_per_kwh = {}\n",
                time.price
            );
            if let Some([first, last]) = time.season(second) {
                let day = |date: Date| format!("{:02}-{:02}", date.month(), date.day());
                toml += &format!("season = '{} to {}'\n", day(first), day(last));
            }
        }
        for (up_to, price) in &self.blocks {
            toml += &format!("[[block]]\nup_to_kwh = {up_to}\nprice_per_kwh = {price}\n");
        }
        toml_edit::de::from_str(&toml).unwrap()
    }

    fn names_holidays(&self) -> bool {
        self.times.iter().any(|time| time.days[7])
    }

    fn begins_month(&self, date: Date) -> bool {
        date.day() == self.bills_from.1.min(date.days_in_month())
    }

    fn begins_year(&self, date: Date) -> bool {
        date.month() == self.bills_from.0 && self.begins_month(date)
    }
}

impl Time {
    /// Its first and last day in some year.
    fn season(&self, second: Date) -> Option<[Date; 2]> {
        let (from, days) = self.season?;
        let first = second.saturating_add(from.days());
        Some([first, first.saturating_add(days.days())])
    }

    fn contains(&self, date: Date, minute: u16, is_holiday: bool, second: Date) -> bool {
        // From one minute of the day to the other, as a clock goes.
        let passed = |since: u16| (1440 + minute - since) % 1440;
        let length = match (1440 + self.to - self.from) % 1440 {
            0 => 1440,
            some => some,
        };
        let day = if is_holiday { 7 } else { date.weekday().to_monday_zero_offset() as usize };
        let in_season = self.season(second).is_none_or(|[first, last]| {
            // Of some year, by the names of its days.
            let named = |date: Date| (date.month(), date.day());
            let mut at = named(first);
            loop {
                if at == named(date) {
                    return true;
                }
                if at == named(last) {
                    return false;
                }
                let next = Date::new(2024, at.0, at.1).unwrap().tomorrow().unwrap();
                at = named(next);
            }
        });
        passed(self.from) < length && self.days[day] && in_season
    }
}

fn local(minute: i64, zone: &TimeZone) -> DateTime {
    zone.to_datetime(Minute::nearest(minute).timestamp())
}

/// Energy, fee, g of CO₂, kWh of which no price is known, and capacity.
type Amounts = [f64; 5];

/// What was recorded, and what holds.
struct Case {
    zone: TimeZone,
    tariffs: Vec<(Date, Holds)>,
    holidays: Vec<Date>,
    second: Date,
    /// The prices of the day by quarters of an hour since 1970, where they are known.
    day_prices: HashMap<i64, f64>,
}

impl Case {
    fn midnight(&self, date: Date) -> i64 {
        date.to_zoned_datetime(self.zone.clone()).unwrap().timestamp().as_second() / 60
    }

    /// The minutes from the last day that is one to the next, around a date.
    fn around(&self, date: Date, begins: impl Fn(Date) -> bool) -> Range<i64> {
        let (mut first, mut next) = (date, date.tomorrow().unwrap());
        while !begins(first) {
            first = first.yesterday().unwrap();
        }
        while !begins(next) {
            next = next.tomorrow().unwrap();
        }
        self.midnight(first)..self.midnight(next)
    }

    /// What is paid for a minute of a day: the fee, and the highest quarter of an hour of what was counted from the
    /// first minute on.
    fn per_minute(&self, holds: &Holds, date: Date, first: i64, pulses: &[u32]) -> [f64; 2] {
        let around = [
            self.around(date, |_| true),
            self.around(date, |date| holds.begins_month(date)),
            self.around(date, |date| holds.begins_year(date)),
        ];
        let length = |span: &Range<i64>| (span.end - span.start) as f64;
        let fee = holds.fees.iter().zip(&around).map(|(fee, span)| fee / length(span)).sum();
        let capacity = holds.capacity.iter().zip(&around[1..]).map(|(price, span)| {
            let mut quarters = HashMap::<i64, u32>::new();
            for (at, pulses) in (first..).zip(pulses).filter(|(at, _)| span.contains(at)) {
                *quarters.entry(at / 15).or_default() += pulses;
            }
            let kw = f64::from(quarters.into_values().max().unwrap_or_default()) / 250.0;
            price * kw / length(span)
        });
        [fee, capacity.sum()]
    }

    /// What each minute costs, from the first on.
    fn naive(&self, first: i64, all_pulses: &[u32]) -> Vec<Amounts> {
        let mut fees = HashMap::new();
        // Of the month of a bill, or since a tariff began.
        let (mut used, mut before) = (0.0, None);
        let each = |(at, pulses): (i64, &u32)| {
            let shown = local(at, &self.zone);
            let date = shown.date();
            let (from, holds) = self.tariffs.iter().rev().find(|(from, _)| *from <= date).unwrap();
            if before.replace(date) != Some(date) && (*from == date || holds.begins_month(date)) {
                used = 0.0;
            }
            let taxed = 1.0 + holds.vat_percent / 100.0;
            let kwh = f64::from(*pulses) / 1000.0;
            let minute = shown.hour() as u16 * 60 + shown.minute() as u16;
            let is_holiday = holds.names_holidays() && self.holidays.contains(&date);
            let fits = |time: &&Time| time.contains(date, minute, is_holiday, self.second);
            let price = holds.times.iter().find(fits).map_or(holds.price, |time| time.price);
            // Each of the pulses has its block.
            let (mut energy, mut unpriced) = (0.0, 0.0);
            let on_top = holds.day_price_factor.map(|factor| (factor, self.day_prices.get(&(at / 15))));
            let price = match on_top {
                Some((factor, Some(of_day))) => price + factor * of_day,
                Some((_, None)) => {
                    unpriced = kwh;
                    0.0
                }
                None => price,
            };
            for _ in 0..*pulses {
                let block = holds.blocks.iter().find(|(up_to, _)| used + 0.0005 < *up_to);
                energy += 0.001 * block.map_or(price, |(_, price)| *price);
                used += 0.001;
            }
            let per_minute = || self.per_minute(holds, date, first, all_pulses);
            let [fee, capacity] = *fees.entry(date).or_insert_with(per_minute);
            [energy * taxed, fee * taxed, kwh * holds.co2_g, unpriced, capacity * taxed]
        };
        (first..).zip(all_pulses).map(each).collect()
    }
}

fn sum(amounts: &[Amounts]) -> Amounts {
    let add = |all: Amounts, one: &Amounts| std::array::from_fn(|at| all[at] + one[at]);
    amounts.iter().fold([0.0; 5], add)
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

fn amounts(cost: &Cost) -> Amounts {
    [cost.energy, cost.fee, cost.co2_g, cost.unpriced, cost.capacity]
}

/// Prices of the day of the meter's site.
fn enter_prices(ledger: &mut Ledger, prices: &HashMap<i64, f64>) {
    let mut batch = ledger.batch().unwrap();
    let quarters = prices
        .iter()
        .map(|(quarter, price)| (Minute::nearest(quarter * 15), EnergyPrice::try_from(*price).unwrap()));
    let (site, currency) = ("hq".parse().unwrap(), "EUR".parse().unwrap());
    batch.enter_prices(&site, currency, jiff::Timestamp::UNIX_EPOCH, quarters).unwrap();
    batch.commit().unwrap();
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
            (row.start.epoch_minutes(), amounts(&cost))
        }));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn days_cost_what_their_minutes_cost(
        days in 0..DAYS.len(),
        (first_holds, then_holds) in (holds(), holds()),
        changed_after in 0..3i64,
        holidays in prop::collection::vec(0..3i64, 0..3),
        recorded in prop::collection::vec(prop::option::weighted(0.9, 0..200u32), 3 * 24),
        of_day in prop::collection::vec(prop::option::weighted(0.9, -200..900i64), 3 * 100),
    ) {
        let (zone, from) = DAYS[days];
        let (zone, from): (TimeZone, Date) = (TimeZone::get(zone).unwrap(), from.parse().unwrap());
        let changed = from.saturating_add(changed_after.days());
        let mut holidays: Vec<Date> = holidays.into_iter().map(|after| from.saturating_add(after.days())).collect();
        // Some day, because without any a price for holidays is refused.
        holidays.push(Date::constant(2020, 1, 1));
        let named: Vec<Holiday> = holidays.iter().map(|date| Holiday::Once(*date)).collect();
        let second = from.tomorrow().unwrap();
        let all = [first_holds.settings(None, second), then_holds.settings(Some(changed), second)];
        let site = SiteTariffs::new("EUR", &all, &named);
        // A time that never holds.
        prop_assume!(site.as_ref().err().is_none_or(|error| !error.to_string().contains("never holds")));
        let tariffs: Arc<Tariffs> =
            site.unwrap().of(&"hq/main".parse().unwrap(), Medium::Electricity, true).into();
        let of_all = [(Date::constant(2000, 1, 1), first_holds), (changed, then_holds)];
        let mut case = Case { zone: zone.clone(), tariffs: of_all.into(), holidays, second, day_prices: HashMap::new() };

        let day = |after: i64| Period::with_day(PeriodKind::Day, from.saturating_add(after.days()), &zone);
        let span = day(0).span.start..day(2).span.end;
        let (first, last) = (span.start.epoch_minutes(), span.end.epoch_minutes());
        // Each hour has its own number of pulses, or nobody watched.
        let pulses: Vec<Option<u32>> = (0..last - first)
            .map(|at| recorded[(at / 60) as usize % recorded.len()].map(|most| (at as u32 * 7919) % (most + 1)))
            .collect();
        let folder = tempfile::TempDir::new().unwrap();
        let (mut ledger, meter) = ledger(&folder, first, &pulses);
        // Each quarter has its own price, or nobody knows it.
        let of_quarter = (first / 15..last / 15).zip(&of_day).filter_map(|(at, price)| Some((at, (*price)?)));
        case.day_prices = of_quarter.map(|(at, thousandths)| (at, thousandths as f64 / 1000.0)).collect();
        enter_prices(&mut ledger, &case.day_prices);
        let counted: Vec<u32> = pulses.iter().map(|pulses| pulses.unwrap_or_default()).collect();
        let minutes = case.naive(first, &counted);
        let reckon = |span: Range<i64>| sum(&minutes[(span.start - first) as usize..(span.end - first) as usize]);

        let read = hours(&ledger, &meter, &span, (&zone, &tariffs)).unwrap();
        let facts = bill_facts(&ledger, &meter, &span, (&zone, &tariffs)).unwrap();
        let cost = tariffs.cost(&facts, &read, span.end, &zone).unwrap();
        let expected = reckon(first..last);
        prop_assert!(is_same(amounts(&cost), expected), "{cost:?} instead of {expected:?}");
        // The lines of a bill are that, too.
        let kwh = f64::from(counted.iter().sum::<u32>()) / 1000.0;
        let bill = tariffs.bill(&facts, &read, span.end, &zone).unwrap();
        let gross = bill.lines.iter().map(|line| line.net * (1.0 + line.vat_percent / 100.0)).sum::<f64>();
        prop_assert!((gross - cost.total()).abs() < 1e-6, "{bill:?} instead of {cost:?}");
        let quantity = |item| bill.lines.iter().filter(move |line| line.item == item).map(|line| line.quantity);
        let (own, at_day_prices) =
            (quantity(BillItem::Quantity).sum::<f64>(), quantity(BillItem::AtDayPrices).sum::<f64>());
        prop_assert!(own + at_day_prices + bill.unpriced > kwh - 1e-6);
        prop_assert!(own.max(at_day_prices) < kwh + 1e-6);
        for step in [Step::Minute, Step::HOUR, Step::DAY] {
            for (start, said) in rows(&ledger, &meter, step, &span, (&zone, &tariffs)) {
                let end = step.next(Minute::nearest(start), &zone).epoch_minutes();
                let expected = reckon(start..end);
                prop_assert!(is_same(said, expected), "{step:?} from {start}: {said:?} instead of {expected:?}");
            }
        }
        // From the second day on: what was used on the first counts all the same.
        let later = day(1).span.start..span.end;
        for (start, said) in rows(&ledger, &meter, Step::DAY, &later, (&zone, &tariffs)) {
            let expected = reckon(start..Step::DAY.next(Minute::nearest(start), &zone).epoch_minutes());
            prop_assert!(is_same(said, expected), "day from {start}: {said:?} instead of {expected:?}");
        }
    }
}
