//! What the log says of messages that are not as they should be: each at the pace of the log, however many there are.

use daemon_runtime::LogPace;
use meter_ledger::LedgerError;
use meter_messages::{Info, Meter, OutboxId, PulseCount};
use rumqttc::Publish;

pub(crate) fn warn_of_rows(message: &Publish, error: &LedgerError) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        // It is one that was understood: nothing foreign is in it.
        let topic = &message.topic;
        tracing::error!(topic, %error, left_out, "not recorded, and not taken from its publisher: what the ledger holds of this meter is damaged; correct it, or put a backup of the ledger back");
    }
}

pub(crate) fn warn_of_the_future(meter: &Meter, count: &PulseCount) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let minute = count.minute;
        tracing::warn!(%meter, %minute, left_out, "more than a day ahead of this clock; kept aside until its time has come");
    }
}

pub(crate) fn warn_of_rivals(meter: &Meter, count: &PulseCount) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let minute = count.minute;
        tracing::error!(%meter, %minute, left_out, "two publishers count under the name of this meter; both are recorded and added up: give one of them another site or id");
    }
}

pub(crate) fn warn_of_contradiction(meter: &Meter, count: &PulseCount, kept: u32) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let (minute, refused) = (count.minute, count.pulses);
        tracing::warn!(%meter, %minute, kept, refused, left_out, "the same minute came with another count; the first one stays");
    }
}

/// A relation that cannot be read keeps nothing from being recorded.
pub(crate) fn warn_of_what_is_unclear(meter: &Meter, info: &Info) {
    static PACE: LogPace = LogPace::new();
    if let Some(unclear) = &info.unclear
        && let Some(left_out) = PACE.due()
    {
        tracing::warn!(
            %meter, unclear, left_out,
            "what this meter measures cannot be read from its info and is left out; its minutes are recorded"
        );
    }
}

/// A card was exchanged, or a publisher has begun anew.
pub(crate) fn tell_of_new_outbox(meter: &Meter, old: &OutboxId, new: &OutboxId) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        tracing::info!(%meter, %old, %new, left_out, "a new outbox");
    }
}
