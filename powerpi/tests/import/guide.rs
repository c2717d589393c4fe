//! The commands of docs/MIGRATING.md do what they say, and are the same in both languages.

use std::fs;
use std::path::Path;

use crate::{YEAR_S, folder, powerpi, run};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// The lines of its blocks of commands.
fn commands(guide: &str) -> Vec<&str> {
    let blocks = guide.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).collect()
}

/// What the guide's files are, of a few minutes or hours each; none shares a time with another.
fn files(path: &Path) {
    let day = |day: i64| YEAR_S + day * 86_400;
    let start = (day(0) - 60).to_string();
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
            "RRA:AVERAGE:0.5:1:600",
        ],
    );
    let values: Vec<String> = (0..100).map(|at| format!("{}:30", day(0) + at * 60)).collect();
    let arguments: Vec<&str> =
        ["update", "power.rrd"].into_iter().chain(values.iter().map(String::as_str)).collect();
    run("rrdtool", path, &arguments);
    let rows = |day: i64| {
        (0..60).map(|at| format!("(1,{},600)", (day + at * 60) * 1000)).collect::<Vec<_>>().join(",")
    };
    let dump = format!(
        "CREATE TABLE `data` (\n  `channel_id` int,\n  `timestamp` bigint,\n  `value` double\n);\nINSERT INTO `data` VALUES {};\n\
         INSERT INTO `entities` (`id`, `uuid`, `type`) VALUES (1,'a1b2c3d4-0000','powersensor');\n",
        rows(day(1))
    );
    fs::write(path.join("volkszaehler.sql"), dump).unwrap();
    let tuples: Vec<String> = (0..60).map(|at| format!("[{},600,1]", (day(2) + at * 60) * 1000)).collect();
    fs::write(path.join("channel.json"), format!(r#"{{"data":{{"tuples":[{}]}}}}"#, tuples.join(",")))
        .unwrap();
    fs::write(path.join("12.meta"), [0u32, 0, 10, day(3) as u32].map(u32::to_le_bytes).concat()).unwrap();
    fs::write(path.join("12.dat"), (0..600).flat_map(|_| 600f32.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let reading = |at: i64| {
        [&[0u8][..], &((day(4) + at * 60) as u32).to_le_bytes(), &(at as f32).to_le_bytes()].concat()
    };
    fs::write(path.join("feed_13.MYD"), (0..60).flat_map(reading).collect::<Vec<u8>>()).unwrap();
    let sql = format!(
        "CREATE TABLE statistics_meta (id INTEGER, statistic_id TEXT, unit_of_measurement TEXT);
         CREATE TABLE statistics (metadata_id INTEGER, start_ts FLOAT, mean FLOAT, sum FLOAT);
         INSERT INTO statistics_meta VALUES (1, 'sensor.house_energy', 'kWh');
         INSERT INTO statistics VALUES (1, {}, NULL, 1), (1, {}, NULL, 2);",
        day(5),
        day(5) + 3600
    );
    run("sqlite3", path, &["home-assistant_v2.db", &sql]);
    let lines: String =
        (0..60).map(|at| format!("power,meter=house value=600 {}000000000\n", day(6) + at * 60)).collect();
    fs::write(path.join("export.lp"), lines).unwrap();
    let rows: String = (0..24).map(|hour| format!("08.01.2024 {hour:02}:00;0,5\n")).collect();
    fs::write(path.join("supplier.csv"), format!("Zeit;Verbrauch kWh\n{rows}")).unwrap();
    fs::write(path.join("old-house.csv"), "date;kWh\n2020-01-01;1000\n2021-01-01;4500\n").unwrap();
}

#[test]
fn each_command_of_the_guide_works() {
    let (english, german) = (read("MIGRATING.md"), read("UMZIEHEN.md"));
    assert_eq!(commands(&english), commands(&german));
    let headings = |guide: &str| guide.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&german));
    let (folder, _ledger) = folder();
    files(folder.path());
    let (mut tried, mut others) = (0, Vec::new());
    for command in commands(&english) {
        let Some(arguments) = command.strip_prefix("sudo powerpi import ") else {
            others.push(command.split_whitespace().next().unwrap());
            continue;
        };
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let (is_fine, said, error) = powerpi(folder.path(), &arguments);
        assert!(is_fine && !said.contains("Nothing is new"), "{command}: {said}{error}");
        tried += 1;
    }
    assert!(tried >= 13, "{tried}");
    // What runs on the old system.
    assert_eq!(others, ["mysqldump", "influx_inspect"]);
}
