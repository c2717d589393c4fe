//! What tariffs say and refuse.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use meter_ledger::Sum;
use meter_messages::{Medium, Meter};

use super::times::PricedDay;
use super::*;
use crate::hour::Hour;

fn tariffs(toml: &str) -> Result<Tariffs, String> {
    Ok(site(toml)?.of(&meter("home/main"), Medium::Electricity, true))
}

fn site(toml: &str) -> Result<SiteTariffs, String> {
    #[derive(serde::Deserialize)]
    struct All {
        #[serde(default)]
        holidays: Vec<Holiday>,
        tariff: Vec<TariffSettings>,
    }
    let all: All = toml_edit::de::from_str(toml).map_err(|error| error.to_string())?;
    SiteTariffs::new("EUR", &all.tariff, &all.holidays).map_err(|error| error.to_string())
}

fn meter(name: &str) -> Meter {
    name.parse().unwrap()
}

const NIGHT: &str = "[[tariff]]\nfrom = '2025-01-01'\nprice_per_kwh = 0.30\nvat_percent = 20\n\
                     [[tariff.time]]\nhours = '22-6'\ndays = 'mon-fri'\nprice_per_kwh = 0.20\n\
                     [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.40\n";

fn price(tariffs: &Tariffs, local: &str) -> f64 {
    let local: DateTime = local.parse().unwrap();
    let (tariff, _) = tariffs.on(local.date()).unwrap();
    let is_holiday = tariff.names_holidays() && tariffs.has_holiday(local.date());
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap();
    (tariff.price_at(PricedDay::new(local.date(), is_holiday), minute) * 1000.0).round() / 1000.0
}

#[test]
fn prices_follow_date_day_and_hour() {
    let tariffs = tariffs(NIGHT).unwrap();
    for (at, expected) in [
        ("2025-06-12T21:59", 0.36),
        ("2025-06-12T22:00", 0.24),
        ("2025-06-13T05:00", 0.24),
        ("2025-06-13T06:00", 0.36),
        ("2025-06-14T23:00", 0.36), // Saturday
        ("2025-12-31T23:00", 0.24),
        ("2026-01-01T00:00", 0.40),
    ] {
        assert_eq!(price(&tariffs, at), expected, "{at}");
    }
}

#[test]
fn a_price_may_change_in_any_minute() {
    let tariffs = tariffs(
        "[[tariff]]\nprice_per_kwh = 0.30\n\
         [[tariff.time]]\nhours = '00:30-07:30'\nprice_per_kwh = 0.10\n\
         [[tariff.time]]\nhours = '23:50 - 0:05'\nprice_per_kwh = 0.20\n\
         [[tariff.time]]\nhours = '12-12'\ndays = 'sun'\nprice_per_kwh = 0.25",
    )
    .unwrap();
    for (at, expected) in [
        ("2026-11-24T00:04", 0.20),
        ("2026-11-24T00:05", 0.30),
        ("2026-11-24T00:29", 0.30),
        ("2026-11-24T00:30", 0.10),
        ("2026-11-24T07:29", 0.10),
        ("2026-11-24T07:30", 0.30),
        ("2026-11-24T23:50", 0.20),
        ("2026-11-29T15:00", 0.25), // all of Sunday
    ] {
        assert_eq!(price(&tariffs, at), expected, "{at}");
    }
    let zone = TimeZone::UTC;
    let pieces = |at: &str| {
        let at: Minute = at.parse().unwrap();
        let pieces = tariffs.pieces(&(at..Minute::nearest(at.epoch_minutes() + 60)), &zone);
        pieces.iter().map(|piece| piece.end.epoch_minutes() - at.epoch_minutes()).collect::<Vec<_>>()
    };
    assert_eq!(pieces("2026-11-24T00:00:00Z"), [5, 30, 60]);
    assert_eq!(pieces("2026-11-24T12:00:00Z"), [60]);
    assert_eq!(pieces("2026-11-24T23:00:00Z"), [50, 60]);
}

