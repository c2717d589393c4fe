//! What people say of times that were counted wrongly: pages, figures, files and charts show at once what is right, and
//! mark it; and a meter's page names minutes that cannot be.
#![allow(clippy::unwrap_used)]

mod site;

use std::collections::BTreeMap;

use jiff::Timestamp;
use meter_ledger::{CorrectingError, CorrectionKind, Factor, Ledger, NewCorrection, Undone};
use meter_messages::{Info, Minute, PulseCount};
use site::{Site, info, kwh, meter, minute, pulses, record};
use tempfile::TempDir;

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// Says something of a meter that is recorded; the correction's number.
fn say(site: &Site, from: &str, to: &str, kind: CorrectionKind) -> i64 {
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let (span, reason) = (minute(from)..minute(to), "the <contact> bounced".to_owned());
    let said =
        batch.correct(&meter(), &NewCorrection { span, kind, reason, by: "ernst".into() }, now()).unwrap();
    batch.commit().unwrap();
    said.id
}

/// The kWh of a local day of October 2025, as a page asks for it that was asked for before.
fn day(site: &Site) -> f64 {
    let month = site.json(&format!("{ENERGY}?from=2025-10-21&to=2025-10-22&step=day"));
    month["rows"][0]["kwh"].as_f64().unwrap()
}

/// Those of the minutes that are recorded, from 2025-10-21T00:00+02:00 on.
fn counted(site: &Site, but: impl Fn(Minute) -> bool) -> f64 {
    let day = minute("2025-10-20T22:00:00Z")..minute("2025-10-21T22:00:00Z");
    kwh(&site.minutes, |at| day.contains(&at) && !but(at))
}

