//! What came of the attacks, as a line and as a table.

use std::fmt::{self, Write};

use super::run::Outcome;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attack, pieces, quiet, beside, pages, most, account_kib, faults } = self;
        write!(f, "{}, {} ({pieces}): ", attack.who.name(), attack.name)?;
        if quiet.count() > 0 {
            write!(f, "ratio {:.1}, quiet {quiet}, ", beside.p99_ratio(quiet))?;
        }
        write!(f, "beside {beside} ({} of them, {pages} pages)", beside.count())?;
        for (what, kib) in most.named() {
            write!(f, ", {what} {kib:+} KiB")?;
        }
        write!(f, "; the broker says it keeps {account_kib} KiB for clients")?;
        faults.iter().try_for_each(|fault| write!(f, "\n  fault: {fault}"))
    }
}

/// All of it in Markdown.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "The most that each program kept beyond what it had before, in MiB; a publisher's PUBACKs (the middle one / the\n\
         99th of a hundred) before the attack and beside it, and the ratio of the latter.\n\n\
         | who | does | pieces | its account | broker | recorder | pages | store | ledger | logs | PUBACK quiet | beside | ratio |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for Outcome { attack, pieces, quiet, beside, most, account_kib, .. } in outcomes {
        let kept: Vec<_> =
            most.named().iter().map(|(_, kib)| format!("{:.1}", *kib as f64 / 1024.0)).collect();
        let _ = writeln!(
            table,
            "| {} | {} | {pieces} | {:.1} | {} | {quiet} | {beside} | {:.1} |",
            attack.who.name(),
            attack.name,
            *account_kib as f64 / 1024.0,
            kept.join(" | "),
            beside.p99_ratio(quiet)
        );
    }
    table
}
