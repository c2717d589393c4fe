//! Each format, small.

use std::fmt::Write;
use std::fs;

use crate::{YEAR_S, folder, imported, meter, powerpi, record, refused, run, sum};

/// An RRD as the old scripts' was: a gauge of the pulses of each minute.
#[test]
fn an_rrd_of_the_old_scripts_is_imported_once_and_undone() {
    let (folder, mut ledger) = folder();
    let path = folder.path();
    let start = (YEAR_S - 60).to_string();
    run(
        "rrdtool",
        path,
        &[
            "create",
            "power.rrd",
            "--start",
            &start,
            "--step",
            "60",
            "DS:power:GAUGE:120:0:U",
            "RRA:AVERAGE:0.5:1:527040",
        ],
    );
    let values: Vec<String> = (0..3000i64)
        .filter(|minute| !(100..103).contains(minute))
        .map(|minute| format!("{}:{}", YEAR_S + minute * 60, minute % 40))
        .collect();
    for part in values.chunks(500) {
        let arguments: Vec<&str> =
            ["update", "power.rrd"].into_iter().chain(part.iter().map(String::as_str)).collect();
        run("rrdtool", path, &arguments);
    }
    // What rrdtool itself says is in it.
    let end = (YEAR_S + 2999 * 60).to_string();
    let fetched = run("rrdtool", path, &["fetch", "power.rrd", "AVERAGE", "-s", &start, "-e", &end]);
    let of_rrdtool: f64 = fetched
        .lines()
        .filter_map(|line| line.split_once(": ")?.1.trim().parse::<f64>().ok())
        .filter(|value| !value.is_nan())
        .sum();
    record(&mut ledger, 50, 77);

    let arguments = ["rrd", "power.rrd", "--unit", "pulses"];
    let dry = imported(path, &[&arguments[..], &["--dry-run"]].concat());
    assert_eq!((&dry["import"], &dry["there_already"]), (&serde_json::Value::Null, &1.into()));
    assert_eq!(sum(&ledger, -10..5000), (77, 60), "a dry run changes nothing");
    let said = imported(path, &arguments);
    assert_eq!(said["longest_minutes"], 1);
    let brought = said["pulses"].as_u64().unwrap() + said["pulses_there"].as_u64().unwrap();
    assert!((brought as f64 - of_rrdtool).abs() < 1.0, "{brought} of {of_rrdtool}");
    assert_eq!(sum(&ledger, -10..5000).0, said["pulses"].as_u64().unwrap() + 77);
    // The minutes of which rrdtool knows nothing are not zero.
    assert_eq!(sum(&ledger, 99..103), (0, 0));
    // A value stands under the end of its minute.
    assert_eq!(sum(&ledger, 38..39), (39, 60));

    let again = imported(path, &arguments);
    assert_eq!((&again["import"], &again["pulses"]), (&serde_json::Value::Null, &0.into()));
    let (_, listed, _) = powerpi(path, &["list"]);
    assert!(listed.lines().count() == 1 && listed.contains("RRD power.rrd power"), "{listed}");
    let id = said["import"].to_string();
    let (is_fine, said, error) = powerpi(path, &["undo", &id]);
    assert!(is_fine && said.contains("is undone"), "{error}");
    assert_eq!(sum(&ledger, -10..5000), (77, 60));
    let (is_fine, _, error) = powerpi(path, &["undo", &id]);
    assert!(!is_fine && error.contains("was undone before"), "{error}");
}

