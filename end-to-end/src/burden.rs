//! A process's CPU and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use crate::Program;

/// CPU and memory of a process so far.
#[derive(Debug, Clone, Copy)]
pub struct Burden {
    /// CPU time, the kernel's on its behalf included, in hundredths of a second.
    pub cpu: Duration,
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// The most that it was.
    pub peak_kib: u64,
}

impl Program {
    /// Its CPU and memory so far.
    pub fn burden(&self) -> Burden {
        let resident_kib = resident_kib(self.id()).unwrap();
        let peak_kib = kib(self.id(), "VmHWM:").unwrap();
        // utime and stime are the 14th and 15th field.
        Burden { cpu: cpu(&self.id().to_string(), [14, 15]), resident_kib, peak_kib }
    }

    /// How long its threads have run on a processor so far, those that have ended excepted: exact, where
    /// [`burden`](Self::burden) counts in hundredths of a second.
    pub fn on_cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let of = |thread: fs::DirEntry| {
            let said = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            said.split_whitespace().next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(threads.filter_map(|thread| of(thread.ok()?)).sum())
    }

    /// How often its threads have been woken so far, those that have ended excepted.
    pub fn wakeups(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let of = |thread: fs::DirEntry| {
            let said = fs::read_to_string(thread.path().join("status")).ok()?;
            let line = said.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        threads.filter_map(|thread| of(thread.ok()?)).sum()
    }

    /// KiB of its memory that no file holds; 0 once it has ended.
    pub fn anonymous_kib(&self) -> u64 {
        kib(self.id(), "RssAnon:").unwrap_or_default()
    }

    /// Asks it to stop, as [`stop`](Self::stop) does; all the CPU time that it has taken.
    pub fn stop_and_count(self) -> Duration {
        // cutime and cstime: of those that have ended and were waited for.
        let ended = || cpu("self", [16, 17]);
        let before = ended();
        self.stop();
        ended() - before
    }
}

/// The sum of two fields of a process's `stat`, which are in hundredths of a second.
fn cpu(process: &str, fields: [usize; 2]) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is a name in parentheses, with whatever it has of spaces.
    let behind_name: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields.map(|field| behind_name[field - 3].parse::<u64>().unwrap()).iter().sum();
    Duration::from_millis(10 * ticks)
}

/// A process's resident memory, if it is still running.
pub(crate) fn resident_kib(process: u32) -> Option<u64> {
    kib(process, "VmRSS:")
}

fn kib(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
