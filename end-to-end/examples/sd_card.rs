//! What the publisher writes to its SD card in a day: bytes that reach the block
//! device of an ext4 file system, journal and all, and syncs by file. As root,
//! because it mounts one.
//!
//! `cargo run --package end-to-end --example sd_card [MINUTES]`
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end::torture::power_cut::trace::Logs;
use end_to_end::{Program, Site, wait_until};

/// A household with an ordinary meter.
const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n\
                     source = { kind = 'simulated', kwh_per_year = 3500 }\n";

const SECTOR: u64 = 512;

/// An ext4 file system of its own block device.
struct Card {
    device: String,
    mounted: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Card {
    fn insert(folder: &Path) -> Self {
        let (image, mounted) = (folder.join("card.img"), folder.join("card"));
        fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
        fs::create_dir(&mounted).unwrap();
        let image = image.display().to_string();
        let device = run("losetup", &["--find", "--show", &image]);
        let card = Self { device, mounted };
        // Everything at once, instead of in the background while we count.
        run("mkfs.ext4", &["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", &card.device]);
        run("mount", &[&card.device, &card.mounted.display().to_string()]);
        card
    }

    /// Bytes that were written to it so far, once all of it is there.
    fn written(&self) -> u64 {
        run("sync", &["--file-system", &self.mounted.display().to_string()]);
        let name = self.device.trim_start_matches("/dev/");
        let figures = fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
        figures.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * SECTOR
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.mounted).status();
        let _ = Command::new("losetup").args(["--detach", &self.device]).status();
    }
}

fn main() {
    let minutes: u64 =
        std::env::args().nth(1).map_or(10, |minutes| minutes.parse().expect("a number of minutes"));
    let site = Site::new("");
    let card = Card::insert(site.path());
    site.set_publisher("card", METER);
    let _daemons = [site.start("powerpi-broker"), site.start("powerpi-recorder")];
    let logs = Logs::of(&card.mounted);
    let publisher = Program::start_with("pi-publisher", site.path(), &logs.environment()).unwrap();
    wait_until("the first minute is recorded", || !site.recorded("hq/main").is_empty());

    let (began, before, cpu) = (Instant::now(), card.written(), publisher.burden().cpu);
    for minute in 1..=minutes {
        std::thread::sleep(Duration::from_secs(60));
        eprintln!("{minute} of {minutes} minutes, {} bytes", card.written() - before);
    }
    let a_day = |figure: f64| figure * 86_400.0 / began.elapsed().as_secs_f64();
    let bytes = a_day((card.written() - before) as f64);
    let burden = publisher.burden();
    let (cpu, resident) = (a_day((burden.cpu - cpu).as_secs_f64()), burden.resident_kib);
    let pulses: u32 = site.recorded("hq/main").iter().map(|(_, pulses)| pulses).sum();
    publisher.stop();

    println!(
        "{:.0} MiB a day reach the card ({:.1} GiB a year), ext4's journal and tables included",
        bytes / 1_048_576.0,
        bytes * 365.0 / 1_073_741_824.0
    );
    for (file, syncs) in logs.read().syncs() {
        let file = if file.is_empty() { "(folder)" } else { file };
        println!("{:>7.0} syncs a day: {file}", a_day(syncs as f64));
    }
    println!("{cpu:.0} s of CPU a day, {resident} KiB of memory, {pulses} pulses in {minutes} minutes");
}
