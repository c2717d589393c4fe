//! `pi-publisher set-reading`: sets the total to what the meter itself shows.

use std::io::Write;

use anyhow::{Context, bail};
use meter_messages::{MAX_COUNT, MeterId};

use crate::interim::resume;
use crate::outbox::Outbox;
use crate::safekeeping::{boot_id, kept};
use crate::settings::Settings;
use crate::state_lock;

/// Sets a meter's total to a reading in kWh or m³. Minutes that are counted stay as they
/// are: only the totals of later ones continue from there.
///
/// # Errors
/// A running publisher, a meter that is not in the settings, a reading below what
/// was counted (a total never goes down).
pub fn set_reading(
    settings: &Settings,
    meter: &MeterId,
    reading: f64,
    said: &mut dyn Write,
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
    let unit = of_settings.medium.unit().symbol();
    let before = constants.reading(resumed.total);
    let total = constants.total_at(reading).filter(|total| (resumed.total..=MAX_COUNT).contains(total));
    let total = total.with_context(|| {
        format!("{meter} is already at {before:.3} {unit}, and a total never goes down; is {reading} {unit} right? If the total \
                 is too high, enter what the meter shows on its page: pages go on from there")
    })?;
    outbox.set_total(&account, account.total + (total - resumed.total))?;
    writeln!(said, "{meter}: {before:.3} {unit} before, {:.3} {unit} now", constants.reading(total))?;
    Ok(())
}