#[test]
fn rrds_of_counters_and_of_coarser_archives_are_read_as_rrdtool_reads_them() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let start = (YEAR_S - 60).to_string();
    run(
        "rrdtool",
        path,
        &[
            "create",
            "two.rrd",
            "--start",
            &start,
            "--step",
            "60",
            "DS:wh:COUNTER:120:0:U",
            "DS:w:GAUGE:120:0:U",
            "RRA:AVERAGE:0.5:1:600",
            "RRA:MAX:0.5:60:100",
            "RRA:AVERAGE:0.5:60:100",
        ],
    );
    let values: Vec<String> =
        (0..=2880i64).map(|minute| format!("{}:{}:{}", YEAR_S + minute * 60, minute * 12, 720)).collect();
    for part in values.chunks(500) {
        let arguments: Vec<&str> =
            ["update", "two.rrd"].into_iter().chain(part.iter().map(String::as_str)).collect();
        run("rrdtool", path, &arguments);
    }
    let error = refused(path, &["rrd", "two.rrd", "--unit", "W"]);
    assert!(error.contains("--data-source: wh (COUNTER), w (GAUGE)"), "{error}");
    let said = imported(path, &["rrd", "two.rrd", "--unit", "Wh", "--data-source", "wh"]);
    assert_eq!((&said["longest_minutes"], &said["minutes"]), (&60.into(), &600.into()));
    // 12 Wh a minute, in hours and in minutes: an hour stays an hour.
    assert_eq!(sum(&ledger, 60..2880), (2820 * 12, 2820 * 60));
    assert_eq!(
        meter(&ledger).resolution(
            &(meter_messages::Minute::nearest(YEAR_S / 60 + 100)
                ..meter_messages::Minute::nearest(YEAR_S / 60 + 200))
        ),
        60
    );
    let power = imported(path, &["rrd", "two.rrd", "--unit", "W", "--data-source", "w"]);
    assert_eq!(power["pulses"], 0, "the same times are not counted twice: {power}");
    // One that is cut off, or none, is refused.
    let bytes = fs::read(path.join("two.rrd")).unwrap();
    for length in [0, 3, 20, 100, 1000, bytes.len() - 1] {
        fs::write(path.join("cut.rrd"), &bytes[..length]).unwrap();
        let error = refused(path, &["rrd", "cut.rrd", "--unit", "W", "--data-source", "w"]);
        assert!(error.contains("cut.rrd is not an RRD file"), "{length}: {error}");
    }
}

/// As `mysqldump volkszaehler` writes it: a channel of pulses, one of power, one of totals.
#[test]
fn a_dump_of_volkszaehler_is_read_by_the_kind_of_its_channels() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let rows = |channel: i64, step_s: i64, count: i64, value: &dyn Fn(i64) -> f64| {
        (0..count)
            .map(|at| {
                format!("({channel},{},{})", (YEAR_S + channel * 86_400 + at * step_s) * 1000, value(at))
            })
            .collect::<Vec<_>>()
            .join(",")
    };
    let dump = format!(
        "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (aarch64)\n\
         CREATE TABLE `data` (\n  `channel_id` int(11) NOT NULL,\n  `timestamp` bigint(20) NOT NULL,\n  `value` double NOT NULL,\n  PRIMARY KEY (`channel_id`,`timestamp`)\n) ENGINE=InnoDB;\n\
         INSERT INTO `data` VALUES {};\nINSERT INTO `data` VALUES {},\n{};\n\
         CREATE TABLE `entities` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `uuid` varchar(36) NOT NULL,\n  `type` varchar(255) NOT NULL,\n  `class` varchar(255) NOT NULL,\n  PRIMARY KEY (`id`)\n);\n\
         INSERT INTO `entities` VALUES (1,'11111111-aaaa','power','channel'),(2,'22222222-bbbb','powersensor','channel'),(3,'33333333-cccc','electric meter','channel'),(4,'44444444-dddd','group','aggregator');\n\
         CREATE TABLE `properties` (\n  `id` int(11) NOT NULL,\n  `entity_id` int(11) DEFAULT NULL,\n  `pkey` varchar(255) NOT NULL,\n  `value` longtext NOT NULL\n);\n\
         INSERT INTO `properties` VALUES (1,1,'title','Strom\\'s (Haus)'),(2,1,'resolution','2000'),(3,2,'title','Wärmepumpe'),(4,3,'resolution','1');\n",
        rows(1, 20, 4321, &|_| 2.0),
        rows(2, 60, 61, &|_| 600.0),
        rows(3, 900, 97, &|at| 5000.0 + at as f64 * 0.25),
    );
    fs::write(path.join("vz.sql"), dump).unwrap();
    let error = refused(path, &["volkszaehler", "vz.sql"]);
    assert!(error.contains("Strom's (Haus)") && error.contains("33333333-cccc"), "{error}");
    let pulses = imported(path, &["volkszaehler", "vz.sql", "--channel", "Strom's (Haus)"]);
    // 2 pulses in 20 s at 2,000 per kWh.
    assert_eq!((&pulses["pulses"], &pulses["longest_minutes"]), (&4320.into(), &1.into()));
    assert_eq!(sum(&ledger, 1440..2880), (4320, 86_400));
    let power = imported(path, &["volkszaehler", "vz.sql", "--channel", "2222"]);
    // Of the time before the first value there are pulses already.
    assert_eq!((&power["pulses"], &power["pulses_there"]), (&600.into(), &10.into()));
    let totals = imported(path, &["volkszaehler", "vz.sql", "--channel", "3333"]);
    assert_eq!(
        (&totals["pulses"], &totals["longer_times"], &totals["longest_minutes"]),
        (&24_000.into(), &96.into(), &15.into())
    );
    assert_eq!(sum(&ledger, 4320..4335), (250, 900));
}

