//! Others that answer with the same data: VictoriaMetrics, and PHP with librrd's extension behind
//! nginx, as home-made pages have it. Each has the year that we have, from the same minutes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use end_to_end::measuring::median;

use crate::programs::{self, Nginx, Running, Web};
use crate::{CONNECTIONS, client, site};

/// Minutes that are imported at once.
const AT_ONCE: usize = 50_000;

/// Answers a second of each, in turns.
pub(crate) fn compare(web: &Web, folder: &Path, rounds: usize, seconds: usize) -> String {
    let victoria = Victoria::start(folder);
    let php = Php::start(folder);
    let today = daemon_runtime::now().as_second() / 86_400 * 86_400;
    let mut table =
        "| answers a second, CPU of one, bytes | powerpi | VictoriaMetrics | PHP |\n|---|---|---|---|"
            .to_owned();
    for (what, days, points) in [("a day's minutes", 1, 1440), ("a year in 1,000 points", 365, 1000)] {
        let (to, from) = (today - 86_400, today - (days + 1) * 86_400);
        let step = days * 86_400 / points;
        let ours = format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points={points}");
        let of_victoria =
            format!("/prometheus/api/v1/query_range?query=power&start={from}&end={to}&step={step}");
        let of_php = format!("/?from={from}&to={to}&rows={points}");
        let peers = [
            (web.address, ours, web.processes()),
            (victoria.address, of_victoria, vec![victoria.running.id()]),
            (php.nginx.address, of_php, php.processes()),
        ];
        let mut loads = vec![Vec::new(); peers.len()];
        for _ in 0..rounds {
            for ((address, path, processes), loads) in peers.iter().zip(&mut loads) {
                loads.push(programs::wrk(*address, path, CONNECTIONS, seconds, processes));
            }
        }
        let _ = write!(table, "\n| {what} |");
        for ((address, path, _), loads) in peers.iter().zip(&loads) {
            let _ = write!(
                table,
                " {:.0}, {:.1} µs, {} |",
                median(loads.iter().map(|load| load.per_second)),
                median(loads.iter().map(|load| load.cpu_us)),
                client::get(*address, path, "").body.len(),
            );
        }
    }
    table + "\n\nPowerPi and VictoriaMetrics cache their answers; PHP reads the file each time."
}

/// Debian's VictoriaMetrics.
struct Victoria {
    running: Running,
    address: std::net::SocketAddr,
}

impl Victoria {
    fn start(folder: &Path) -> Self {
        let address = programs::free_address();
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.join("victoria").display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=5y", "-search.latencyOffset=0s"]);
        let victoria = Self { running: Running::start(command, address), address };
        let minutes = site::recent();
        for some in minutes.chunks(AT_ONCE) {
            victoria.import(some);
        }
        // What was written is looked up after a moment.
        let began = Instant::now();
        let newest = minutes.last().unwrap().0;
        let path = format!("/prometheus/api/v1/query?query=power&time={newest}");
        while !client::get(address, &path, "").body.windows(7).any(|part| part == b"\"value\"") {
            assert!(began.elapsed() < Duration::from_secs(60), "VictoriaMetrics has no data");
            std::thread::sleep(Duration::from_millis(200));
        }
        victoria
    }

    fn import(&self, minutes: &[(i64, u32)]) {
        let url = format!("http://{}/api/v1/import/prometheus", self.address);
        let mut command = Command::new("curl");
        command.args(["-sf", "--data-binary", "@-"]).arg(url).stdin(Stdio::piped());
        let mut curl = command.spawn().unwrap();
        let lines: String =
            minutes.iter().map(|(at, pulses)| format!("power {} {at}000\n", pulses * 60)).collect();
        curl.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(curl.wait().unwrap().success(), "VictoriaMetrics has not taken the data");
    }
}

/// Reads the RRD file as a page of a few lines would.
const SCRIPT: &str = "<?php
header('Content-Type: application/json');
$read = rrd_xport(['--start', $_GET['from'], '--end', $_GET['to'], '--maxrows', $_GET['rows'],
    'DEF:pulses=FILE:pulses:AVERAGE', 'CDEF:watts=pulses,60,*', 'XPORT:watts:watts']);
$points = [];
foreach ($read['data'][0]['data'] as $at => $watts) $points[] = is_nan($watts) ? null : round($watts);
$text = json_encode($points);
header('Content-Length: ' . strlen($text));
echo $text;
";

/// Debian's PHP-FPM with two workers, behind nginx.
struct Php {
    nginx: Nginx,
    workers: Running,
}

impl Php {
    fn start(folder: &Path) -> Self {
        let dir = folder.join("php");
        std::fs::create_dir(&dir).unwrap();
        let (script, socket, settings) = (dir.join("series.php"), dir.join("socket"), dir.join("fpm.conf"));
        let file = folder.join("rrd/hq/main.rrd");
        std::fs::write(&script, SCRIPT.replace("FILE", file.to_str().unwrap())).unwrap();
        let text = format!(
            "[global]\ndaemonize = no\nerror_log = {dir}/log\n[www]\nuser = root\ngroup = root\nlisten = {socket}\n\
             pm = static\npm.max_children = 2\n",
            dir = dir.display(),
            socket = socket.display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(php_fpm());
        command.arg("--allow-to-run-as-root").arg("--fpm-config").arg(settings);
        let workers = Running::spawn(command);
        let began = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "PHP does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { nginx: Nginx::before_php(&dir, &script, &socket), workers }
    }

    fn processes(&self) -> Vec<u32> {
        [self.nginx.processes(), self.workers.children()].concat()
    }
}

/// Its name has the version of PHP.
fn php_fpm() -> std::path::PathBuf {
    let mut programs = std::fs::read_dir("/usr/sbin").unwrap().map(|entry| entry.unwrap().path());
    let is_fpm =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("php-fpm");
    programs.find(is_fpm).expect("php-fpm; it is in Debian's php-fpm")
}
