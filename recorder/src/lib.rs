//! Records pulse counts from MQTT: first into the ledger, then into one RRD file
//! a meter.
//!
//! [`subscription`] hands messages to [`bookkeeping`] (the ledger's thread),
//! which commits many at once and only then lets them be acknowledged and the
//! marks be published; what is recorded goes on to [`pictures`] (the RRD files'
//! thread). Start reading at [`run`].

pub mod bookkeeping;
pub mod checking;
pub mod counts;
mod day_prices;
mod entering;
pub mod figures;
mod filters;
mod hearing;
mod ignored;
mod known_meters;
pub mod leases;
mod marks;
mod meter_state;
mod minute_filters;
pub mod pictures;
pub mod plausible_time;
pub mod progress;
pub mod settings;
mod sharing;
mod states;
mod strangers;
pub mod subscription;
mod tally;
mod warnings;

use anyhow::Context;
use daemon_runtime::Endpoint;
use meter_ledger::Ledger;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bookkeeping::{Bookkeeping, Limits};
use crate::figures::Figures;
use crate::minute_filters::MinuteFilters;
use crate::pictures::Pictures;
use crate::plausible_time::PlausibleTime;
use crate::settings::Settings;
use crate::subscription::{Subscription, USUAL_CLIENT_ID};

/// For each delivery: decode, record, acknowledge, mark; until `shutdown`.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    settings.mqtt.check()?;
    settings.mqtt.warn_of_openings();
    let endpoint = Endpoint::bind(&settings.metrics, "[metrics]").await?;
    let filters = MinuteFilters::new(settings.site_filters());
    let ledger = Ledger::open(&settings.ledger)?;
    let reader = Ledger::open_read_only(&settings.ledger)?;
    std::fs::create_dir_all(&settings.rrd_dir).with_context(|| {
        format!("creating the folder {} (does this user have permission?)", settings.rrd_dir.display())
    })?;

    let (recorded, pictures) =
        Pictures::new(reader, settings.rrd_dir, settings.max_rrd_files, shutdown.clone()).spawn()?;
    let (output, outputs) = tokio::sync::mpsc::unbounded_channel();
    let limits = Limits { max_meters: settings.max_meters };
    let time = PlausibleTime::new(settings.wait_for_sync);
    let (is_shared, connected) = (ledger.is_shared(), watch::Sender::new(false));
    let mut bookkeeping = Bookkeeping::new(ledger, recorded, limits, time)?;
    if is_shared {
        let name = settings.mqtt.client_id.clone().unwrap_or_else(|| USUAL_CLIENT_ID.to_owned());
        bookkeeping = bookkeeping.share(name, connected.subscribe());
    }
    let figures =
        || Figures::of(&settings.ledger, bookkeeping.counts(), connected.subscribe(), limits.max_meters);
    if let Some(endpoint) = endpoint {
        tell(endpoint, figures()?.0, shutdown.clone());
    }
    let shares = bookkeeping.shares();
    let (inputs, bookkeeping) = bookkeeping.spawn(output)?;
    let checking = checking::spawn(settings.ledger, shutdown.clone())?;
    daemon_runtime::ready();

    // Ends last to first: without inputs the ledger's thread ends, and with it
    // the pictures'.
    Subscription::new(settings.mqtt, (inputs, outputs), connected, (shares, filters)).run(&shutdown).await;
    bookkeeping.join().await?;
    pictures.join().await?;
    checking.join().await
}

/// Tells Prometheus what it asks for until `shutdown`. The thread that reads the ledger for it keeps nothing, so nobody
/// waits for its end: what it reads just then must neither delay a stop nor make one of it that failed.
fn tell(endpoint: Endpoint, figures: Figures, shutdown: CancellationToken) {
    tokio::spawn(async move { endpoint.serve(figures, shutdown).await });
}
