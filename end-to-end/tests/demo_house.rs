//! The demo's house goes the whole way, and a second reckoning, minute by minute, agrees with the ledger, the pages'
//! figures and the files. `HOUSE_HISTORY=731d` takes as long a history as the demo itself.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::ops::Range;
use std::time::Duration;

use calamine::{Data, DataType, Reader, Xlsx};
use end_to_end::{Program, free_port, http_get, http_get_bytes, run_to_end, wait_for};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use meter_ledger::Ledger;
use meter_messages::{MeterConstant, Minute};
use pi_publisher::pulse_source::simulated::{Household, MeterOf, SimulatedSettings};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// The house's meters, and what is simulated behind each.
const METERS: [(&str, MeterOf); 10] = [
    ("feed-in", MeterOf::Export),
    ("gas", MeterOf::Gas),
    ("heat-pump", MeterOf::HeatPump),
    ("kiln", MeterOf::Kiln),
    ("laser", MeterOf::Laser),
    ("main", MeterOf::Import),
    ("panels", MeterOf::Production),
    ("spare", MeterOf::Nothing),
    ("water", MeterOf::Water),
    ("workshop", MeterOf::Workshop),
];

/// What of them flows where electricity does.
const ELECTRIC: [&str; 8] = ["feed-in", "heat-pump", "kiln", "laser", "main", "panels", "spare", "workshop"];

/// When things happened, as the demo wrote it down.
struct Past {
    from: i64,
    replaced: i64,
    goes_on: i64,
    next_door_ends: i64,
    /// The first day of the new price, as its settings say.
    rises: Date,
}

/// What a minute of a meter holds: how much, and whether all of it was watched.
type Minutes = BTreeMap<i64, (f64, bool)>;

struct Demo {
    folder: TempDir,
    web: u16,
    past: Past,
    /// Each meter's minutes, by its name.
    recorded: HashMap<String, Minutes>,
    zone: TimeZone,
}

fn demo(folder: &TempDir, web: u16) -> Program {
    let history = std::env::var("HOUSE_HISTORY").unwrap_or_else(|_| "50h".into());
    let arguments = ["demo", "--dir", "data", "--history", &history].map(String::from);
    let addresses =
        ["--web".into(), format!("127.0.0.1:{web}"), "--mqtt".into(), format!("127.0.0.1:{}", free_port())];
    Program::spawn("powerpi", folder.path(), &[&arguments[..], &addresses].concat(), &[])
}

fn past(folder: &TempDir) -> Past {
    let read = |file: &str| std::fs::read_to_string(folder.path().join("data").join(file)).unwrap();
    let written: Value = serde_json::from_str(&read("house.json")).unwrap();
    let minute = |name: &str| written[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_second() / 60;
    let web = read("powerpi-web.toml");
    let (_, rises) = web.split_once("\nfrom = \"").unwrap();
    Past {
        from: minute("from"),
        replaced: minute("replaced"),
        goes_on: minute("goes_on"),
        next_door_ends: minute("next_door_ends"),
        rises: rises[..10].parse().unwrap(),
    }
}

/// All minutes of a meter: their pulses, and the seconds that were watched.
fn pulses(ledger: &Ledger, meter: &str) -> BTreeMap<i64, (u32, u32)> {
    let known = ledger.meter(&meter.parse().unwrap()).unwrap().unwrap();
    let minutes = ledger.minutes(&known, Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX)).unwrap();
    let of = |minute: &meter_ledger::RecordedMinute| {
        (minute.minute.epoch_minutes(), (minute.pulses, u32::from(minute.watched_s)))
    };
    minutes.iter().map(of).collect()
}

impl Demo {
    fn new(folder: TempDir, web: u16) -> Self {
        let (past, zone) = (past(&folder), TimeZone::get("Europe/Berlin").unwrap());
        let mut demo = Self { folder, web, past, recorded: HashMap::new(), zone };
        let ledger = Ledger::open_read_only(&demo.folder.path().join("data/ledger.sqlite")).unwrap();
        for (name, simulated) in METERS {
            let minutes = pulses(&ledger, &format!("home/{name}"));
            demo.compare_with_truth(name, simulated, &minutes);
            let per_unit = |at: i64| if name == "main" && at >= demo.past.replaced { 800.0 } else { 1000.0 };
            let of = |(at, (pulses, watched)): (&i64, &(u32, u32))| {
                (*at, (f64::from(*pulses) / per_unit(*at), *watched >= 59))
            };
            let minutes = minutes.iter().map(of).collect();
            demo.recorded.insert(name.to_owned(), minutes);
        }
        let next_door = pulses(&ledger, "next-door/main");
        assert_eq!(
            *next_door.last_key_value().unwrap().0,
            demo.past.next_door_ends - 1,
            "it was switched off"
        );
        demo
    }

