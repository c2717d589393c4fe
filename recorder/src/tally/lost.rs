//! Minutes that an outbox no longer holds.

use meter_ledger::{Batch, LedgerError, Lost, OutboxMark};
use meter_messages::Meter;

/// Notes minutes that an outbox no longer holds; whether there are any.
pub(super) fn record_lost(
    batch: &mut Batch<'_>,
    meter: &Meter,
    mark: &OutboxMark,
    lost: &[Lost],
) -> Result<bool, LedgerError> {
    if !lost.is_empty() {
        let lost: Vec<_> = lost.iter().map(|lost| lost.numbers).collect();
        let lost = numbers(&lost);
        tracing::warn!(%meter, lost, "the outbox no longer holds these minutes; they are counted as lost");
    }
    lost.iter().try_for_each(|lost| batch.record_lost(mark, lost))?;
    Ok(!lost.is_empty())
}

/// How many numbers there are in spans.
pub(super) fn numbers(spans: &[[u64; 2]]) -> u64 {
    spans.iter().map(|[from, to]| to - from + 1).sum()
}
