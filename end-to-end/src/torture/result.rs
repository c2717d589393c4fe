//! Checks what became of every minute.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{AddAssign, Range};
use std::path::Path;
use std::time::{Duration, Instant};

use meter_messages::Minute;
use pi_publisher::pulse_source::simulated::Household;
use rusqlite::{Connection, OpenFlags};

use super::Simulation;
use crate::{Site, http_get, rrd_minutes};

/// The RRD follows the ledger within this.
const RRD_WITHIN: Duration = Duration::from_secs(60);

/// Pages find a database that has moved within this.
const PAGES_WITHIN: Duration = Duration::from_secs(20);

/// The result of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// Processes that were killed, or ended because a thread of theirs panicked.
    pub kills: u64,
    /// The latter of them.
    pub panics: u64,
    /// Minutes that the household emitted.
    pub minutes: u64,
    /// Minutes that are missing, or that lack pulses.
    pub lost: u64,
    /// Minutes that are there twice, or that have too many pulses.
    pub twice: u64,
    /// Everything else that is wrong.
    pub faults: Vec<String>,
}

impl RunResult {
    /// Nothing lost, nothing twice, nothing else wrong.
    pub fn is_exact(&self) -> bool {
        self.lost == 0 && self.twice == 0 && self.faults.is_empty()
    }
}

impl AddAssign for RunResult {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.panics += other.panics;
        self.minutes += other.minutes;
        self.lost += other.lost;
        self.twice += other.twice;
        self.faults.extend(other.faults);
    }
}

impl fmt::Display for RunResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, minutes, lost, twice, .. } = self;
        write!(f, "kills {kills}, minutes {minutes}, lost {lost}, twice {twice}")
    }
}

/// A minute as the ledger's file has it; several rows are summed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Kept {
    rows: u64,
    pulses: u64,
    watched_s: u64,
}

/// Compares ledger, RRD and API of a site with what its households emitted.
pub(super) fn reckon(site: &Site, simulation: &Simulation, until: Minute) -> RunResult {
    let mut result = RunResult::default();
    for (id, household) in simulation.households() {
        let emitted = emitted(&household, simulation.first..until);
        result += compare(&id, &emitted, &in_ledger(&site.path().join("ledger.sqlite"), &id));
        result.faults.extend(of_pictures(site, &id, &emitted).err());
        result.faults.extend(of_api(site.web, &format!("hq/{id}"), &emitted).err());
    }
    result
}

/// Compares a database, and the pages at some ports, with what the households of one site emitted.
pub(super) fn reckon_in_database(
    database: &str,
    webs: &[u16],
    site: &str,
    simulation: &Simulation,
    until: Minute,
) -> RunResult {
    let mut result = RunResult::default();
    for (id, household) in simulation.households() {
        let (emitted, meter) = (emitted(&household, simulation.first..until), format!("{site}/{id}"));
        result += compare(&meter, &emitted, &in_database(database, site, &id));
        result.faults.extend(webs.iter().filter_map(|web| soon_of_api(*web, &meter, &emitted).err()));
    }
    result
}