fn is_about(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn what_is_corrected_is_shown_at_once_and_marked() {
    let site = Site::start();
    const PAGE: &str = "/m/hq/main/day/2025-10-21?lang=en";
    let page = |extra: &str| site.get(&format!("{PAGE}{extra}")).text();
    let series = || {
        let span = (minute("2025-10-21T10:00:00Z").start(), minute("2025-10-21T11:00:00Z").start());
        let edition = Ledger::open_read_only(&site.dir.path().join("ledger.sqlite")).unwrap();
        let edition = edition.meter(&meter()).unwrap().unwrap().edition();
        site.json(&format!(
            "/api/v1/meters/hq/main/series?from={}&to={}&points=60&edition={edition}",
            span.0, span.1
        ))
    };
    assert!(is_about(day(&site), counted(&site, |_| false)));
    assert!(!page("").contains("id=\"corrections\""));
    assert!(!page("").contains("data-edition"));
    assert_eq!(series()["watched_s"], 3600);

    let (from, to) = ("2025-10-21T10:20:00Z", "2025-10-21T10:30:00Z");
    let void = say(&site, from, to, CorrectionKind::Void);
    let is_void = |at: Minute| minute(from) <= at && at < minute(to);
    assert!(is_about(day(&site), counted(&site, is_void)));
    assert_eq!(series()["watched_s"], 3000, "a chart is not kept that shows what was counted");
    let text = page("&a=1");
    let (_, list) = text.split_once("id=\"corrections\"").unwrap();
    let (list, _) = list.split_once("</section>").unwrap();
    let told = [from, "10\u{a0}min: not watched", "the &#60;contact&#62; bounced"];
    assert!(told.iter().all(|told| list.contains(told)), "{list}");
    assert!(text.contains("data-edition=\"1\""));
    // The hour is hatched, and the legend says why.
    assert_eq!(text.matches("fill=\"url(#parts-corrected)\"").count(), 1);
    assert!(text.contains("class=\"swatch corrected\" aria-hidden=\"true\"></i>corrected"));
    assert!(!text.contains("/corrections?from"), "only admins correct");
    let german = site.get("/m/hq/main/month/2025-10?lang=de").text();
    assert!(german.contains("Korrekturen") && german.contains("nicht beobachtet"), "{german}");
    assert!(!site.get("/m/hq/main/day/2025-10-22").text().contains("id=\"corrections\""));
    let trust = site.json("/api/v1/meters/hq/main/trust");
    let gap = trust["newest_gaps"].as_array().unwrap().iter().find(|gap| gap["from"] == from).unwrap();
    assert_eq!((&gap["reason"], &gap["unwatched_s"]), (&"void".into(), &600.into()));

    // Two more, in a file.
    say(&site, "2025-10-21T10:40:00Z", "2025-10-21T10:42:00Z", CorrectionKind::Replace { pulses: 9 });
    let half = CorrectionKind::Scale(Factor::new(1, 2).unwrap());
    say(&site, "2025-10-21T10:50:00Z", "2025-10-21T10:55:00Z", half);
    let query = "from=2025-10-21T10:00:00Z&to=2025-10-21T11:00:00Z";
    let csv = site.get(&format!("{ENERGY}.csv?{query}&step=hour")).text();
    let hour: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((hour[2], hour[3], hour[7]), ("50", "3000", "17"), "{csv}");
    let rows = site.json(&format!("{ENERGY}?{query}&step=minute"));
    let of = |at: &str, name: &str| {
        let row = rows["rows"].as_array().unwrap().iter().find(|row| row["start"] == at);
        row.and_then(|row| row[name].as_u64())
    };
    assert_eq!(rows["rows"].as_array().unwrap().len(), 50);
    assert_eq!(
        (of("2025-10-21T10:40:00Z", "pulses"), of("2025-10-21T10:41:00Z", "pulses")),
        (Some(4), Some(5))
    );
    let marks = ["10:39", "10:40", "10:54", "10:55"]
        .map(|at| of(&format!("2025-10-21T{at}:00Z"), "corrected_minutes"));
    assert_eq!(marks, [None, Some(1), Some(1), None]);
    let half: u64 = (50..55).map(|at| of(&format!("2025-10-21T10:{at}:00Z"), "pulses").unwrap()).sum();
    let whole: u64 = (50..55).map(|at| u64::from(pulses(minute(&format!("2025-10-21T10:{at}:00Z"))))).sum();
    assert_eq!(half, whole.div_ceil(2));

    let told = site.json("/api/v1/meters/hq/main/corrections");
    let told = told["corrections"].as_array().unwrap();
    let kinds: Vec<_> =
        told.iter().map(|it| (it["kind"].as_str().unwrap(), it["by"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("void", "ernst"), ("replace", "ernst"), ("scale", "ernst")]);
    assert_eq!((&told[1]["pulses"], &told[2]["factor"]), (&9.into(), &"1/2".into()));
    assert_eq!(
        (&told[0]["from"], &told[0]["to"], &told[0]["said"]),
        (&from.into(), &to.into(), &now().to_string().into())
    );

    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    for id in void..void + 3 {
        batch.undo(id, &Undone { at: now(), by: "anna".into(), reason: Some("it did not".into()) }).unwrap();
    }
    batch.commit().unwrap();
    assert!(is_about(day(&site), counted(&site, |_| false)));
    assert!(!page("&a=2").contains("id=\"corrections\""));
    let told = site.json("/api/v1/meters/hq/main/corrections");
    assert_eq!(told["corrections"][0]["undone"]["reason"], "it did not");
}

#[test]
fn a_meters_page_names_minutes_that_cannot_be() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    // What a minute can have with 60 pulses is 3,600 W.
    let site = Site::set_up(dir, 1, "[[meter]]\nid = 'hq/main'\nmax_power_w = 3520\n");
    let page = site.get("/m/hq/main?lang=en").text();
    let (_, list) = page.split_once("id=\"implausible\"").unwrap();
    let (list, _) = list.split_once("</section>").unwrap();
    assert!(list.contains("3,520\u{a0}W is the most") && list.contains("3,600\u{a0}W"), "{list}");
    assert_eq!(list.matches("sudo powerpi ledger void hq/main 20").count(), 5, "{list}");
    let newest = minutes.iter().rev().find(|at| pulses(**at) == 60).unwrap();
    assert!(list.contains(&format!("void hq/main {newest} ")), "{list}");
    let german = site.get("/m/hq/main?lang=de").text();
    assert!(
        german.contains("3.520\u{a0}W ist das Höchste") && german.contains("--reason &#34;Prellen&#34;"),
        "{german}"
    );

    let dir = TempDir::new().unwrap();
    record(dir.path(), "Haus");
    let page = Site::set_up(dir, 1, "").get("/m/hq/main").text();
    assert!(page.contains("<div id=\"implausible\" data-part></div>"), "nothing is wrong");
}

/// What random corrections, undos and late minutes come to.
#[derive(Default)]
struct Model {
    counted: BTreeMap<i64, u64>,
    in_force: Vec<(i64, std::ops::Range<i64>, CorrectionKind)>,
}

impl Model {
    /// The pulses of each minute that is watched.
    fn minutes(&self) -> BTreeMap<i64, u64> {
        let mut minutes = self.counted.clone();
        for (_, span, kind) in &self.in_force {
            let (mut before, length) = (0, span.end - span.start);
            for (passed, minute) in (1..).zip(span.clone()) {
                match kind {
                    CorrectionKind::Void => drop(minutes.remove(&minute)),
                    CorrectionKind::Replace { pulses } => {
                        let after = pulses * passed / length as u64;
                        minutes.insert(minute, after - before);
                        before = after;
                    }
                    CorrectionKind::Scale(factor) => {
                        let Some(pulses) = minutes.get_mut(&minute) else { continue };
                        let after = before + *pulses;
                        let half_up = |all: u64| {
                            let (above, below) =
                                (u64::from(factor.numerator()), u64::from(factor.denominator()));
                            (2 * all * above + below) / (2 * below)
                        };
                        *pulses = half_up(after) - half_up(before);
                        before = after;
                    }
                }
            }
        }
        minutes
    }

    fn pulses(&self, span: std::ops::Range<i64>) -> Option<u64> {
        let minutes = self.minutes();
        let within: Vec<u64> = minutes.range(span).map(|(_, pulses)| *pulses).collect();
        (!within.is_empty()).then(|| within.iter().sum())
    }
}

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.unsigned_abs()) as i64
    }
}

