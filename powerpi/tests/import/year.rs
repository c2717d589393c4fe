//! How long a year of minutes takes in each format, and how much memory. `make test-imports` measures a year; the suite takes a
//! few days, so that nothing is far off.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{YEAR_S, folder, run};

/// What an import of a year may have.
const MOST_MB: f64 = 50.0;

/// How long it may take.
const MOST_S: f64 = 10.0;

/// Seconds, and the most memory in MB, as the kernel has counted it until shortly before the end.
fn measured(folder: &Path, arguments: &[&str]) -> (f64, f64) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_powerpi"))
        .args(["import", "--ledger", "ledger.sqlite"])
        .args(arguments)
        .args(["--meter", "hq/main"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0.0f64;
    let status = loop {
        let said = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        most = most.max(kib.unwrap_or_default() / 1024.0);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert!(status.success(), "{arguments:?}");
    (began.elapsed().as_secs_f64(), most)
}

fn watts(at: i64) -> i64 {
    300 + at * 7919 % 2000
}

/// A file of each format, of so many minutes; what is to be said of it.
fn files(path: &Path, minutes: i64) -> Vec<Vec<&'static str>> {
    let second = |at: i64| YEAR_S + at * 60;
    let (mut csv, mut lp, mut vz) = (String::from("time,W\n"), String::new(), String::new());
    let (mut json, mut dump) = (String::new(), String::new());
    let mut series = Vec::new();
    for at in 0..minutes {
        let (s, w) = (second(at), watts(at));
        writeln!(csv, "{s},{w}").unwrap();
        writeln!(lp, "power,room=cellar value={w} {s}000000000").unwrap();
        writeln!(vz, "{s}000;{w};1").unwrap();
        write!(json, "{}[{s}000,{w},1]", if at == 0 { "" } else { "," }).unwrap();
        write!(
            dump,
            "{}(1,{s}000,{w})",
            if at % 10_000 == 0 { ";\nINSERT INTO `data` VALUES " } else { "," }
        )
        .unwrap();
        series.extend([&[0u8][..], &(s as u32).to_le_bytes(), &(w as f32).to_le_bytes()].concat());
    }
    fs::write(path.join("a.csv"), csv).unwrap();
    fs::write(path.join("a.lp"), lp).unwrap();
    fs::write(path.join("vz.csv"), vz).unwrap();
    fs::write(path.join("vz.json"), format!(r#"{{"data":{{"tuples":[{json}]}}}}"#)).unwrap();
    fs::write(path.join("feed_1.MYD"), series).unwrap();
    fs::write(path.join("1.meta"), [0u32, 0, 60, YEAR_S as u32].map(u32::to_le_bytes).concat()).unwrap();
    fs::write(
        path.join("1.dat"),
        (0..minutes).flat_map(|at| (watts(at) as f32).to_le_bytes()).collect::<Vec<u8>>(),
    )
    .unwrap();
    let head = "CREATE TABLE `data` (\n  `channel_id` int,\n  `timestamp` bigint,\n  `value` double\n)";
    let tail = ";\nINSERT INTO `entities` (`id`, `uuid`, `type`) VALUES (1,'aa','powersensor');\n";
    fs::write(path.join("vz.sql"), [head, &dump, tail].concat()).unwrap();
    rrd(path, minutes);
    let last = minutes / 60;
    let sql = format!(
        "CREATE TABLE statistics_meta (id INTEGER, statistic_id TEXT, unit_of_measurement TEXT);
         CREATE TABLE statistics (metadata_id INTEGER, start_ts FLOAT, mean FLOAT, sum FLOAT);
         INSERT INTO statistics_meta VALUES (1, 'sensor.energy', 'kWh');
         WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < {last})
             INSERT INTO statistics SELECT 1, {YEAR_S} + x * 3600.0, NULL, x * 0.5 FROM n;"
    );
    run("sqlite3", path, &["ha.db", &sql]);
    vec![
        vec!["csv", "a.csv"],
        vec!["influx", "a.lp", "--unit", "W"],
        vec!["volkszaehler", "vz.csv"],
        vec!["volkszaehler", "vz.json"],
        vec!["volkszaehler", "vz.sql"],
        vec!["emoncms", "feed_1.MYD", "--unit", "W"],
        vec!["emoncms", "1.dat", "--unit", "W"],
        vec!["rrd", "power.rrd", "--unit", "W"],
        vec!["home-assistant", "ha.db"],
    ]
}

fn rrd(path: &Path, minutes: i64) {
    let start = (YEAR_S - 60).to_string();
    let archive = format!("RRA:AVERAGE:0.5:1:{minutes}");
    run(
        "rrdtool",
        path,
        &["create", "power.rrd", "--start", &start, "--step", "60", "DS:w:GAUGE:120:0:U", &archive],
    );
    let values: Vec<String> = (0..minutes).map(|at| format!("{}:{}", YEAR_S + at * 60, watts(at))).collect();
    for part in values.chunks(5000) {
        let arguments: Vec<&str> =
            ["update", "power.rrd"].into_iter().chain(part.iter().map(String::as_str)).collect();
        run("rrdtool", path, &arguments);
    }
}

#[test]
fn a_year_of_minutes_takes_seconds_in_each_format() {
    let days = std::env::var("POWERPI_IMPORT_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(10);
    let minutes = days * 1440;
    let (files_in, _ledger) = folder();
    for arguments in files(files_in.path(), minutes) {
        let (folder, ledger) = folder();
        drop(ledger);
        let file = files_in.path().join(arguments[1]);
        let arguments: Vec<&str> = [&[arguments[0], file.to_str().unwrap()], &arguments[2..]].concat();
        let (took, memory) = measured(folder.path(), &arguments);
        println!("{} {}: {minutes} minutes in {took:.2} s, {memory:.0} MB", arguments[0], file.display());
        assert!(memory < MOST_MB, "{memory} MB");
        assert!(took < MOST_S, "{took} s");
    }
}