#[test]
fn what_the_middleware_answers_is_read_as_power_of_the_time_before() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let tuples: Vec<String> =
        (1..=60).map(|at| format!("[{},1200.5,1]", (YEAR_S + at * 60) * 1000)).collect();
    let json = format!(
        r#"{{"version":"0.3","data":{{"tuples":[{}],"uuid":"x","from":{},"rows":61}}}}"#,
        tuples.join(","),
        YEAR_S * 1000
    );
    fs::write(path.join("a.json"), json).unwrap();
    let said = imported(path, &["volkszaehler", "a.json"]);
    assert_eq!(said["pulses"], 1201);
    assert_eq!(sum(&ledger, 0..60), (1201, 3600));
    let mut csv = String::from("# uuid: x\n# title: Haus\n");
    (61..=120).for_each(|at| writeln!(csv, "{};600;1", (YEAR_S + at * 60) * 1000).unwrap());
    fs::write(path.join("a.csv"), csv).unwrap();
    assert_eq!(imported(path, &["volkszaehler", "a.csv"])["pulses"], 600);
    assert_eq!(sum(&ledger, 60..120), (600, 3600));
    fs::write(path.join("b.json"), "{}").unwrap();
    assert!(refused(path, &["volkszaehler", "b.json"]).contains("no answer of one channel"));
}

#[test]
fn feeds_of_emoncms_are_read() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let mut meta = [0u32, 0, 10, YEAR_S as u32].map(u32::to_le_bytes).concat();
    fs::write(path.join("7.meta"), &meta).unwrap();
    // 720 W each 10 s for an hour, with two minutes of nothing.
    let values = (0..360).map(|at| if (60..72).contains(&at) { f32::NAN } else { 720.0 });
    fs::write(path.join("7.dat"), values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let said = imported(path, &["emoncms", "7.dat", "--unit", "W"]);
    assert_eq!((&said["pulses"], &said["longest_minutes"]), (&696.into(), &1.into()));
    assert_eq!(sum(&ledger, 0..60), (696, 58 * 60));
    // A total in kWh every five minutes, as PHPTimeSeries.
    let reading = |at: i64| {
        let time = ((YEAR_S + 86_400 + at * 300) as u32).to_le_bytes();
        [&[249u8][..], &time, &(100.0 + at as f32 * 0.125).to_le_bytes()].concat()
    };
    fs::write(path.join("feed_8.MYD"), (0..25).flat_map(reading).collect::<Vec<u8>>()).unwrap();
    let said = imported(path, &["emoncms", "feed_8.MYD", "--unit", "kWh"]);
    assert_eq!((&said["pulses"], &said["longest_minutes"]), (&3000.into(), &5.into()));
    // Power of which nobody knew for a while, as the engine stores it.
    let watts = [(0, 600.0), (60, f32::NAN), (120, 600.0), (180, f32::NAN)];
    let watts = watts.map(|(at, watts)| {
        [&[249u8][..], &((YEAR_S + 172_800 + at) as u32).to_le_bytes(), &f32::to_le_bytes(watts)].concat()
    });
    fs::write(path.join("feed_9.MYD"), watts.concat()).unwrap();
    assert_eq!(imported(path, &["emoncms", "feed_9.MYD", "--unit", "W"])["pulses"], 20);
    assert_eq!(sum(&ledger, 2 * 1440..2 * 1440 + 10), (20, 120));
    meta.truncate(10);
    fs::write(path.join("7.meta"), meta).unwrap();
    assert!(refused(path, &["emoncms", "7.dat", "--unit", "W"]).contains("says no step"));
}

