//! The demo's house: many meters that belong together, and what happens to meters in some months.
//!
//! The older past is written into the ledger at once. The last two weeks come from two runs of its publisher. Between them
//! the main meter was replaced by one with another constant, and nobody counted. A publisher next door was switched off later.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use meter_messages::{Meter, Minute};
use serde_json::{Value, json};

const DAY_S: i64 = 86_400;

/// So much of the past goes the whole way, or this share of one that is short.
const WHOLE_WAY_S: i64 = 14 * DAY_S;
const WHOLE_WAY_SHARE: f64 = 0.4;

/// Which zone the house lives in.
const ZONE: &str = "Europe/Berlin";

/// The house's site, and the one next door.
const SITES: [&str; 2] = ["home", "next-door"];

/// How many pulses meters have counted.
pub(crate) type Totals = HashMap<Meter, u64>;

/// When things happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past {
    /// Its first minute.
    pub(crate) from: Timestamp,
    /// From here on it goes the whole way, minute by minute.
    pub(crate) joins: Timestamp,
    /// The first publisher's end.
    pub(crate) replaced: Timestamp,
    /// From here on the second one counts.
    pub(crate) goes_on: Timestamp,
    /// The end of the one next door.
    pub(crate) next_door_ends: Timestamp,
}

/// A meter of the house: id, name, what is simulated, its medium's constant, and more.
const METERS: [(&str, &str, &str, &str, &str); 10] = [
    ("main", "Main meter", "import", "pulses_per_kwh", "measures = \"import\""),
    ("feed-in", "Feed-in", "export", "pulses_per_kwh", "measures = \"export\""),
    ("panels", "Panels", "production", "pulses_per_kwh", "measures = \"production\""),
    ("heat-pump", "Heat pump", "heat-pump", "pulses_per_kwh", "part_of = \"main\""),
    ("workshop", "Workshop", "workshop", "pulses_per_kwh", "part_of = \"main\""),
    ("laser", "Laser cutter", "laser", "pulses_per_kwh", "part_of = \"workshop\""),
    ("kiln", "Kiln", "kiln", "pulses_per_kwh", "part_of = \"workshop\""),
    ("spare", "Spare", "nothing", "pulses_per_kwh", "part_of = \"main\""),
    ("gas", "Gas", "gas", "pulses_per_m3", "medium = \"gas\""),
    ("water", "Water", "water", "pulses_per_m3", "medium = \"water\""),
];

impl Past {
    /// What happened between `from` and `now`.
    pub(crate) fn new(from: Timestamp, now: Timestamp) -> anyhow::Result<Self> {
        let (joins, last) = (joins(from, now)?, now.as_second());
        let first = joins.as_second();
        let at = |share: f64| first + ((last - first) as f64 * share) as i64 / 60 * Minute::SECONDS;
        // In the evening, so that nobody counted over midnight; of a short past whenever it is.
        let replaced = match last - first > 4 * DAY_S {
            true => at(0.6) / DAY_S * DAY_S + 21 * 3600,
            false => at(0.6),
        };
        let gap = (6 * 3600).min((last - first) / 20) / 60 * Minute::SECONDS;
        let second = |second| Timestamp::from_second(second).context("the history's times");
        Ok(Self {
            from,
            joins,
            replaced: second(replaced)?,
            goes_on: second(replaced + gap)?,
            next_door_ends: second(at(0.9))?,
        })
    }

    /// The one that was written down, so that a later start goes on with it; or this one, from now on.
    pub(crate) fn keep(self, dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("house.json");
        if let Ok(written) = std::fs::read_to_string(&path) {
            return Self::read(&written).with_context(|| format!("reading {}", path.display()));
        }
        let Self { from, joins, replaced, goes_on, next_door_ends } = self;
        let kept = json!({
            "from": from, "joins": joins, "replaced": replaced, "goes_on": goes_on, "next_door_ends": next_door_ends
        });
        std::fs::write(&path, format!("{kept:#}\n"))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(self)
    }

