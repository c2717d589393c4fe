//! What people say of a meter by message: readings, and times that were counted wrongly. No minute changes by it.

use daemon_runtime::LogPace;
use meter_ledger::{Batch, CorrectingError, Entering, LedgerError, TakingBack};
use meter_messages::{CorrectionMessage, Meter, MeterReading, ReadingMessage, TakenBack};
use rumqttc::Publish;

use crate::ignored::Ignored;

/// Enters or deletes a reading, or says in the log why not: somebody entered it and is waiting for it.
pub(crate) fn reading(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    static PACE: LogPace = LogPace::new();
    Ok(told(&PACE, meter, "reading", enter_reading(batch, meter, message)?))
}

/// Enters or undoes a correction, or says in the log why not.
pub(crate) fn correction(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    static PACE: LogPace = LogPace::new();
    Ok(told(&PACE, meter, "correction", enter_correction(batch, meter, message)?))
}

/// Says in the log why something was not entered.
fn told(pace: &LogPace, meter: &Meter, what: &str, entered: Result<(), Ignored>) -> Result<(), Ignored> {
    if let Err(ignored) = &entered
        && let Some(left_out) = pace.due()
    {
        tracing::warn!(%meter, %ignored, left_out, "{what} not entered");
    }
    entered
}

fn enter_reading(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    if message.retain {
        return Ok(Err(Ignored::RetainedReading));
    }
    match ReadingMessage::from_json(&message.payload) {
        Ok(ReadingMessage::Read(reading)) => enter(batch, meter, &reading),
        Ok(ReadingMessage::TakenBack(taken_back)) => {
            take_back(batch, meter, &taken_back)?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error.into())),
    }
}

fn enter_correction(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    if message.retain {
        return Ok(Err(Ignored::RetainedCorrection));
    }
    let (entered, by) = match CorrectionMessage::from_json(&message.payload) {
        Ok(CorrectionMessage::Said(said)) => (batch.say(meter, &said), said.by),
        Ok(CorrectionMessage::Undone(undone)) => (batch.undo_said(meter, &undone), undone.by),
        Err(error) => return Ok(Err(error.into())),
    };
    match entered {
        Ok(outcome) => {
            tracing::info!(%meter, by, ?outcome, "correction");
            Ok(Ok(()))
        }
        Err(CorrectingError::Ledger(error)) => Err(error),
        Err(refused) => Ok(Err(Ignored::Correction(refused))),
    }
}

/// Deletes a reading. It may be gone already: the message was delivered twice.
fn take_back(batch: &mut Batch<'_>, meter: &Meter, taken_back: &TakenBack) -> Result<(), LedgerError> {
    let TakenBack { at, by } = taken_back;
    match batch.take_back(meter, taken_back)? {
        TakingBack::Gone => tracing::info!(%meter, %at, by, "reading deleted"),
        TakingBack::NotThere => tracing::info!(%meter, %at, by, "no reading to delete"),
    }
    Ok(())
}

fn enter(
    batch: &mut Batch<'_>,
    meter: &Meter,
    reading: &MeterReading,
) -> Result<Result<(), Ignored>, LedgerError> {
    let (at, shown, unit, by) = (reading.at, reading.shown, reading.unit.symbol(), &reading.by);
    Ok(match batch.enter(meter, reading, daemon_runtime::now())? {
        Entering::Entered | Entering::AlreadyEntered => {
            tracing::info!(%meter, %at, shown, unit, by, "reading entered");
            Ok(())
        }
        Entering::Corrected => {
            tracing::info!(%meter, %at, shown, unit, by, "reading corrected");
            Ok(())
        }
        Entering::UnknownMeter => Err(Ignored::UnknownMeter),
        Entering::OtherUnit => Err(Ignored::OtherUnit),
        Entering::TooMany => Err(Ignored::TooManyReadings),
    })
}