    /// Every pulse of the simulated house is there once, and nothing of the time in which nobody counted.
    fn compare_with_truth(&self, name: &str, simulated: MeterOf, minutes: &BTreeMap<i64, (u32, u32)>) {
        let Past { from, replaced, goes_on, .. } = self.past;
        let truth = |constant: u64| {
            let settings = SimulatedSettings { meter: simulated, ..SimulatedSettings::default() };
            Household::new(&settings, MeterConstant::try_from(constant).unwrap()).unwrap()
        };
        let (before, after) = (truth(1000), truth(if name == "main" { 800 } else { 1000 }));
        let last = *minutes.last_key_value().unwrap().0;
        let expected: Vec<(i64, u32)> = (from..replaced)
            .map(|at| (at, before.pulses_in(Minute::nearest(at))))
            .chain((goes_on..=last).map(|at| (at, after.pulses_in(Minute::nearest(at)))))
            .collect();
        // The newest may still be counted.
        let found: Vec<(i64, u32)> = minutes.iter().map(|(at, (pulses, _))| (*at, *pulses)).collect();
        let settled = expected.len() - 2;
        assert_eq!(found.len(), expected.len(), "minutes of {name}");
        assert_eq!(found[..settled], expected[..settled], "{name}");
    }

    fn minutes(&self, days: Range<Date>) -> Range<i64> {
        let at = |day: Date| self.zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap().as_second() / 60;
        at(days.start)..at(days.end)
    }

    fn sum(&self, meter: &str, span: &Range<i64>) -> Option<f64> {
        let minutes = &self.recorded[meter];
        let mut within = minutes.range(span.clone()).map(|(_, (quantity, _))| quantity).peekable();
        within.peek()?;
        Some(within.sum())
    }

    /// The hours of a span that all of these meters watched, but for a minute.
    fn watched_hours(&self, span: &Range<i64>, meters: &[&str]) -> Vec<Range<i64>> {
        let is_watched = |hour: &Range<i64>| {
            meters.iter().all(|meter| {
                self.recorded[*meter].range(hour.clone()).filter(|(_, (_, watched))| *watched).count() >= 59
            })
        };
        (span.start..span.end).step_by(60).map(|hour| hour..hour + 60).filter(is_watched).collect()
    }

    fn sums(&self, hours: &[Range<i64>], plus: &[&str], minus: &[&str]) -> f64 {
        let all = |meters: &[&str]| -> f64 {
            let of_hour = |hour| meters.iter().filter_map(|meter| self.sum(meter, hour)).sum::<f64>();
            hours.iter().map(of_hour).sum()
        };
        all(plus) - all(minus)
    }

    /// What the main meter costs in a span that is over, minute by minute.
    fn cost(&self, span: &Range<i64>) -> f64 {
        let first_month = self.local(self.past.from).date().first_of_month();
        let of_minute = |at: i64| {
            let local = self.local(at);
            let is_new = local.date() >= self.past.rises;
            let is_night = local.hour() >= 22 || local.hour() < 6;
            let price = match (is_new, is_night) {
                (false, false) => 0.27,
                (false, true) => 0.21,
                (true, false) => 0.29,
                (true, true) => 0.22,
            };
            let used = self.recorded["main"].get(&at).map_or(0.0, |(kwh, _)| *kwh);
            let month = local.date().first_of_month();
            let length = self.minutes(month..month.checked_add(1.month()).unwrap());
            let fee = if is_new { 11.90 } else { 9.90 } / (length.end - length.start) as f64;
            (used * price + if month < first_month { 0.0 } else { fee }) * 1.19
        };
        span.clone().map(of_minute).sum()
    }

    /// What own use would have cost at the main meter, hour by hour.
    fn saved(&self, hours: &[Range<i64>]) -> f64 {
        let of_hour = |hour: &Range<i64>| {
            let local = self.local(hour.start);
            let is_night = local.hour() >= 22 || local.hour() < 6;
            let price = match (local.date() >= self.past.rises, is_night) {
                (false, false) => 0.27,
                (false, true) => 0.21,
                (true, false) => 0.29,
                (true, true) => 0.22,
            };
            self.sums(std::slice::from_ref(hour), &["panels"], &["feed-in"]) * price * 1.19
        };
        hours.iter().map(of_hour).sum()
    }

