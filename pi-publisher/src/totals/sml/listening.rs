//! Listens to a reading head: the registers that are wanted of each telegram, for all meters of the line.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::timeout;

use crate::totals::heard::Heard;
use crate::totals::listener::{Ended, Listener};
use crate::totals::serial::SerialSettings;
use crate::totals::sml::settings::SmlSettings;
use crate::totals::sml::telegram::{Telegram, Telegrams};

/// Meters speak every few seconds. After so long without a byte the line is opened anew.
const SILENCE: Duration = Duration::from_secs(60);

/// A register of a line, and who wants to hear of it.
pub(crate) type OnLine<'a> = (&'a SmlSettings, &'a Listener);

/// Hands on what is heard, until the line can no longer be read.
pub(crate) async fn listen(line: &SerialSettings, meters: &[OnLine<'_>]) -> Ended {
    let mut has_worked = false;
    let Err(error) = listen_until_error(line, meters, &mut has_worked).await;
    Ended { error, has_worked }
}

async fn listen_until_error(
    line: &SerialSettings,
    meters: &[OnLine<'_>],
    has_worked: &mut bool,
) -> anyhow::Result<Infallible> {
    let opened = line.open().await?;
    tracing::info!(device = %line.name(), "listening to the reading head");
    let mut telegrams = Telegrams::default();
    // Whose telegram each of them has heard last.
    let mut whose: Vec<Option<Vec<u8>>> = vec![None; meters.len()];
    let mut bytes = [0; 1024];
    loop {
        let read = timeout(SILENCE, opened.port.read(&mut bytes)).await.with_context(|| {
            format!("nothing came for {} s; does the head sit straight on the meter?", SILENCE.as_secs())
        })?;
        let read = read.context("the line cannot be read any more; was it unplugged?")?;
        ensure!(read > 0, "the line has ended; was it unplugged?");
        for telegram in telegrams.take(&bytes[..read]) {
            *has_worked |= telegram.is_ok();
            for ((meter, listener), whose) in meters.iter().zip(&mut whose) {
                for heard in heard(meter, telegram.as_ref(), whose) {
                    listener.hear(heard).await;
                }
            }
        }
    }
}

/// What a telegram says of a meter; whose it is, if that was another one's before.
fn heard(
    meter: &SmlSettings,
    telegram: Result<&Telegram, &String>,
    whose: &mut Option<Vec<u8>>,
) -> Vec<Heard> {
    let telegram = match telegram {
        Ok(telegram) => telegram,
        Err(error) => return vec![Heard::Unreadable(error.clone())],
    };
    let is_named = meter.is_of(telegram) && whose.as_ref() != Some(&telegram.server_id);
    let name = is_named.then(|| {
        *whose = Some(telegram.server_id.clone());
        Heard::Name(telegram.name())
    });
    name.into_iter().chain(meter.understand(telegram)).collect()
}
