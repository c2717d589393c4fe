//! What a picture costs that nobody drew before, against `rrdtool graph` from the same file.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use end_to_end::measuring::median;
use jiff::civil::Date;

use crate::client;
use crate::programs::Web;

/// Each span of time in this many dresses, all as large as `rrdtool`'s graph.
const DRESSES: [&str; 4] = ["lang=en", "theme=dark&lang=en", "lang=de", "theme=dark&lang=de"];

/// There are not more years in an RRD file.
const YEARS: usize = 2;

/// The spans, and of `rrdtool`'s graph the start and the step that suit 1000 pixels.
const SPANS: [(&str, i64, u32); 5] = [
    ("hour", 3_600, 60),
    ("day", 86_400, 120),
    ("week", 604_800, 900),
    ("month", 2_592_000, 3_600),
    ("year", 31_536_000, 43_200),
];

/// CPU of each, in ms.
pub(crate) fn compare(web: &Web, folder: &Path, rounds: usize) -> String {
    let mut table =
        "| CPU of a picture that nobody drew before, ms | powerpi | `rrdtool graph` |\n|---|---|---|"
            .to_owned();
    let (mut ours_of_all, mut theirs_of_all) = (0.0, 0.0);
    for (index, (span, length, step)) in (0..).zip(SPANS) {
        let mut results = Vec::new();
        for round in 0..if span == "year" { YEARS } else { rounds } {
            results.push((drawn(web, span, index, round), rrdtool(folder, length, step)));
        }
        let ours = median(results.iter().map(|it| it.0));
        let theirs = median(results.iter().map(|it| it.1));
        let _ = write!(table, "\n| {span} | {ours:.1} | {theirs:.1} |");
        ours_of_all += ours;
        theirs_of_all += theirs;
    }
    format!("{table}\n| all five | {ours_of_all:.1} | {theirs_of_all:.1} |")
}

/// Of the server, for each of some pictures of a span: other ones in each round.
fn drawn(web: &Web, span: &str, index: i64, round: usize) -> f64 {
    let today = daemon_runtime::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let day = |back: i64| -> Date { today.saturating_add(jiff::SignedDuration::from_hours(-24 * back)) };
    let back = round as i64;
    let period = match span {
        "hour" => format!("{span}/{}T{:02}", day(2 + back), 3 + index),
        "day" => format!("{span}/{}", day(2 + back)),
        "week" => {
            let week = day(14 + 7 * back).iso_week_date();
            format!("{span}/{}-W{:02}", week.year(), week.week())
        }
        "month" => format!("{span}/{}", &day(40 + 30 * back).to_string()[..7]),
        _ => format!("{span}/{}", i64::from(today.year()) - back),
    };
    let before = web.cpu_us();
    for dress in DRESSES {
        let path = format!("/m/hq/main/{period}.svg?{dress}");
        assert!(client::get(web.address, &path, "").body.starts_with(b"<?xml"), "{path}");
    }
    (web.cpu_us() - before) / DRESSES.len() as f64 / 1000.0
}

/// Of `rrdtool graph`, with the same size, format and curve, once for each dress.
fn rrdtool(folder: &Path, length: i64, step: u32) -> f64 {
    let file = folder.join("rrd/hq/main.rrd").display().to_string();
    let (start, step) = (format!("end-{length}s"), step.to_string());
    let before = of_children_us();
    for _ in DRESSES {
        let status = Command::new("rrdtool")
            .args(["graph", "-", "-a", "SVG", "-w", "1000", "-h", "300", "--full-size-mode"])
            .args(["--end", "now", "--start", &start, "--step", &step, "--lower-limit", "0"])
            .arg(format!("DEF:p={file}:pulses:AVERAGE:step={step}"))
            .arg(format!("DEF:m={file}:pulses:MAX:step={step}"))
            .args([
                "CDEF:w=p,60,*",
                "CDEF:h=m,60,*",
                "AREA:h#ddeeff:peak",
                "AREA:w#aaccee",
                "LINE1.6:w#2266aa:power",
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("rrdtool: {error}"));
        assert!(status.success());
    }
    (of_children_us() - before) / DRESSES.len() as f64 / 1000.0
}

/// CPU of processes that were waited for, in µs.
fn of_children_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // cutime and cstime are the 16th and 17th field, in hundredths of a second.
    [13, 14].map(|field: usize| fields[field].parse::<f64>().unwrap()).iter().sum::<f64>() * 10_000.0
}
