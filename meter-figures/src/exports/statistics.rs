//! A meter's hours as Home Assistant's long-term statistics, in the columns that
//! the integration `import_statistics` reads.
//!
//! Hours are those of UTC: it reads an hour that the clock shows twice as one.

use std::fmt::{self, Write};
use std::ops::Range;
use std::str::FromStr;

use bytes::Bytes;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Meter, Minute};

use super::pieces::Pieces;
use super::rows::{Row, Rows};
use crate::step::Step;
use crate::tariff::Tariffs;

/// The name of a series of statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticId(String);

impl StatisticId {
    /// One that belongs to no entity of Home Assistant's, and to no other meter: `powerpi:<site>_<meter>` where
    /// these are letters and digits. Home Assistant takes neither `-` nor two `_` together; where a name has such,
    /// all its parts are joined by `_`, and a last one says what stood before, between and after them:
    /// `u` for `_`, `d` for `-`, `s` for the end of the site, each time up to a `0`.
    pub fn of(meter: &Meter) -> Self {
        let (site, meter) = (meter.site.as_str(), meter.meter.as_str());
        let is_plain = |name: &str| name.bytes().all(|letter| letter.is_ascii_alphanumeric());
        if is_plain(site) && is_plain(meter) {
            return Self(format!("powerpi:{site}_{meter}"));
        }
        let whole = format!("{site}/{meter}");
        let mut parts: Vec<&str> = whole.split(['_', '-', '/']).filter(|part| !part.is_empty()).collect();
        // With fewer parts it could be a plain name; that these stand for none is seen by the zeros.
        while parts.len() < 2 {
            parts.insert(0, "x");
        }
        Self(format!("powerpi:{}_{}", parts.join("_"), joints(&whole)))
    }

    /// Whether it is an entity that Home Assistant counts itself: only what each
    /// hour adds can be joined to its sum.
    fn is_entity(&self) -> bool {
        self.0.contains('.')
    }
}

impl FromStr for StatisticId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name = |name: &str| {
            let known = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'_');
            let edges = name.starts_with('_') || name.ends_with('_') || name.contains("__");
            !name.is_empty() && !edges && name.bytes().all(known)
        };
        let (domain, name) = text.split_once(['.', ':']).ok_or(())?;
        let good = text.len() <= 255 && domain != "recorder" && is_name(domain) && is_name(name);
        if good { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

impl fmt::Display for StatisticId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands before, between and after the parts of a name: a `0` for each part.
fn joints(name: &str) -> String {
    let mut joints = String::new();
    let mut in_part = false;
    for letter in name.chars() {
        let joint = match letter {
            '_' => 'u',
            '-' => 'd',
            '/' => 's',
            _ if in_part => continue,
            _ => '0',
        };
        in_part = joint == '0';
        joints.push(joint);
    }
    joints
}

/// Writes the hours, a piece at a time.
#[derive(Debug)]
pub struct Statistics {
    rows: Rows,
    id: StatisticId,
    /// All that was recorded up to here; `None` before the beginning.
    sum: Option<Sum>,
}

impl Statistics {
    /// The hours of a span of whole ones.
    pub fn new(meter: RecordedMeter, rest: Range<Minute>, id: StatisticId) -> Self {
        let (zone, tariffs) = (TimeZone::UTC, Tariffs::default().into());
        let until = rest.end;
        Self { rows: Rows { meter, step: Step::HOUR, zone, tariffs, rest, until }, id, sum: None }
    }

    fn begin(&mut self, ledger: &Ledger, piece: &mut String) -> Result<Sum, LedgerError> {
        piece.push_str("statistic_id,unit,start,");
        piece.push_str(if self.id.is_entity() { "delta\r\n" } else { "sum,state\r\n" });
        ledger.sum(&self.rows.meter, Minute::nearest(i64::MIN)..self.rows.rest.start)
    }

    /// `state` is what the meter showed at the hour's end, `sum` what was counted up
    /// to then: a reading that is set moves the one and not the other.
    fn row(&self, ledger: &Ledger, row: &Row, sum: &Sum, piece: &mut String) -> Result<(), LedgerError> {
        let start = row.start.timestamp().strftime("%d.%m.%Y %H:%M");
        // Writing into memory does not fail.
        let _ = write!(piece, "{},{},{start},", self.id, self.rows.meter.medium.unit().symbol());
        if self.id.is_entity() {
            let _ = write!(piece, "{:.6}\r\n", row.sum.counted());
            return Ok(());
        }
        let end = Step::HOUR.next(row.start, &self.rows.zone);
        let state = ledger.reading_at(&self.rows.meter, end)?.unwrap_or_default();
        let _ = write!(piece, "{:.6},{state:.6}\r\n", sum.counted());
        Ok(())
    }
}

impl Pieces for Statistics {
    fn next(&mut self, ledger: &Ledger) -> Result<Option<Bytes>, LedgerError> {
        let mut piece = String::new();
        let mut sum = match self.sum.take() {
            Some(sum) => sum,
            None => self.begin(ledger, &mut piece)?,
        };
        let rows = self.rows.next(ledger)?;
        for row in rows.iter().flatten().filter(|row| row.sum.is_known()) {
            sum = sum.and(&row.sum);
            self.row(ledger, row, &sum, &mut piece)?;
        }
        self.sum = Some(sum);
        Ok((rows.is_some() || !piece.is_empty()).then(|| piece.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_has_a_name_that_home_assistant_takes() {
        for (meter, id) in [
            ("hq/main", "powerpi:hq_main"),
            ("north-wing/heat-pump_2", "powerpi:north_wing_heat_pump_2_0d0s0d0u0"),
            ("-a-/__b--c", "powerpi:a_b_c_d0dsuu0dd0"),
            ("-/_", "powerpi:x_x_dsu"),
            ("a/_", "powerpi:x_a_0su"),
            ("a/0su", "powerpi:a_0su"),
        ] {
            let of_meter = StatisticId::of(&meter.parse().unwrap());
            assert_eq!(of_meter.to_string(), id);
            assert_eq!(id.parse(), Ok(of_meter));
        }
    }

    #[test]
    fn no_two_meters_have_the_same_name() {
        let letters = ["x", "_", "-", "0"];
        let mut names: Vec<String> = letters.map(str::to_owned).into();
        for _ in 0..3 {
            let longer = names.iter().flat_map(|name| letters.map(|letter| format!("{name}{letter}")));
            names = longer.chain(names.clone()).collect();
            names.sort();
            names.dedup();
        }
        let short: Vec<&String> = names.iter().filter(|name| name.len() <= 3).collect();
        let mut ids = std::collections::HashSet::new();
        for site in &short {
            for meter in &short {
                let id = StatisticId::of(&format!("{site}/{meter}").parse().unwrap());
                assert_eq!(id.to_string().parse(), Ok(id.clone()), "{site}/{meter}");
                assert!(ids.insert(id.to_string()), "{id} of {site}/{meter} is another one's");
            }
        }
    }

    #[test]
    fn names_that_it_refuses_are_refused() {
        for bad in [
            "",
            "sensor",
            "sensor.",
            ":x",
            "Sensor.x",
            "sensor._x",
            "sensor.a__b",
            "recorder:x",
            "a.b.c",
            "a.b\nc",
        ] {
            assert!(bad.parse::<StatisticId>().is_err(), "{bad:?}");
        }
        assert!("sensor.haus_energy".parse::<StatisticId>().unwrap().is_entity());
    }
}
