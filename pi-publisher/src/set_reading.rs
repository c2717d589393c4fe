//! `pi-publisher set-reading`: says what the meter itself shows, or takes that back.

use std::io::Write;

use anyhow::bail;
use jiff::Timestamp;
use meter_messages::{MeterId, MeterReading};

use crate::interim::resume;
use crate::outbox::Outbox;
use crate::readings::{Readings, SaidReading};
use crate::safekeeping::{boot_id, kept};
use crate::settings::Settings;
use crate::state_lock;

/// What somebody says of a meter.
#[derive(Debug, Clone, PartialEq)]
pub enum Saying {
    /// It shows that now, in kWh or m³.
    Shows {
        /// The number.
        shown: f64,
        /// Whether it is another meter since the reading before.
        replaced: bool,
    },
    /// The newest reading was wrong.
    Undo,
}

/// Says at `now` what a meter shows, or takes back what was said last. The running count only counts: no minute and no
/// total changes by it.
///
/// # Errors
/// A running publisher; a meter that is not in the settings; nothing to take back.
pub fn set_reading(
    settings: &Settings,
    meter: &MeterId,
    saying: &Saying,
    (by, now): (&str, Timestamp),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let _alone = state_lock::lock(&settings.state_dir)?;
    let Some(of_settings) = settings.meter.iter().find(|known| known.id == *meter) else {
        bail!("the settings have no meter \"{meter}\"");
    };
    let mut outbox = Outbox::open(&settings.state_dir)?;
    let account = outbox.account(meter, of_settings.initial_total)?;
    let kept = kept(&settings.runtime_dir, &settings.state_dir, meter, &account);
    let resumed = resume(&account, &kept, &boot_id());
    let newest = resumed.in_progress.map(|now| now.minute).max(resumed.last_minute);
    let constants = outbox.constants(&account, of_settings.constant, newest, resumed.total)?;
    let unit = of_settings.medium.unit();
    let shown = |readings: &Readings| match readings.shown(resumed.total, &constants) {
        Some(shown) => format!("{shown:.3} {}", unit.symbol()),
        None => "not set".to_owned(),
    };
    let before = outbox.readings(&account, unit)?;
    match saying {
        Saying::Undo => {
            if outbox.take_reading_back(&account, unit)?.is_none() {
                bail!("no reading of {meter} was set that could be taken back");
            }
        }
        &Saying::Shows { shown, replaced } => {
            let at = Timestamp::from_second(now.as_second())?;
            let reading = MeterReading { at, shown, unit, by: by.to_owned(), replaced };
            outbox.say_reading(&account, &SaidReading { reading, total: resumed.total })?;
        }
    }
    let after = outbox.readings(&account, unit)?;
    writeln!(out, "{meter}: {} before, {} now", shown(&before), shown(&after))?;
    if goes_down(&before, &after, saying) {
        writeln!(
            out,
            "That is less than before. If the meter was replaced, say it again with --replaced; if the reading before \
             was wrong, take both back with --undo and set the right one."
        )?;
    }
    Ok(())
}

/// Whether both readings stand in the list and the newer one is lower, without a word why.
fn goes_down(before: &Readings, after: &Readings, saying: &Saying) -> bool {
    let (Some(old), Some(new)) = (before.last(), after.last()) else { return false };
    let stays = after.said().is_some_and(|said| said.contains(&old.reading));
    stays && new.reading.shown < old.reading.shown && matches!(saying, Saying::Shows { replaced: false, .. })
}
