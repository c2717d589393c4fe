//! Listens to a reading head: the registers that are wanted of each telegram, for all meters of the line.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::timeout;

use crate::totals::heard::Heard;
use crate::totals::listener::Listener;
use crate::totals::serial::SerialSettings;
use crate::totals::sml::settings::SmlSettings;
use crate::totals::sml::telegram::Telegrams;

/// Meters speak every few seconds. After so long without a byte the line is opened anew.
const SILENCE: Duration = Duration::from_secs(60);

/// A register of a line, and who wants to hear of it.
pub(crate) type OnLine<'a> = (&'a SmlSettings, &'a Listener);

/// Hands on what is heard, until the line can no longer be read; that is its error.
pub(crate) async fn listen(line: &SerialSettings, meters: &[OnLine<'_>]) -> anyhow::Result<()> {
    let opened = line.open().await?;
    tracing::info!(device = %line.name(), "listening to the reading head");
    let (mut telegrams, mut name) = (Telegrams::default(), String::new());
    let mut bytes = [0; 1024];
    loop {
        let read = timeout(SILENCE, opened.port.read(&mut bytes)).await.with_context(|| {
            format!("nothing came for {} s; does the head sit straight on the meter?", SILENCE.as_secs())
        })?;
        let read = read.context("the line cannot be read any more; was it unplugged?")?;
        ensure!(read > 0, "the line has ended; was it unplugged?");
        for telegram in telegrams.take(&bytes[..read]) {
            if let Ok(telegram) = &telegram
                && telegram.name() != name
            {
                name = telegram.name();
                hear(meters, |_| vec![Heard::Name(name.clone())]).await;
            }
            match telegram {
                Ok(telegram) => hear(meters, |meter| meter.understand(&telegram)).await,
                Err(error) => hear(meters, |_| vec![Heard::Unreadable(error.clone())]).await,
            }
        }
    }
}

async fn hear(meters: &[OnLine<'_>], said: impl Fn(&SmlSettings) -> Vec<Heard>) {
    for (meter, listener) in meters {
        for heard in said(meter) {
            listener.hear(heard).await;
        }
    }
}
