//! The web server: pages, pictures, an interface for programs and live values.
//!
//! It only reads: the ledger is the recorder's, and so is a reading of
//! the meter that somebody types in: it goes there by MQTT. RRD files are the recorder's, too, where the ledger is a file. A request
//! goes from `web_http` through `route/` to `answers/`; two threads own what
//! blocks, the ledger and librrd.

mod access;
mod answers;
mod api;
mod assets;
mod comparing;
mod current;
mod drawing;
mod former_names;
mod health;
mod ledger;
mod live;
mod pages;
mod pictures;
mod readings;
mod reloading;
mod route;
mod saved_versions;
mod settings;
mod site_forms;
mod texts;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use daemon_runtime::{Reloads, warn_if_others_can_read};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use web_http::Proxies;

use crate::current::{CurrentSite, Lasting};

pub use access::AccessSettings;
pub use meter_figures::{TariffSettings, TimeSettings};
pub use settings::time_zone::adopt_time_zone;
pub use settings::{Settings, Zone};
pub use site_settings::MeterSettings;
pub use web_http::{BasePath, Network};

/// Serves until `shutdown`; the settings are read again at each reload.
pub async fn run(
    settings: Settings,
    reloads: Reloads<Settings>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    settings.mqtt.check()?;
    settings.mqtt.warn_of_openings();
    if let Some(users) = &settings.access.users {
        warn_if_others_can_read(users);
        if !settings.listen.ip().to_canonical().is_loopback() {
            tracing::warn!(
                "passwords come to {} in clear text; put a proxy with a certificate in front of it, \
                 and listen on 127.0.0.1",
                settings.listen
            );
        }
    }
    let web = Web::bind(settings.clone()).await?;
    tracing::info!("open http://{}/", web.address());
    web.current.get().ledger.begun().await;
    daemon_runtime::ready();
    let reloading = reloading::reload(reloads, settings, web.current.clone(), web.lasting.clone());
    tokio::select! {
        served = web.serve(shutdown) => served,
        never = reloading => never,
    }
}

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Web {
    settings: Settings,
    listener: TcpListener,
    address: SocketAddr,
    current: CurrentSite,
    lasting: Lasting,
}

impl Web {
    /// Takes the address of the settings; port 0 is any free one.
    ///
    /// # Errors
    /// Settings that are wrong, or an address that is taken.
    pub async fn bind(settings: Settings) -> anyhow::Result<Self> {
        let lasting = Lasting {
            access: Arc::new(access::Access::read(&settings.access, &settings.state_dir)?),
            live: live::values::LiveValues::new(settings.max_meters),
            mqtt: settings.mqtt.clone(),
            files: Arc::new(Mutex::new(pictures::OwnFiles::new(settings.state_dir.join("rrd")))),
            saved: Arc::default(),
        };
        let current = CurrentSite::new(&settings, &lasting)?;
        let listen = settings.listen;
        // Some more: who was displaced may take a moment to go.
        let connections = settings.max_connections + settings.max_connections / 4;
        daemon_runtime::allow_open_files(connections, "max_connections");
        let listener = web_http::listen(listen)
            .with_context(|| format!("listening on {listen}; is another program using it?"))?;
        let address = listener.local_addr().context("reading the address listened on")?;
        Ok(Self { settings, listener, address, current, lasting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`.
    pub async fn serve(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { settings, listener, current, lasting, .. } = self;
        let Lasting { access, live, mqtt, .. } = lasting;
        let following = former_names::follow(&current, &live, &shutdown);
        let listening = live::values::listen(live::values::session(&mqtt), live.clone(), shutdown.clone());
        access.stop_with(shutdown.clone());
        let comparing = comparing::compare(&current, &shutdown);
        let proxies = Proxies { base_path: settings.base_path, trusted: settings.trusted_proxies };
        let site = current.clone();
        let serving = web_http::serve(listener, site, proxies, settings.max_connections, shutdown.clone());
        tokio::join!(listening, serving, comparing, following);
        Ok(())
    }
}