/// Does something to the ledger, and to the model.
fn act(ledger: &mut Ledger, model: &mut Model, random: &mut Random, day: &std::ops::Range<i64>, step: u64) {
    let mut batch = ledger.batch().unwrap();
    let from = day.start + random.below(day.end - day.start - 90);
    let span = from..from + 1 + random.below(90);
    match random.below(5) {
        0 => {
            let late = Info { outbox: "late".parse().unwrap(), ..info("Haus") };
            let mark = batch.register(&meter(), &late).unwrap();
            let missing: Vec<i64> = span.filter(|at| !model.counted.contains_key(at)).collect();
            for (nth, at) in (1..).zip(missing) {
                let seq = step * 1000 + nth;
                let (minute, pulses) = (Minute::nearest(at), (at % 7) as u32);
                let count = PulseCount { minute, watched_s: 60, seq, pulses, total: seq * 10 };
                batch.record(&mark, &count).unwrap();
                model.counted.insert(at, pulses.into());
            }
        }
        1 if !model.in_force.is_empty() => {
            let which = random.below(model.in_force.len() as i64) as usize;
            let (id, ..) = model.in_force.remove(which);
            batch.undo(id, &Undone { at: now(), by: "anna".into(), reason: None }).unwrap();
        }
        kind => {
            let kind = match kind {
                2 => CorrectionKind::Replace { pulses: random.below(500).unsigned_abs() },
                3 => CorrectionKind::Scale(Factor::new(1 + random.below(3) as u32, 4).unwrap()),
                _ => CorrectionKind::Void,
            };
            let minutes = Minute::nearest(span.start)..Minute::nearest(span.end);
            let new = NewCorrection { span: minutes, kind, reason: "x".into(), by: "ernst".into() };
            // Where another one is, or nothing that could be wrong, it is refused.
            match batch.correct(&meter(), &new, now()) {
                Ok(said) => model.in_force.push((said.id, span, kind)),
                Err(CorrectingError::Overlaps { .. } | CorrectingError::NothingThere) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
    batch.commit().unwrap();
}

#[test]
fn whatever_is_corrected_undone_or_late_hours_days_files_and_pages_show_the_same() {
    let site = Site::start();
    let (first, end) = ("2025-06-09T22:00:00Z", "2025-06-10T22:00:00Z");
    let day = minute(first).epoch_minutes()..minute(end).epoch_minutes();
    let counted = site.minutes.iter().map(|at| (at.epoch_minutes(), u64::from(pulses(*at))));
    let mut model = Model { counted: counted.collect(), ..Model::default() };
    let mut random = Random(0x9E37_79B9);
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    for step in 1..=40 {
        act(&mut ledger, &mut model, &mut random, &day, step);
        let query = format!("from={first}&to={end}&n={step}");
        let hours = site.json(&format!("{ENERGY}?{query}&step=hour"));
        for row in hours["rows"].as_array().unwrap() {
            let from = minute(row["start"].as_str().unwrap()).epoch_minutes();
            assert_eq!(row["pulses"].as_u64(), model.pulses(from..from + 60), "step {step}: {row}");
        }
        let all = model.pulses(day.clone());
        let of_day = site.json(&format!("{ENERGY}?from=2025-06-10&to=2025-06-11&step=day&n={step}"));
        assert_eq!(of_day["rows"][0]["pulses"].as_u64(), all, "step {step}");
        let csv = site.get(&format!("{ENERGY}.csv?{query}&step=minute")).text();
        let in_file = csv.lines().skip(1).map(|row| {
            let fields: Vec<&str> = row.split(',').collect();
            (minute(fields[0]).epoch_minutes(), fields[4].parse::<u64>().unwrap())
        });
        let of_model = model.minutes();
        assert!(
            in_file.eq(of_model.range(day.clone()).map(|(at, pulses)| (*at, *pulses))),
            "step {step}: {csv}"
        );
        let page = site.get(&format!("/m/hq/main/day/2025-06-10?lang=en&n={step}")).text();
        let (_, shown) = page.split_once("data-kwh=\"whole\">").unwrap();
        let shown: f64 = shown.split('<').next().unwrap().parse().unwrap();
        assert!((shown - all.unwrap() as f64 / 1000.0).abs() <= 0.005_001, "step {step}: {shown}");
        assert_eq!(page.contains("id=\"parts-corrected\""), !model.in_force.is_empty(), "step {step}");
    }
    assert!(model.in_force.len() > 3, "many hold");
}