#[test]
fn nonsense_is_refused_by_name() {
    for (toml, said) in [
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '22'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5-25'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5:60-6'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5:3-6'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5-24:01'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '+5-6'\nprice_per_kwh = 1", "22-6"),
        ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\ndays = 'someday'\nprice_per_kwh = 1", "mon-fri"),
        ("[[tariff]]\nprice_per_kwh = inf", "not a possible price"),
        ("[[tariff]]\nprice_per_kwh = 1\n[[tariff]]\nprice_per_kwh = 2", "two tariffs"),
        ("[[tariff]]\nprice = 1", "price"),
        ("[[tariff]]\nfor = 'Home'\nprice_per_kwh = 1", "may only have the characters"),
        ("[[tariff]]\nfor = 'home/'\nprice_per_kwh = 1", "must have 1 to 32 characters"),
        (
            "[[tariff]]\nfor = 'home'\nfrom = '2026-01-01'\nprice_per_kwh = 1\n\
             [[tariff]]\nfor = 'home'\nfrom = '2026-01-01'\nprice_per_kwh = 2",
            "two tariffs for home begin on 2026-01-01; leave one of them out",
        ),
        (
            "[[tariff]]\nfor = 'home'\nmain_meter = 'hq/main'\nprice_per_kwh = 1",
            "it is not for its main meter hq/main; leave out main_meter",
        ),
        ("[[tariff]]\nprice_per_kwh = 1\nbills_from = '32'", "like \"17\" or \"05-17\""),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nseason = '11-01'\nprice_per_kwh = 1",
            "season must be two days of the year",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nseason = '11-01 to 02-30'\nprice_per_kwh = 1",
            "season must be two days of the year",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\ndays = 'mon-holiday'\nprice_per_kwh = 1",
            "sun,holiday",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\ndays = 'sun,holiday'\nprice_per_kwh = 1",
            "has a price for holidays, but there are none; write them like holidays = [",
        ),
        ("holidays = ['xmas']\n[[tariff]]\nprice_per_kwh = 1", "\"xmas\" is no holiday; write it like"),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 1\n\
             [[tariff.time]]\nhours = '23-4'\ndays = 'sun'\nprice_per_kwh = 1",
            "its time 2 never holds, because those before it cover it",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.block]]\nprice_per_kwh = 1",
            "a block must say where it ends",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.block]]\nup_to_kwh = 9\nprice_per_kwh = 1\n\
             [[tariff.block]]\nup_to_kwh = 8\nprice_per_kwh = 1",
            "each block must end above the one before it",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.block]]\nup_to_kwh = 9\nprice_per_kwh = 1\n\
             [[tariff.time]]\nhours = '1-2'\nprice_per_kwh = 1",
            "either by time or by block",
        ),
        ("[[tariff]]\nvat_percent = 1", "no price"),
        ("[[tariff]]\nprice_per_m3 = 1", "electricity must be per_kwh"),
        ("[[tariff]]\nmedium = 'gas'\nprice_per_kwh = 1", "gas must be per_m3"),
    ] {
        let error = tariffs(toml).unwrap_err();
        assert!(error.contains(said), "{toml}: {error}");
    }
}

#[test]
fn a_month_of_any_length_has_the_whole_fee() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let tariffs =
        tariffs("[[tariff]]\nprice_per_kwh = 0.3\nbase_fee_per_month = 12\nvat_percent = 19").unwrap();
    // February of a leap year, and the months with 23 and 25 hours in a day.
    for first in ["2024-02-01", "2025-03-01", "2025-10-01"] {
        let first: Date = first.parse().unwrap();
        let end = midnight(first.saturating_add(1.month()), &zone);
        let hours: Vec<_> = (midnight(first, &zone).epoch_minutes()..end.epoch_minutes())
            .step_by(60)
            .map(|at| Hour::new(Minute::nearest(at)..Minute::nearest(at + 60), Sum::default()))
            .collect();
        let cost = tariffs.cost(&BillFacts::default(), &hours, end, &zone).unwrap();
        assert!((cost.total() - 12.0 * 1.19).abs() < 1e-9, "{first}: {cost:?}");
    }
}

#[test]
fn without_a_tariff_there_is_no_cost() {
    let zone = TimeZone::UTC;
    let hour = Hour::new(Minute::nearest(29_000_040)..Minute::nearest(29_000_100), Sum::default());
    let of = |tariffs: &Tariffs| {
        tariffs.cost(&BillFacts::default(), std::slice::from_ref(&hour), hour.span.end, &zone)
    };
    assert_eq!(of(&Tariffs::default()), None);
    let later = tariffs("[[tariff]]\nfrom = '2090-01-01'\nprice_per_kwh = 1").unwrap();
    assert_eq!(of(&later), None, "before the first one");
}

#[test]
fn prices_follow_holidays_and_seasons() {
    let tariffs = tariffs(
        "holidays = ['easter+1', '12-25', '2026-10-30']\n\
         [[tariff]]\nprice_per_kwh = 0.30\n\
         [[tariff.time]]\nhours = '6-22'\ndays = 'mon-fri'\nseason = '11-01 to 03-31'\nprice_per_kwh = 0.50\n\
         [[tariff.time]]\ndays = 'sun,holiday'\nprice_per_kwh = 0.10",
    )
    .unwrap();
    for (at, expected) in [
        ("2026-04-06T12:00", 0.10), // Easter Monday
        ("2026-04-07T12:00", 0.30),
        ("2026-12-25T12:00", 0.10), // a Friday in winter, but a holiday
        ("2026-12-24T12:00", 0.50),
        ("2026-03-31T21:59", 0.50),
        ("2026-03-31T22:00", 0.30),
        ("2026-04-01T12:00", 0.30),
        ("2026-10-30T12:00", 0.10),
        ("2026-11-02T12:00", 0.50),
    ] {
        assert_eq!(price(&tariffs, at), expected, "{at}");
    }
}