/// Tables as Home Assistant's recorder makes them, filled by `sqlite3`.
#[test]
fn hours_of_home_assistant_stay_hours() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let sql = format!(
        "CREATE TABLE statistics_meta (id INTEGER NOT NULL PRIMARY KEY, statistic_id VARCHAR(255), source VARCHAR(32),
            unit_of_measurement VARCHAR(255), unit_class VARCHAR(255), has_mean BOOLEAN, has_sum BOOLEAN, name VARCHAR(255), mean_type INTEGER);
         CREATE TABLE statistics (id INTEGER NOT NULL PRIMARY KEY, created DATETIME, created_ts FLOAT,
            metadata_id INTEGER REFERENCES statistics_meta (id) ON DELETE CASCADE, start DATETIME, start_ts FLOAT, mean FLOAT,
            mean_weight FLOAT, min FLOAT, max FLOAT, last_reset DATETIME, last_reset_ts FLOAT, state FLOAT, sum FLOAT);
         INSERT INTO statistics_meta VALUES (1,'sensor.house_energy','recorder','kWh','energy',0,1,NULL,0),
            (2,'sensor.house_power','recorder','W','power',1,0,NULL,1), (3,'sensor.outside','recorder','°C','temperature',1,0,NULL,1);
         WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 48)
            INSERT INTO statistics (metadata_id, start_ts, state, sum) SELECT 1, {YEAR_S} + x * 3600.0, 5000 + x * 0.5, x * 0.5 FROM n;
         WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 9)
            INSERT INTO statistics (metadata_id, start_ts, mean) SELECT 2, {YEAR_S} + 864000 + x * 3600.0, 250 FROM n;
         UPDATE statistics SET start = strftime('%Y-%m-%d %H:%M:%S', start_ts, 'unixepoch') || '.000000', start_ts = NULL
            WHERE metadata_id = 2 AND start_ts < {YEAR_S} + 864000 + 5 * 3600;"
    );
    run("sqlite3", path, &["home-assistant_v2.db", &sql]);
    let error = refused(path, &["home-assistant", "home-assistant_v2.db"]);
    assert!(
        error.contains("sensor.house_energy, sensor.house_power") && !error.contains("outside"),
        "{error}"
    );
    let said =
        imported(path, &["home-assistant", "home-assistant_v2.db", "--statistic", "sensor.house_energy"]);
    assert_eq!(
        (&said["pulses"], &said["longer_times"], &said["longest_minutes"]),
        (&24_000.into(), &48.into(), &60.into())
    );
    // The sum of an hour is that at its end: the first hour's use is not known.
    assert_eq!((sum(&ledger, 0..60), sum(&ledger, 60..120)), ((0, 0), (500, 3600)));
    let power =
        imported(path, &["home-assistant", "home-assistant_v2.db", "--statistic", "sensor.house_power"]);
    assert_eq!((&power["pulses"], &power["longest_minutes"]), (&2500.into(), &60.into()));
}

#[test]
fn line_protocol_is_read() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let mut lines = String::from("# DML\n# CONTEXT-DATABASE: vz\n");
    for at in 0..=60i64 {
        let ns = (YEAR_S + at * 60) * 1_000_000_000;
        writeln!(
            lines,
            "vzlogger,uuid=aa,title=House value={},quality=\"good, really\" {ns}",
            1_000_000 + at * 10
        )
        .unwrap();
        writeln!(lines, "vzlogger,uuid=bb value=600 {ns}").unwrap();
    }
    fs::write(path.join("export.lp"), lines).unwrap();
    let error = refused(path, &["influx", "export.lp", "--unit", "Wh"]);
    assert!(error.contains("vzlogger,uuid=aa,title=House value; vzlogger,uuid=bb value"), "{error}");
    let said = imported(path, &["influx", "export.lp", "--unit", "Wh", "--tag", "uuid=aa"]);
    assert_eq!((&said["pulses"], &said["minutes"]), (&600.into(), &60.into()));
    assert_eq!(sum(&ledger, 0..60), (600, 3600));
}

