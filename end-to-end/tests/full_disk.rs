//! The Pi's disk fills up while it counts: every minute is recorded all the same.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use end_to_end::torture::Simulation;
use end_to_end::{Site, mosquitto_sub, wait_until};
use pi_publisher::outbox::Outbox;

/// A file system of two MiB; only root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let piece = vec![1; 4096];
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        while std::io::Write::write_all(&mut filler, &piece).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_publisher_whose_disk_is_full_counts_on_and_catches_up() {
    let simulation = Simulation::new(11, 1, 2);
    let site = Site::new("");
    let Some(disk) = SmallDisk::mount(&site.path().join("card")) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    site.set_publisher("card", &simulation.settings(None));
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let recorded = || site.recorded("hq/m0").len();
    let writable = |said: &str| {
        let diag = mosquitto_sub(site.mqtt, "powerpi/hq/m0/diag", 1, 5);
        diag.iter().any(|(_, diag)| diag.contains(&format!("\"outbox_writable\":{said}")))
    };
    wait_until("minutes are recorded", || recorded() > 5);
    wait_until("it can be written", || writable("true"));

    disk.fill();
    wait_until("the publisher says that its disk is full", || writable("false"));
    let kept = || {
        let outbox = Outbox::open_read_only(&disk.0).unwrap();
        outbox.existing_account(&"m0".parse().unwrap()).unwrap().unwrap().last_seq as usize
    };
    wait_until("what is on the disk is recorded", || recorded() >= kept());
    let before = kept();
    // Ten minutes of the simulated clock: they wait.
    std::thread::sleep(Duration::from_secs(5));
    assert!(recorded() <= before + 1, "nothing is sent that is not on disk");
    disk.make_room();
    wait_until("the publisher has caught up", || recorded() >= before + 10);
    wait_until("the publisher says that all is well", || writable("true"));

    // Killed while it is full: what was counted is in the tmpfs file.
    disk.fill();
    wait_until("the publisher says that its disk is full again", || writable("false"));
    // Six minutes of the simulated clock, however many of them are counted.
    std::thread::sleep(Duration::from_secs(3));
    publisher.kill();
    disk.make_room();
    let publisher = site.start("pi-publisher");
    let before = recorded();
    wait_until("the next one goes on", || recorded() >= before + 5);
    publisher.stop();

    let minutes = site.recorded("hq/m0");
    let (_, household) = simulation.households().remove(0);
    let first = minutes[0].0.epoch_minutes();
    let expected: Vec<_> = (first..first + minutes.len() as i64)
        .map(meter_messages::Minute::nearest)
        .map(|minute| (minute, household.pulses_in(minute)))
        .collect();
    assert_eq!(minutes, expected, "each minute once, with its pulses");
    wait_until("the end is recorded", || site.recorded("hq/m0").len() >= minutes.len());
}