    fn read(written: &str) -> anyhow::Result<Self> {
        let written: Value = serde_json::from_str(written)?;
        let at = |name: &str| -> anyhow::Result<Timestamp> {
            Ok(written[name].as_str().context("a time is missing")?.parse()?)
        };
        Ok(Self {
            from: at("from")?,
            // All of it went the whole way once.
            joins: at("joins").or_else(|_| at("from"))?,
            replaced: at("replaced")?,
            goes_on: at("goes_on")?,
            next_door_ends: at("next_door_ends")?,
        })
    }

    /// The house's tariffs: prices of the night and a fee for the main meter, which rise; gas and water. Notes of what
    /// happened, and how the meters are shown.
    pub(crate) fn tariffs(&self) -> String {
        let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
        let length_s = (self.next_door_ends.as_second() - self.from.as_second()) as f64;
        let rise = self.from + SignedDuration::from_secs((length_s * 0.7) as i64);
        let rises = zone.to_datetime(rise).date();
        let goes_on = zone.to_datetime(self.goes_on);
        format!(
            "time_zone = \"{ZONE}\"\n\
             [[tariff]]\nmain_meter = \"home/main\"\nprice_per_kwh = 0.27\nbase_fee_per_month = 9.90\n\
             vat_percent = 19\nco2_g_per_kwh = 363\n[[tariff.time]]\nhours = \"22-6\"\nprice_per_kwh = 0.21\n\
             [[tariff]]\nmain_meter = \"home/main\"\nfrom = \"{rises}\"\nprice_per_kwh = 0.29\n\
             base_fee_per_month = 11.90\nvat_percent = 19\nco2_g_per_kwh = 340\n\
             [[tariff.time]]\nhours = \"22-6\"\nprice_per_kwh = 0.22\n\
             [[tariff]]\nfor = \"home/feed-in\"\nprice_per_kwh = 0.0786\n\
             [[tariff]]\nmedium = \"gas\"\nprice_per_m3 = 1.12\nvat_percent = 7\n\
             [[tariff]]\nmedium = \"water\"\nprice_per_m3 = 4.60\n\
             [[note]]\nat = \"{goes_on}\"\nfor = \"home/main\"\ntext = \"The meter was replaced\"\n\
             [[note]]\nat = \"{rises}\"\nfor = \"home/main\"\ntext = \"Electricity became dearer\"\n{}",
            shown()
        )
    }

    /// The zone of the alarms' months, and the alarms: one is raised in each month in which the heat pump has much to do, the
    /// other ones seldom.
    pub(crate) fn alarms() -> [&'static str; 2] {
        [
            "time_zone = \"Europe/Berlin\"\n",
            "[[alarm]]\nname = \"monthly-budget\"\nmeter = \"home/main\"\nbudget_kwh_per_month = 250\n\
             [[alarm]]\nname = \"oven-forgotten\"\nmeter = \"home/main\"\nabove_w = 7000\nfor = \"30m\"\n\
             [[alarm]]\nname = \"pipe\"\nmeter = \"home/water\"\nabove_l_h = 300\nfor = \"2h\"\n",
        ]
    }

    /// The meters that are counted, each with the minute up to which its past reaches; `None` for now.
    pub(crate) fn before(&self) -> Vec<(Meter, Option<Minute>)> {
        let until = |at: Timestamp| Some(Minute::nearest(at.as_second() / Minute::SECONDS - 1));
        let next_door = next_door().ok().map(|meter| (meter, until(self.next_door_ends)));
        meters().map(|meter| (meter, until(self.replaced))).chain(next_door).collect()
    }

    /// The settings of the publisher before the main meter was replaced; it goes on from these totals.
    pub(crate) fn first_publisher(&self, totals: &Totals) -> String {
        let time = format!("from = \"{}\", until = \"{}\"", self.joins, self.replaced);
        publisher(SITES[0], 1000, &time, totals)
    }

    /// The settings of the one that counts now.
    pub(crate) fn publisher(&self) -> String {
        publisher(SITES[0], 800, &format!("from = \"{}\"", self.goes_on), &Totals::new())
    }

    /// The settings of the one next door.
    pub(crate) fn next_door(&self, totals: &Totals) -> String {
        let (from, until, total) = (self.joins, self.next_door_ends, total(SITES[1], "main", totals));
        format!(
            "site = \"{}\"\n[[meter]]\nid = \"main\"\nname = \"Next door\"\npulses_per_kwh = 500\n\
             initial_total = {total}\n\
             source = {{ kind = \"simulated\", seed = 2, kwh_per_year = 2200.0, from = \"{from}\", until = \"{until}\" }}\n",
            SITES[1]
        )
    }
}