/// 25 and 23 hours of days on which the clock is set, by a clock and without offsets.
#[test]
fn csv_is_guessed_and_the_doubled_hour_is_two() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let hours = [0, 1, 2, 2, 3, 4, 5];
    let rows: String = hours.iter().map(|hour| format!("27.10.2024 {hour:02}:00;0,25\n")).collect();
    fs::write(path.join("autumn.csv"), format!("Zeit;Verbrauch [kWh]\n{rows}")).unwrap();
    let (is_fine, said, error) = powerpi(
        path,
        &["csv", "autumn.csv", "--meter", "hq/main", "--numbers", "amounts", "--time-zone", "Europe/Berlin"],
    );
    assert!(is_fine && said.contains("column \"Zeit\"") && said.contains("in kWh"), "{said}{error}");
    assert!(said.contains("2024-10\t1.750\t7\t60 min\t-"), "{said}");
    let start = (1_729_980_000 - YEAR_S) / 60; // 2024-10-27 00:00 in Berlin
    assert_eq!(sum(&ledger, start..start + 7 * 60), (1750, 7 * 3600));
    let spring = "time,W\n2024-03-31 01:00,1000\n2024-03-31 03:00,1000\n2024-03-31 04:00,1000\n";
    fs::write(path.join("spring.csv"), spring).unwrap();
    let said = imported(path, &["csv", "spring.csv"]);
    assert_eq!((&said["pulses"], &said["longer_times"]), (&3000.into(), &3.into()));
    // A yearly reading of a meter stays a year.
    fs::write(path.join("years.csv"), "date;kWh\n2020-01-01;1000\n2021-01-01;4500\n2022-01-01;8200\n")
        .unwrap();
    let said = imported(path, &["csv", "years.csv"]);
    assert_eq!((&said["pulses"], &said["longest_minutes"]), (&7_200_000.into(), &(366 * 1440).into()));
    for (text, told) in [
        ("a;b\nx;y\n", "looks like times"),
        ("time;x\n2024-01-01 00:00;1\n2024-01-01 01:00;2\n", "--unit kWh"),
        ("", "nothing in"),
    ] {
        fs::write(path.join("odd.csv"), text).unwrap();
        let error = refused(path, &["csv", "odd.csv"]);
        assert!(error.contains(told), "{text}: {error}");
    }
    assert!(refused(path, &["csv", "not-there.csv"]).contains("not-there.csv"));
}

/// Killed in the midst of it, it goes on when it is said again; the recorder records meanwhile.
#[test]
fn an_import_that_is_killed_goes_on() {
    let (folder, mut ledger) = folder();
    let path = folder.path();
    let mut csv = String::from("time,W\n");
    (0..200_000i64).for_each(|at| writeln!(csv, "{},600", YEAR_S + at * 60).unwrap());
    fs::write(path.join("long.csv"), csv).unwrap();
    let arguments = ["csv", "long.csv", "--meter", "hq/main"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_powerpi"))
        .args(["import", "--ledger", "ledger.sqlite"])
        .args(arguments)
        .current_dir(path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while sum(&ledger, 0..200_000).0 == 0 && child.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "nothing is imported");
        std::thread::yield_now();
    }
    record(&mut ledger, 300_000, 5);
    child.kill().unwrap();
    child.wait().unwrap();
    imported(path, &["csv", "long.csv"]);
    assert_eq!(sum(&ledger, 0..200_000), (2_000_000, 200_000 * 60));
    let (_, listed, _) = powerpi(path, &["list"]);
    assert!(listed.lines().count() == 1 && listed.contains("imported"), "{listed}");
    assert_eq!(sum(&ledger, 300_000..300_001), (5, 60));
}
