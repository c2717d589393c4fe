//! Looking at what others have kept: RRD files, SQLite, and rrdcached.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use end_to_end::{Site, rrd_minutes};
use meter_messages::Minute;
use rusqlite::{Connection, OpenFlags};

use super::keeper::{Keeper, socket, sqlite_file};
use crate::meters::Meters;

/// Rows of an RRD file, which are minutes: of a year for a few meters, of a month or a day for many, because files of a
/// year for ten thousand would take 42 GB.
fn rows(meters: usize, minutes: usize) -> usize {
    let rows = if meters <= 50 {
        525_600
    } else if meters <= 1_000 {
        44_640
    } else {
        1_440
    };
    rows.max(minutes + 10)
}

/// Makes the RRD files of all meters; the first minute can be `first`.
pub(crate) fn make_files(keeper: Keeper, site: &Site, (meters, minutes): (usize, usize), first: Minute) {
    std::fs::create_dir(site.path().join("rrd")).unwrap();
    let made = keeper.rrd(site, 0);
    for meter in 0..meters {
        let file = keeper.rrd(site, meter);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        if meter > 0 {
            std::fs::copy(&made, file).unwrap();
            continue;
        }
        let archive = format!("RRA:AVERAGE:0.5:1:{}", rows(meters, minutes));
        let status = Command::new("rrdtool")
            .args([
                "create",
                &file.display().to_string(),
                "--step",
                "60",
                "--start",
                &first.start().to_string(),
            ])
            .args(["DS:value:GAUGE:120:U:U", &archive])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

/// Looks.
pub(crate) struct Kept<'a> {
    keeper: Keeper,
    site: &'a Site,
    meters: &'a Meters,
    database: Option<Connection>,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(keeper: Keeper, site: &'a Site, meters: &'a Meters) -> Self {
        Self { keeper, site, meters, database: None }
    }

    /// Whether a minute has come to where it is kept, if all came in order, `place` of them with it.
    pub(crate) fn has(&mut self, meter: usize, seq: u64, place: usize) -> bool {
        match self.keeper {
            Keeper::PythonSqlite => self.query(meter, self.meters.minute(seq)).is_some(),
            Keeper::CollectdCached => updates_received(self.site) >= place,
            _ => last_update(&self.keeper.rrd(self.site, meter)) >= self.meters.minute(seq).end(),
        }
    }

    /// Has it write what it holds back.
    pub(crate) fn flush(&self, meters: usize) {
        if self.keeper == Keeper::CollectdCached {
            let files =
                (0..meters).map(|meter| format!("FLUSH {}", self.keeper.rrd(self.site, meter).display()));
            ask_rrdcached(self.site, files);
        }
    }

    /// What it has of a meter, up to a minute.
    pub(crate) fn minutes(&mut self, meter: usize, last: u64) -> Vec<(Minute, u32)> {
        let (first, end) = (self.meters.minute(1), self.meters.minute(last + 1));
        if self.keeper != Keeper::PythonSqlite {
            return rrd_minutes(&self.keeper.rrd(self.site, meter), first, end);
        }
        let meters = self.meters;
        let minutes = (1..=last).map(|seq| meters.minute(seq));
        minutes.filter_map(|minute| Some((minute, self.query(meter, minute)?))).collect()
    }

    fn query(&mut self, meter: usize, minute: Minute) -> Option<u32> {
        let open = || Connection::open_with_flags(sqlite_file(self.site), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let database = self.database.get_or_insert_with(|| open().unwrap());
        let name = Meters::meter(meter).meter;
        let mut statement =
            database.prepare_cached("SELECT pulses FROM pulses WHERE meter = ?1 AND t = ?2").unwrap();
        statement.query_row((name.as_str(), minute.end()), |row| row.get(0)).ok()
    }
}

/// The time of an RRD file's last update, which its header says, as processors of 64 bits write it; 0 before there is a
/// file.
fn last_update(file: &Path) -> i64 {
    let number = |file: &File, at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).map(|()| i64::from_le_bytes(bytes))
    };
    let read = || -> std::io::Result<i64> {
        let file = File::open(file)?;
        let (sources, archives) = (number(&file, 24)?, number(&file, 32)?);
        number(&file, (128 + 120 * (sources + archives)) as u64)
    };
    read().unwrap_or_default()
}

fn updates_received(site: &Site) -> usize {
    let said = ask_rrdcached(site, ["STATS".to_owned()]);
    let count = said.lines().find_map(|line| line.strip_prefix("UpdatesReceived: "));
    count.map_or(0, |count| count.trim().parse().unwrap())
}

/// Asks one thing after the other; what it answers to all.
fn ask_rrdcached(site: &Site, commands: impl IntoIterator<Item = String>) -> String {
    let mut stream = UnixStream::connect(socket(site)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut said = String::new();
    for command in commands {
        writeln!(stream, "{command}").unwrap();
        // How many lines follow, or a negative number.
        let head = lines.next().unwrap().unwrap();
        let follow: i64 = head.split(' ').next().unwrap().parse().unwrap();
        for line in lines.by_ref().take(follow.max(0) as usize) {
            said += &(line.unwrap() + "\n");
        }
    }
    said
}