    fn local(&self, at: i64) -> jiff::civil::DateTime {
        self.zone.to_datetime(Timestamp::from_second(at * 60).unwrap())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = http_get(self.web, path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// A day or month as programs see it.
    fn check_period(&self, kind: &str, days: Range<Date>, name: &str) {
        let span = self.minutes(days);
        let state = self.json(&format!("/api/v1/sites/home/{kind}/{name}"));
        let medium =
            |name: &str| state["media"].as_array().unwrap().iter().find(|it| it["medium"] == name).unwrap();
        let of = medium("electricity");
        let near = |what: &str, found: &Value, expected: f64| {
            let value = found.as_f64().unwrap_or_else(|| panic!("{kind} {name}: {what} is {found}"));
            assert!((value - expected).abs() < 1e-6, "{kind} {name}: {what} is {value}, not {expected}");
        };
        let sum = |meter: &str| self.sum(meter, &span);
        for (what, meter) in [("comes_in", "main"), ("made", "panels"), ("goes_out", "feed-in")] {
            near(what, &of[what]["kwh"], sum(meter).unwrap());
        }
        near("gas", &medium("gas")["comes_in"]["m3"], sum("gas").unwrap());
        near("water", &medium("water")["comes_in"]["m3"], sum("water").unwrap());
        for meter in of["meters"].as_array().unwrap() {
            let id = meter["meter"].as_str().unwrap().strip_prefix("home/").unwrap();
            near(id, &meter["kwh"], sum(id).unwrap());
        }
        let both = self.watched_hours(&span, &["panels", "feed-in"]);
        let all = self.watched_hours(&span, &["panels", "feed-in", "main"]);
        let parts = ["heat-pump", "workshop", "spare"];
        let (made, out) = (["panels", "main"], ["feed-in"]);
        let with_parts = self.watched_hours(&span, &[&made[..], &out, &parts].concat());
        let minus = [&out[..], &parts].concat();
        // Of a day whose last hour alone was watched, and not whole, nobody knows it.
        let reckoned = |what: &str, key: &str, hours: &[Range<i64>], plus: &[&str], minus: &[&str]| {
            if hours.is_empty() {
                assert!(
                    of[key].is_null() || of[key]["kwh"].is_null(),
                    "{kind} {name}: {what} is {}",
                    of[key]
                );
            } else {
                near(what, &of[key]["kwh"], self.sums(hours, plus, minus));
            }
        };
        reckoned("own use", "own_use", &both, &["panels"], &out);
        reckoned("used", "used", &all, &made, &out);
        reckoned("not measured", "not_measured", &with_parts, &made, &minus);
        if !both.is_empty() {
            near("hours of own use", &of["own_use"]["hours"], both.len() as f64);
        }
        if let Some(percent) = of["self_sufficiency_percent"].as_f64() {
            let share = self.sums(&all, &["panels"], &out) / self.sums(&all, &made, &out) * 100.0;
            assert!((percent - share).abs() < 0.06, "{share} %, {of}");
        } else {
            assert!(all.is_empty(), "{of}");
        }
        let cost = of["cost"].as_f64().unwrap();
        let expected = self.cost(&span);
        assert!((cost - expected).abs() < 0.0051, "{kind} {name} costs {cost}, not {expected}");
        let earned = of["earned"].as_f64().unwrap();
        let expected = sum("feed-in").unwrap() * 0.0786;
        assert!((earned - expected).abs() < 0.0051, "{kind} {name} earns {earned}, not {expected}");
        if !both.is_empty() && of["own_use"]["kwh"].as_f64() != Some(0.0) {
            let saved = of["saved"]["amount"].as_f64().unwrap_or_else(|| panic!("{kind} {name}: {of}"));
            let expected = self.saved(&both);
            assert!((saved - expected).abs() < 0.0051, "{kind} {name} saves {saved}, not {expected}");
        }
        let main = self.json(&format!(
            "/api/v1/meters/home/main/energy?step={kind}&from={}&to={}",
            self.local(span.start).date(),
            self.local(span.end).date()
        ));
        near("the main meter's row", &main["rows"][0]["kwh"], sum("main").unwrap());
    }

    /// Hours as CSV and Excel have them.
    fn check_files(&self, day: Date) {
        let span = self.minutes(day..day.tomorrow().unwrap());
        let query = format!("from={day}&to={}&step=hour", day.tomorrow().unwrap());
        let csv = http_get(self.web, &format!("/api/v1/sites/home/energy.csv?{query}")).1;
        let names: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        let workbook = http_get_bytes(self.web, &format!("/api/v1/sites/home/energy.xlsx?{query}&lang=en")).1;
        let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(workbook)).unwrap();
        let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
        let hours: Vec<i64> = span.step_by(60).filter(|hour| self.is_recorded(*hour)).collect();
        assert_eq!(csv.lines().count(), hours.len() + 1, "{csv}");
        assert_eq!(sheet.height(), hours.len() + 1);
        for (hour, (line, row)) in hours.iter().zip(csv.lines().skip(1).zip(sheet.rows().skip(1))) {
            let cells: Vec<&str> = line.split(',').collect();
            for meter in ELECTRIC {
                let place = names.iter().position(|name| *name == format!("home/{meter}")).unwrap();
                let expected = self.sum(meter, &(*hour..hour + 60));
                let near = |found: Option<f64>| match (found, expected) {
                    (Some(found), Some(expected)) => (found - expected).abs() < 0.000_51,
                    (found, expected) => found == expected,
                };
                assert!(near(cells[place].parse().ok()), "{meter}, {line}: {expected:?}");
                let cell: Option<f64> = row.get(place).and_then(Data::as_f64);
                assert!(near(cell), "{meter} in the workbook: {cell:?}, {expected:?}");
            }
        }
    }

    fn is_recorded(&self, hour: i64) -> bool {
        ELECTRIC.iter().any(|meter| self.sum(meter, &(hour..hour + 60)).is_some())
    }
}

/// An alarm, and a ledger without faults; with two years also the year before.
fn whatever_a_visitor_looks_for_is_there(running: &Program, house: &Demo) {
    let log = running.log();
    assert!(
        log.contains("of the past of 11 meters into the ledger")
            && log.contains("minutes of it were written"),
        "{log}"
    );
    let checked =
        run_to_end("powerpi", house.folder.path(), &["ledger", "check", "--ledger", "data/ledger.sqlite"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.contains("The ledger is sound (meters: 11,"), "{checked:?}");
    let has_alarms = || http_get(house.web, "/status?lang=en").1.contains("oven-forgotten");
    wait_for("the alarms are watched", Duration::from_secs(60), has_alarms);
}

#[test]
fn a_second_reckoning_agrees_with_every_form() {
    let (folder, web) = (TempDir::new().unwrap(), free_port());
    let mut running = demo(&folder, web);
    let is_live = || running.log().contains("Now it is live");
    wait_for("the house's history is through", Duration::from_secs(1800), is_live);
    let house = Demo::new(folder, web);

    // Whole days of which one lies within the history, and months that are over.
    let days = |minute: i64| house.local(minute).date();
    let (first, last) = (days(house.past.from), days(house.past.replaced.max(house.past.goes_on)));
    let today = house.zone.to_datetime(daemon_runtime::now()).date();
    for day in first.series(1.day()).take_while(|day| *day < today) {
        let is_near = |of: Date| (day - of).get_days().abs() <= 1;
        if is_near(first) || is_near(last) || is_near(house.past.rises) || is_near(today) || day.day() == 17 {
            house.check_period("day", day..day.tomorrow().unwrap(), &day.to_string());
            house.check_files(day);
        }
    }
    for month in first.first_of_month().series(1.month()).take_while(|month| month.last_of_month() < today) {
        let next = month.checked_add(1.month()).unwrap();
        house.check_period("month", month..next, &month.to_string()[..7]);
    }
    let page = http_get(web, "/s/home?lang=de").1;
    assert!(page.contains("Bilanz home"), "{page}");
    // Soon after midnight nobody knows it of the new day.
    let page = http_get(web, &format!("/s/home/day/{}?lang=de", today.yesterday().unwrap())).1;
    assert!(page.contains("Autarkie"), "{page}");
    whatever_a_visitor_looks_for_is_there(&running, &house);
    let page = http_get(web, "/m/home/main?lang=en").1;
    assert!(
        page.contains(": The meter was replaced") && page.contains(": Electricity became dearer"),
        "{page}"
    );
    // The one next door is known to be away.
    let status = http_get(web, "/status?lang=en").1;
    assert!(status.contains("next-door/main · offline") && status.contains("home/main · online"), "{status}");
    running.signal(Signal::TERM);
    assert!(running.wait(Duration::from_secs(60)).success(), "{}", running.log());
}
