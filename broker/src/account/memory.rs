//! How much memory there is.

use std::fs;
use std::path::Path;

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";
/// If nobody tells how much memory there is.
const LEAST: usize = 64 * 1024 * 1024;

/// Bytes of memory that what is kept for clients may take: half of what the program may have
/// altogether, or a quarter of what the machine has.
pub(super) fn bytes_to_keep() -> usize {
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|groups| limit_of_group(&groups));
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory_of_machine(&text));
    let bytes = [group.map(|bytes| bytes / 2), machine.map(|bytes| bytes / 4)].into_iter().flatten().min();
    // A program of 32 bits has no more than that to address.
    bytes.map_or(LEAST, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX / 2))
}

/// The lowest limit of the program's control group and those around it, as systemd and containers
/// set it.
fn limit_of_group(groups: &str) -> Option<u64> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let around = Path::new(group).ancestors().map(|group| Path::new(CONTROL_GROUPS).join(group));
    around.filter_map(|group| fs::read_to_string(group.join("memory.max")).ok()?.trim().parse().ok()).min()
}

fn memory_of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(memory_of_machine("MemTotal:        1000 kB\nMemFree: 1 kB\n"), Some(1_024_000));
        assert_eq!(memory_of_machine(""), None);
        assert_eq!(limit_of_group("0::/no/such/group\n").filter(|limit| *limit == 0), None);
        let bytes = bytes_to_keep();
        assert!(bytes >= 16 * 1024 * 1024, "{bytes}");
    }
}
