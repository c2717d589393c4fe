//! What the programs may keep at most, worked out from their settings.

use super::kept::Kept;
use super::neighbourhood::Extent;

/// KiB of the broker's memory that are not in its account: what rumqttd's router remembers of as many topics and
/// filters as it may, what is on its way to clients, one password check, and what the allocator keeps.
const BESIDE_THE_ACCOUNT: u64 = 128 << 10;

/// KiB of memory for each meter of recorder and pages, and for what does not depend on meters.
const OF_A_METER: u64 = 64;
const OF_ALL_METERS: u64 = 96 << 10;

/// KiB of an RRD's row and more in the ledger.
const LEDGER: u64 = 64 << 10;

/// KiB of all logs.
const LOGS: u64 = 2 << 10;

/// What is beyond the budget.
pub(super) fn faults(extent: Extent, most: Kept) -> impl Iterator<Item = String> {
    let kept = extent.max_kept_bytes() / 1024;
    let meters = OF_ALL_METERS + OF_A_METER * extent.max_meters();
    let allowed = Kept {
        broker: kept + BESIDE_THE_ACCOUNT,
        recorder: meters,
        web: meters,
        // Each message once, with what SQLite keeps free, and its log.
        store: 2 * kept + LEDGER,
        ledger: LEDGER,
        logs: LOGS,
    };
    let pairs = most.named().into_iter().zip(allowed.named());
    pairs.filter(|((_, kib), (_, allowed))| kib > allowed).map(|((what, kib), (_, allowed))| {
        format!("{what}: {kib} KiB more than before, {allowed} were allowed")
    })
}