/// The total of an unused day of a meter.
fn fee(site: &SiteTariffs, name: &str, day: &str, is_first: bool) -> f64 {
    let tariffs = site.of(&meter(name), Medium::Electricity, is_first);
    let start = midnight(day.parse().unwrap(), &TimeZone::UTC);
    let hour = Hour::new(start..Minute::nearest(start.epoch_minutes() + 24 * 60), Sum::default());
    let cost = tariffs
        .cost(&BillFacts::default(), std::slice::from_ref(&hour), hour.span.end, &TimeZone::UTC)
        .unwrap();
    (cost.total() * 1000.0).round() / 1000.0
}

#[test]
fn a_base_fee_is_paid_once_for_a_contract() {
    let site = site(
        "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_day = 1\n\
         [[tariff]]\nfor = 'home'\nmain_meter = 'home/main'\nfrom = '2026-01-01'\nprice_per_kwh = 0.20\n\
         base_fee_per_day = 2\n\
         [[tariff]]\nfor = 'home/heat-pump'\nfrom = '2026-07-01'\nprice_per_kwh = 0.10\nbase_fee_per_day = 4",
    )
    .unwrap();
    for (meter, day, is_first, expected) in [
        ("home/main", "2025-12-31", true, 1.0),
        ("home/main", "2025-12-31", false, 0.0),
        ("home/main", "2026-01-01", false, 2.0),
        ("home/oven", "2026-01-01", true, 0.0),
        ("home/heat-pump", "2026-06-30", true, 0.0),
        ("home/heat-pump", "2026-07-01", false, 4.0),
        ("office/main", "2026-07-01", true, 1.0),
        ("office/oven", "2026-07-01", false, 0.0),
    ] {
        assert_eq!(fee(&site, meter, day, is_first), expected, "{meter} on {day}");
    }
    let price_of = |name: &str, at: &str| price(&site.of(&meter(name), Medium::Electricity, true), at);
    assert_eq!(price_of("home/heat-pump", "2025-12-31T12:00"), 0.30);
    assert_eq!(price_of("home/heat-pump", "2026-06-30T12:00"), 0.20);
    assert_eq!(price_of("home/heat-pump", "2026-07-01T12:00"), 0.10);
    assert_eq!(price_of("office/heat-pump", "2026-07-01T12:00"), 0.30);
}

#[test]
fn a_month_of_a_bill_has_the_whole_fee() {
    let tariffs =
        tariffs("[[tariff]]\nprice_per_kwh = 0.3\nbase_fee_per_month = 12\nbills_from = '31'").unwrap();
    let zone = TimeZone::UTC;
    for (first, next) in
        [("2026-01-31", "2026-02-28"), ("2026-02-28", "2026-03-31"), ("2026-04-30", "2026-05-31")]
    {
        let (start, end) = (midnight(first.parse().unwrap(), &zone), midnight(next.parse().unwrap(), &zone));
        let hours: Vec<_> = (start.epoch_minutes()..end.epoch_minutes())
            .step_by(60)
            .map(|at| Hour::new(Minute::nearest(at)..Minute::nearest(at + 60), Sum::default()))
            .collect();
        let cost = tariffs.cost(&BillFacts::default(), &hours, end, &zone).unwrap();
        assert!((cost.total() - 12.0).abs() < 1e-9, "{first}: {cost:?}");
    }
}

#[test]
fn what_a_month_will_cost_has_its_whole_fee() {
    let tariffs = tariffs(
        "[[tariff]]\nprice_per_kwh = 0.3\nbase_fee_per_month = 31\n\
         [[tariff]]\nfrom = '2026-01-21'\nprice_per_kwh = 0.5\nbase_fee_per_day = 2",
    )
    .unwrap();
    let at = midnight("2026-01-11".parse().unwrap(), &TimeZone::UTC);
    let so_far = Cost { energy: 3.0, fee: 10.0, ..Cost::default() };
    let expected =
        tariffs.expected(&so_far, (30.0, 10.0), (at, &BillFacts::default()), &TimeZone::UTC).unwrap();
    assert!((expected - (9.0 + 20.0 + 22.0)).abs() < 1e-9, "{expected}");
    let blocks = self::tariffs(
        "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.block]]\nup_to_kwh = 20\nprice_per_kwh = 0.1",
    )
    .unwrap();
    let expected =
        blocks.expected(&so_far, (30.0, 10.0), (at, &BillFacts::default()), &TimeZone::UTC).unwrap();
    assert!((expected - 5.0).abs() < 1e-9, "{expected}");
}
