//! What the kernel says of this process, under the names that all of Prometheus' clients use.

use std::fs;

use super::{MetricUnit, Metrics};
use crate::clock::utc_of_boot_s;

impl Metrics {
    /// Those of this process: `process_cpu_seconds_total`, `process_resident_memory_bytes` and the like, and which
    /// program it is, in `powerpi_build_info`.
    pub fn of_process(program: &str) -> Self {
        let mut metrics = Self::default();
        let build = vec![("program", program.to_owned()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        metrics.gauges("powerpi_build_info", "Which program this is", None, [(build, 1.0)]);
        add(&mut metrics);
        metrics
    }
}

/// Adds what can be read.
fn add(metrics: &mut Metrics) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(fields) {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let (seconds, bytes) = (|| Some(MetricUnit::Seconds), || Some(MetricUnit::Bytes));
        metrics.counter("process_cpu", "CPU time spent", seconds(), (stat.user + stat.system) / ticks);
        metrics.gauge("process_virtual_memory", "Address space", bytes(), stat.virtual_bytes);
        let resident = stat.resident_pages * rustix::param::page_size() as f64;
        metrics.gauge("process_resident_memory", "Memory in use", bytes(), resident);
        metrics.gauge("process_threads", "Threads", None, stat.threads);
        let started = utc_of_boot_s() + stat.started / ticks;
        metrics.gauge("process_start_time", "When the process started, since 1970", seconds(), started);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        metrics.gauge("process_open_fds", "Open files and connections", None, open.count() as f64);
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(most) = limit.current {
        metrics.gauge("process_max_fds", "How many there may be", None, most as f64);
    }
}

/// Of `/proc/self/stat`, as in proc(5).
struct Stat {
    user: f64,
    system: f64,
    threads: f64,
    started: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

/// The name in brackets comes second, and may hold anything.
fn fields(stat: &str) -> Option<Stat> {
    let after_name: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // The first of them is field 3.
    let field = |number: usize| after_name.get(number - 3)?.parse::<f64>().ok();
    Some(Stat {
        user: field(14)?,
        system: field(15)?,
        threads: field(20)?,
        started: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}
