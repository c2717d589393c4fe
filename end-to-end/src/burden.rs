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
}

impl Program {
    /// Its CPU and memory so far.
    pub fn burden(&self) -> Burden {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // utime and stime are the 14th and 15th field, in hundredths of a second.
        let ticks: u64 = [11, 12].map(|field: usize| fields[field].parse::<u64>().unwrap()).iter().sum();
        let resident_kib = resident_kib(self.id()).unwrap();
        Burden { cpu: Duration::from_millis(10 * ticks), resident_kib }
    }

    /// KiB of its memory that no file holds; 0 once it has ended.
    pub fn anonymous_kib(&self) -> u64 {
        kib_of(self.id(), "RssAnon:").unwrap_or_default()
    }
}

/// A process's resident memory, if it is still running.
pub(crate) fn resident_kib(process: u32) -> Option<u64> {
    kib_of(process, "VmRSS:")
}

fn kib_of(process: u32, which: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
