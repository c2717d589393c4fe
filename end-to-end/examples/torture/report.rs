//! The report, in Markdown.

use std::fmt;
use std::process::Command;

use end_to_end::attacks;
use end_to_end::torture::memory::Memory;
use jiff::Timestamp;

use crate::parts::{Outcome, Part};

/// Everything that is in it.
pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) began: Timestamp,
    pub(crate) commit: &'a str,
    pub(crate) outcome: &'a Outcome,
}

/// What git says of the sources here.
pub(crate) fn commit_here() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    let said = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    said.map_or_else(|| "unknown".into(), |said| String::from_utf8_lossy(&said).trim().to_owned())
}

/// What other commands have found out stands at the end of the report, and stays.
pub(crate) fn of_others(report: &str) -> String {
    report.find("\n## Other runs\n").map_or_else(String::new, |begin| report[begin..].to_owned())
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        writeln!(f, "# The last `make torture`\n")?;
        writeln!(
            f,
            "Written by the program itself; [INVARIANTS.md](INVARIANTS.md#how-the-promise-is-tested) says what each part does.\n"
        )?;
        writeln!(f, "- began {:.0}, ended {:.0}", self.began, daemon_runtime::now())?;
        writeln!(f, "- commit {}, seed {}", self.commit, self.seed)?;
        writeln!(f, "- {cores} cores, Linux {}\n", kernel.trim())?;
        writeln!(f, "| part | took | kills | minutes | lost | twice | faults | |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        self.outcome.parts.iter().try_for_each(|part| row(f, part))?;
        for fault in &self.outcome.result.faults {
            writeln!(f, "\n- fault: {}", fault.replace('\n', "\n  "))?;
        }
        if let Some(soaked) = &self.outcome.soaked {
            memory(f, &soaked.memory)?;
        }
        writeln!(f, "\n## Attacks\n\n{}", attacks::table(&self.outcome.attacks))?;
        writeln!(f, "{}", self.outcome.result)
    }
}

fn row(f: &mut fmt::Formatter<'_>, part: &Part) -> fmt::Result {
    let Part { name, result, took, told } = part;
    let (minutes, seconds) = (took.as_secs() / 60, took.as_secs() % 60);
    writeln!(
        f,
        "| {name} | {minutes}:{seconds:02} | {} | {} | {} | {} | {} | {told} |",
        result.kills,
        result.minutes,
        result.lost,
        result.twice,
        result.faults.len()
    )
}

fn memory(f: &mut fmt::Formatter<'_>, programs: &[Memory]) -> fmt::Result {
    writeln!(
        f,
        "\n## Memory in the soak\n\nResident, in KiB; growth and swing (what goes up and down by\nitself, whatever the trend) are those of the second half.\n"
    )?;
    let columns =
        |cell: &dyn Fn(&Memory) -> String| programs.iter().map(cell).collect::<Vec<_>>().join(" | ");
    writeln!(f, "| minute | {} |", columns(&|memory| memory.name.to_owned()))?;
    writeln!(f, "|---|{}", "---|".repeat(programs.len()))?;
    for (at, (when, _)) in programs[0].samples.iter().enumerate() {
        let kib =
            |memory: &Memory| memory.samples.get(at).map_or_else(String::new, |(_, kib)| kib.to_string());
        writeln!(f, "| {:.1} | {} |", when.as_secs_f64() / 60.0, columns(&kib))?;
    }
    let growth = |memory: &Memory| {
        let percent = 100.0 * memory.growth_kib() / memory.level_kib();
        format!("{:+.0} KiB, {percent:+.1} %", memory.growth_kib())
    };
    writeln!(f, "| growth | {} |", columns(&growth))?;
    let swing = |memory: &Memory| format!("{:.0} KiB", memory.swing_kib());
    writeln!(f, "| swing | {} |", columns(&swing))
}
