//! A year of minutes goes out in pieces: it needs little memory, and who takes it
//! slowly keeps neither the ledger nor anybody else waiting.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use calamine::Xlsx;
use meter_messages::{Info, Minute};
use rusqlite::Connection;
use site::{ZONE, info, minute, record_minutes};
use tempfile::TempDir;

/// Minutes of 2025.
const YEAR: usize = 525_600;
const OF_THE_YEAR: &str = "from=2025-01-01&to=2026-01-01&step=minute";

/// What the program may need beyond what it needs for a day, in kB.
const MORE_MEMORY: u64 = 20 * 1024;

/// Who reads slowly at the same time.
const SLOW_READERS: usize = 16;

/// The real program.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Over a ledger, with a price by day and one by night.
    fn start(dir: &Path) -> Self {
        let settings = dir.join("powerpi-web.toml");
        let text = format!(
            "listen = '127.0.0.1:0'\nledger = '{0}/ledger.sqlite'\nrrd_dir = '{0}/rrd'\ntime_zone = '{ZONE}'\n\
             [[tariff]]\nprice_per_kwh = 0.3\nbase_fee_per_month = 10\n\
             [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.2\n[mqtt]\nport = 1\n",
            dir.display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_powerpi-web"))
            .arg("--config")
            .arg(&settings)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = said.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("open http://")?;
            address.trim_end_matches('/').parse().ok()
        });
        // What it says later has to be taken, or it waits.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address: address.expect("an address") }
    }

    /// Asks without chunks: the answer ends with its connection.
    fn ask(&self, path: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // A workbook of a year comes when it is finished.
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        write!(stream, "GET /api/v1/meters/hq/main/{path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = BufReader::with_capacity(64 * 1024, stream);
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{path}: {line}");
        while line.trim() != "" {
            line.clear();
            answer.read_line(&mut line).unwrap();
        }
        answer
    }

    /// The most memory that it has had so far, in kB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many rows and bytes an answer has; it must be whole.
fn taken(mut answer: impl BufRead, end: &str) -> (usize, usize) {
    let (mut rows, mut bytes, mut last, mut line) = (0, 0, String::new(), Vec::new());
    loop {
        line.clear();
        if answer.read_until(b'\n', &mut line).unwrap() == 0 {
            assert!(last.contains(end), "it ends with {last}");
            return (rows, bytes);
        }
        bytes += line.len();
        last = String::from_utf8_lossy(&line).into_owned();
        rows += usize::from(last.contains("2025-"));
    }
}

/// A year costs no more than 20 MB beyond a day.
fn little_memory_is_needed(program: &Program) {
    for path in ["energy.csv", "energy.json"] {
        taken(program.ask(&format!("{path}?from=2025-06-01&to=2025-06-02&step=minute")), "");
    }
    let before = program.peak_memory();
    for (path, end) in [("energy.csv", "2025-12-31T22:59:00Z,"), ("energy.json", "]}")] {
        let (rows, bytes) = taken(program.ask(&format!("{path}?{OF_THE_YEAR}")), end);
        assert_eq!(rows, YEAR, "{path}");
        let more = program.peak_memory() - before;
        println!("{path}: {rows} rows, {} MB, {more} kB more memory", bytes / 1_000_000);
        assert!(bytes as u64 > 2 * 1024 * MORE_MEMORY, "{path} would show nothing with {bytes} bytes");
        assert!(more <= MORE_MEMORY, "{path}: {more} kB more");
    }
}

/// A workbook of a year is written into a file, and needs no more either.
fn a_workbook_needs_no_more(program: &Program) {
    taken(program.ask("energy.xlsx?from=2025-06-01&to=2025-06-02&step=minute"), "");
    let (before, asked) = (program.peak_memory(), Instant::now());
    let mut workbook = Vec::new();
    program.ask(&format!("energy.xlsx?{OF_THE_YEAR}")).read_to_end(&mut workbook).unwrap();
    let more = program.peak_memory() - before;
    println!(
        "energy.xlsx: {} MB in {:?}, {more} kB more memory",
        workbook.len() / 1_000_000,
        asked.elapsed()
    );
    assert!(more <= MORE_MEMORY, "{more} kB more");
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(workbook)).unwrap();
    let mut cells = workbook.worksheet_cells_reader("Energy").unwrap();
    let mut lines = 0;
    while let Some(cell) = cells.next_cell().unwrap() {
        lines = cell.get_position().0;
    }
    assert_eq!(lines as usize, YEAR);
}

/// While some take their year slowly, the ledger can be written and put in order,
/// others are answered, and in the end the slow ones get all of it.
fn slow_readers_keep_nobody_waiting(program: &Program, dir: &Path) {
    let before = program.peak_memory();
    let slow: Vec<_> = (0..SLOW_READERS)
        .map(|_| {
            let mut answer = program.ask(&format!("energy.csv?{OF_THE_YEAR}"));
            answer.read_exact(&mut [0; 100_000]).unwrap();
            answer
        })
        .collect();
    for (at, outbox) in [("2026-01-01T00:00:00Z", "second"), ("2026-01-01T00:01:00Z", "third")] {
        let info = Info { outbox: outbox.parse().unwrap(), ..info("Haus") };
        record_minutes(dir, &info, &[minute(at)]);
        let ledger = Connection::open(dir.join("ledger.sqlite")).unwrap();
        // It cannot be emptied while somebody reads a state from before.
        let busy: i64 = ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "somebody holds the ledger");
        let asked = Instant::now();
        let (rows, _) = taken(program.ask("energy.csv?from=2025-06-01&to=2025-06-02&step=hour"), "");
        assert!(
            rows == 24 && asked.elapsed() < Duration::from_secs(60),
            "{rows} after {:?}",
            asked.elapsed()
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    let more = program.peak_memory() - before;
    println!("{SLOW_READERS} slow readers: {more} kB more memory");
    assert!(more <= MORE_MEMORY, "{more} kB more for {SLOW_READERS} slow readers");
    let first = slow.into_iter().next().unwrap();
    let (rows, _) = taken(first, "2025-12-31T22:59:00Z,");
    assert!(rows > YEAR - 2000, "{rows} rows after the first ones");
}

#[test]
fn a_year_of_minutes_goes_out_in_pieces() {
    let dir = TempDir::new().unwrap();
    let begin = minute("2024-12-31T23:00:00Z").epoch_minutes();
    let minutes: Vec<Minute> = (begin..begin + YEAR as i64).map(Minute::nearest).collect();
    let began = Instant::now();
    record_minutes(dir.path(), &info("Haus"), &minutes);
    println!("a year was recorded in {:?}", began.elapsed());
    let program = Program::start(dir.path());
    little_memory_is_needed(&program);
    a_workbook_needs_no_more(&program);
    slow_readers_keep_nobody_waiting(&program, dir.path());
}
