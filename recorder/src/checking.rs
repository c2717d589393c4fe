//! The recorder's own check of the ledger: of the newest days at a start, which takes some seconds at most, and of all of it
//! each night. What it finds is in the log and on the status page; `powerpi ledger check --repair` mends what it can.

use std::time::{Duration, Instant};

use daemon_runtime::{Alive, OwnerThread};
use meter_ledger::{Checked, Fault, Ledger, LedgerError, LedgerHome};
use tokio_util::sync::CancellationToken;

/// How long the check at a start may take.
const AT_START: Duration = Duration::from_secs(10);

/// Of each meter it reads so many packed days.
const NEWEST_DAYS: i64 = 3;

/// The second of the day in UTC after which all is read: the night in Europe.
const NIGHT: i64 = 90 * 60;

const DAY: i64 = 86_400;

/// How often it is looked whether the night has come, or the recorder is to end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Faults that are told in the log one by one.
const MOST_TOLD: usize = 20;

/// Checks a ledger from time to time until `shutdown`.
pub fn spawn(home: LedgerHome, shutdown: CancellationToken) -> std::io::Result<OwnerThread> {
    spawn_by(|| daemon_runtime::now().as_second(), home, shutdown)
}

/// The same by another clock, which tells seconds since 1970.
pub fn spawn_by(
    clock: impl Fn() -> i64 + Send + 'static,
    home: LedgerHome,
    shutdown: CancellationToken,
) -> std::io::Result<OwnerThread> {
    OwnerThread::spawn("check", move |alive| {
        tell(check_newest(&home, alive, &shutdown), &home);
        let mut night = night(clock());
        while !shutdown.is_cancelled() {
            alive.wait(|| std::thread::sleep(LOOK_EVERY));
            let now = self::night(clock());
            if now > night {
                night = now;
                tell(check_all(&home, alive, &shutdown), &home);
            }
        }
        Ok(())
    })
}

/// Which night it is, at a second since 1970.
fn night(at: i64) -> i64 {
    (at - NIGHT).div_euclid(DAY)
}

/// What is wrong with the newest days of all meters, as far as there is time.
///
/// # Errors
/// If the ledger cannot be read or written.
pub fn check_newest(
    home: &LedgerHome,
    alive: &Alive,
    shutdown: &CancellationToken,
) -> Result<Option<Checked>, LedgerError> {
    let (ledger, began, mut faults) = (Ledger::open_read_only(home)?, Instant::now(), Vec::new());
    for meter in ledger.meters_to_check()? {
        alive.step();
        if shutdown.is_cancelled() || began.elapsed() > AT_START {
            break;
        }
        faults.extend(ledger.check_newest(&meter, NEWEST_DAYS)?);
    }
    keep(home, &faults, false)
}

/// What is wrong with the ledger; `None` if the recorder is to end meanwhile.
///
/// # Errors
/// If the ledger cannot be read or written.
pub fn check_all(
    home: &LedgerHome,
    alive: &Alive,
    shutdown: &CancellationToken,
) -> Result<Option<Checked>, LedgerError> {
    let ledger = Ledger::open_read_only(home)?;
    let mut faults = alive.wait(|| ledger.check_file())?;
    for meter in ledger.meters_to_check()? {
        if shutdown.is_cancelled() {
            return Ok(None);
        }
        faults.extend(ledger.check(&meter, || alive.step())?);
    }
    keep(home, &faults, true)
}

fn keep(home: &LedgerHome, faults: &[Fault], is_whole: bool) -> Result<Option<Checked>, LedgerError> {
    for fault in faults.iter().take(MOST_TOLD) {
        tracing::error!("the ledger: {fault}");
    }
    let checked = Checked {
        at: daemon_runtime::now(),
        is_whole,
        faults: faults.len() as u64,
        first: faults.first().map(Fault::to_string),
    };
    let mut ledger = Ledger::open(home)?;
    let mut batch = ledger.batch()?;
    batch.keep_checked(&checked)?;
    batch.commit()?;
    Ok(Some(checked))
}

fn tell(checked: Result<Option<Checked>, LedgerError>, home: &LedgerHome) {
    match checked {
        Ok(Some(Checked { faults: 0, is_whole: true, .. })) => {
            tracing::info!("the ledger was checked and is sound");
        }
        Ok(Some(Checked { faults: 1.., .. })) => {
            let ledger = home;
            tracing::error!(%ledger, "faults were found; `powerpi ledger check` lists them all and says what to do");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the ledger could not be checked"),
    }
}