/// The same as [`of_api`], at last: pages may just have lost their database, and may say so.
fn soon_of_api(web: u16, meter: &str, emitted: &BTreeMap<Minute, u32>) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let told = of_api(web, meter, emitted);
        if told.is_ok() || began.elapsed() > PAGES_WITHIN {
            return told;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The minutes by plain SQL.
fn in_database(database: &str, site: &str, meter: &str) -> BTreeMap<Minute, Kept> {
    let query = format!(
        "SELECT minute, count(*), sum(pulses), sum(watched_s) FROM every_minute
         WHERE meter = (SELECT id FROM meter WHERE site = '{site}' AND meter = '{meter}') GROUP BY minute"
    );
    let kept = |row: Vec<String>| {
        let number = |column: usize| row[column].parse::<u64>().unwrap();
        let kept = Kept { rows: number(1), pulses: number(2), watched_s: number(3) };
        (Minute::nearest(row[0].parse().unwrap()), kept)
    };
    postgres_for_tests::rows(database, &query).into_iter().map(kept).collect()
}

fn emitted(household: &Household, span: Range<Minute>) -> BTreeMap<Minute, u32> {
    let minutes = (span.start.epoch_minutes()..span.end.epoch_minutes()).map(Minute::nearest);
    minutes.map(|minute| (minute, household.pulses_in(minute))).collect()
}

/// The minutes by plain SQL, without any code of the programs under test.
fn in_ledger(file: &Path, meter: &str) -> BTreeMap<Minute, Kept> {
    let ledger = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    ledger.busy_timeout(Duration::from_secs(20)).unwrap();
    let sound: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{}", file.display());
    let query = "SELECT minute, count(*), sum(pulses), sum(watched_s) FROM every_minute
                 WHERE meter = (SELECT id FROM meter WHERE meter = ?1) GROUP BY minute";
    let mut statement = ledger.prepare(query).unwrap();
    let kept = statement.query_map([meter], |row| {
        let kept = Kept { rows: row.get(1)?, pulses: row.get(2)?, watched_s: row.get(3)? };
        Ok((Minute::nearest(row.get(0)?), kept))
    });
    kept.unwrap().collect::<Result<_, _>>().unwrap()
}

/// How many minutes of a ledger are there; 0 while there is none.
pub(super) fn rows_in_ledger(file: &Path) -> u64 {
    let count = || {
        let ledger = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        ledger.busy_timeout(Duration::from_secs(5))?;
        ledger.query_row("SELECT count(*) FROM every_minute", [], |row| row.get(0))
    };
    count().unwrap_or_default()
}

fn compare(meter: &str, emitted: &BTreeMap<Minute, u32>, kept: &BTreeMap<Minute, Kept>) -> RunResult {
    let mut result = RunResult { minutes: emitted.len() as u64, ..RunResult::default() };
    for (minute, &pulses) in emitted {
        let of_ledger = kept.get(minute).copied().unwrap_or_default();
        let right = Kept { rows: 1, pulses: pulses.into(), watched_s: 60 };
        if of_ledger == right {
            continue;
        }
        let lost = of_ledger.rows == 0 || of_ledger.pulses < right.pulses;
        let twice = of_ledger.rows > 1 || of_ledger.pulses > right.pulses;
        result.lost += u64::from(lost);
        result.twice += u64::from(twice);
        if !lost && !twice || result.faults.len() < 10 {
            result.faults.push(format!("{meter} {minute}: emitted {right:?}, in the ledger {of_ledger:?}"));
        }
    }
    for minute in kept.keys().filter(|minute| !emitted.contains_key(minute)) {
        result.twice += 1;
        result.faults.push(format!("{meter} {minute}: in the ledger, but never emitted"));
    }
    result
}

/// The RRD says what the household emitted, as the command `rrdtool` reads it.
fn of_pictures(site: &Site, meter: &str, emitted: &BTreeMap<Minute, u32>) -> Result<(), String> {
    let (first, last) = (*emitted.keys().next().unwrap(), *emitted.keys().last().unwrap());
    let expected: Vec<_> = emitted.iter().map(|(minute, pulses)| (*minute, *pulses)).collect();
    let file = site.rrd(&format!("hq/{meter}"));
    let after = Minute::nearest(last.epoch_minutes() + 1);
    let began = Instant::now();
    loop {
        let drawn = rrd_minutes(&file, first, after);
        if drawn == expected {
            return Ok(());
        }
        if began.elapsed() > RRD_WITHIN {
            let same = drawn.iter().filter(|minute| expected.contains(minute)).count();
            let (has, wants) = (drawn.len(), expected.len());
            return Err(format!("{meter}: the RRD has {has} minutes, {same} of them right, of {wants}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The API says the same, minute by minute and in sum.
fn of_api(web: u16, meter: &str, emitted: &BTreeMap<Minute, u32>) -> Result<(), String> {
    let (first, last) = (*emitted.keys().next().unwrap(), *emitted.keys().last().unwrap());
    let to = Minute::nearest(last.epoch_minutes() + 1);
    let path = |form, step| format!("/api/v1/meters/{meter}/{form}?from={first}&to={to}&step={step}");
    let (status, csv) = http_get(web, &path("energy.csv", "minute"));
    let column = |name: &str| csv.lines().next().unwrap_or_default().split(',').position(|is| is == name);
    let Some(pulses) = column("pulses") else { return Err(format!("{meter}: {status} {csv:.200}")) };
    let told: Vec<u32> =
        csv.lines().skip(1).map(|row| row.split(',').nth(pulses).unwrap().parse().unwrap()).collect();
    if !told.iter().eq(emitted.values()) {
        return Err(format!("{meter}: the API's minutes differ, {} of {}", told.len(), emitted.len()));
    }
    let (_, months) = http_get(web, &path("energy", "month"));
    let months: serde_json::Value =
        serde_json::from_str(&months).map_err(|error| format!("{meter}: {error}"))?;
    let months = months["rows"].as_array().into_iter().flatten();
    let told: u64 = months.filter_map(|row| row["pulses"].as_u64()).sum();
    let emitted: u64 = emitted.values().map(|pulses| u64::from(*pulses)).sum();
    if told != emitted {
        return Err(format!("{meter}: the API's months have {told} pulses, emitted were {emitted}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(rows: &[(i64, Kept)]) -> RunResult {
        let minute = |at| Minute::nearest(29_000_000 + at);
        let emitted = (0..3).map(|at| (minute(at), 5)).collect();
        compare("m", &emitted, &rows.iter().map(|(at, kept)| (minute(*at), *kept)).collect())
    }

    fn kept(rows: u64, pulses: u64, watched_s: u64) -> Kept {
        Kept { rows, pulses, watched_s }
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let right = kept(1, 5, 60);
        let told = |rows: &[(i64, Kept)]| {
            let result = compared(rows);
            (result.lost, result.twice, result.faults.len())
        };
        assert_eq!(told(&[(0, right), (1, right), (2, right)]), (0, 0, 0));
        assert_eq!(told(&[(0, right), (2, right)]), (1, 0, 1), "missing");
        assert_eq!(told(&[(0, right), (1, kept(1, 4, 60)), (2, right)]), (1, 0, 1), "a pulse too few");
        assert_eq!(told(&[(0, right), (1, kept(1, 6, 60)), (2, right)]), (0, 1, 1), "a pulse too many");
        assert_eq!(told(&[(0, right), (1, kept(2, 10, 120)), (2, right)]), (0, 1, 1), "twice");
        assert_eq!(told(&[(0, right), (1, kept(1, 5, 59)), (2, right)]), (0, 0, 1), "not watched");
        assert_eq!(told(&[(0, right), (1, right), (2, right), (3, right)]), (0, 1, 1), "made up");
    }
}