/// From where on a past goes the whole way; what is older is written at once.
pub(crate) fn joins(from: Timestamp, now: Timestamp) -> anyhow::Result<Timestamp> {
    let length_s = now.as_second() - from.as_second();
    let whole_way_s = WHOLE_WAY_S.min((length_s as f64 * WHOLE_WAY_SHARE) as i64);
    let second = from.as_second() + (length_s - whole_way_s) / Minute::SECONDS * Minute::SECONDS;
    Timestamp::from_second(second).context("the history's times")
}

/// The meter next door.
pub(crate) fn next_door() -> anyhow::Result<Meter> {
    Ok(format!("{}/main", SITES[1]).parse()?)
}

/// In which order the pages show them, and in which colours: what comes in first, what stands still last.
const SHOWN: [(&str, &str); 10] = [
    ("main", "teal"),
    ("panels", "amber"),
    ("feed-in", "green"),
    ("heat-pump", "orange"),
    ("workshop", "violet"),
    ("laser", "pink"),
    ("kiln", "red"),
    ("gas", "blue"),
    ("water", "blue"),
    ("spare", "grey"),
];

fn shown() -> String {
    let meter = |(place, (id, colour)): (usize, &(&str, &str))| {
        format!("[[meter]]\nid = \"home/{id}\"\nplace = {}\ncolour = \"{colour}\"\n", place + 1)
    };
    SHOWN.iter().enumerate().map(meter).collect()
}

/// The house's meters.
pub(crate) fn meters() -> impl Iterator<Item = Meter> {
    METERS.iter().filter_map(|(id, ..)| format!("{}/{id}", SITES[0]).parse().ok())
}

fn total(site: &str, id: &str, totals: &Totals) -> u64 {
    let meter = format!("{site}/{id}").parse().ok();
    meter.and_then(|meter: Meter| totals.get(&meter).copied()).unwrap_or_default()
}

fn publisher(site: &str, main_constant: u32, time: &str, totals: &Totals) -> String {
    let meter = |(id, name, simulated, constant, more): &(&str, &str, &str, &str, &str)| {
        let pulses = if *id == "main" { main_constant } else { 1000 };
        format!(
            "[[meter]]\nid = \"{id}\"\nname = {}\n{constant} = {pulses}\n{more}\ninitial_total = {}\n\
             source = {{ kind = \"simulated\", meter = \"{simulated}\", {time} }}\n",
            toml_text(name),
            total(site, id, totals)
        )
    };
    let meters: String = METERS.iter().map(meter).collect();
    format!("site = \"{site}\"\n{meters}")
}

/// A TOML basic string; JSON's quoting is a part of TOML's.
pub(crate) fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_happened_lies_in_order_whether_the_past_is_long_or_short() {
        let now = at("2026-11-29T10:17:00Z");
        for hours in [0, 1, 24, 72, 400 * 24] {
            let past = Past::new(now - SignedDuration::from_hours(hours), now).unwrap();
            let order = [past.from, past.joins, past.replaced, past.goes_on, past.next_door_ends, now];
            assert!(order.is_sorted(), "{past:?}");
        }
        let year = Past::new(at("2025-11-29T10:17:00Z"), now).unwrap();
        assert_eq!((year.joins, year.replaced), (at("2026-11-15T10:17:00Z"), at("2026-11-23T21:00:00Z")));
        assert_eq!(year.goes_on, at("2026-11-24T03:00:00Z"));
        assert!(year.tariffs().contains("from = \"2026-08-11\""), "{}", year.tariffs());
    }

    #[test]
    fn a_later_start_goes_on_with_the_same_past() {
        let folder = tempfile::TempDir::new().unwrap();
        let past = Past::new(at("2026-11-28T10:17:00Z"), at("2026-11-29T10:17:00Z")).unwrap();
        assert_eq!(past.keep(folder.path()).unwrap(), past);
        let later = Past::new(at("2026-12-01T00:00:00Z"), at("2026-12-02T00:00:00Z")).unwrap();
        assert_eq!(later.keep(folder.path()).unwrap(), past);
    }
}
