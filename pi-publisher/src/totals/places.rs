//! Where counters are heard, each place once: a broker, the line of a reading head, a bus.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::totals::listener::Listener;
use crate::totals::listening::{self, AtBroker};
use crate::totals::modbus::polling::{self as modbus, OnBus};
use crate::totals::modbus::settings::Bus;
use crate::totals::serial::SerialSettings;
use crate::totals::sml::listening::{self as sml, OnLine};
use crate::totals::source::CounterSource;

/// How long is waited before a place is tried again; longer, the longer it fails.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// What has lasted so long has worked.
const WORKED: Duration = Duration::from_secs(10);

/// One place, and who listens there.
pub(crate) enum Place<'a> {
    Broker(Vec<AtBroker<'a>>),
    Head(&'a SerialSettings, Vec<OnLine<'a>>),
    Bus(&'a Bus, Vec<OnBus<'a>>),
}

/// All places of these listeners.
pub(crate) fn places(listeners: &[Listener]) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for listener in listeners {
        if !places.iter_mut().any(|place| place.take(listener)) {
            places.push(Place::of(listener));
        }
    }
    places
}

/// Hands on what is heard everywhere, until `shutdown`.
pub(crate) async fn run(settings: &Settings, listeners: &[Listener], shutdown: &CancellationToken) {
    let places = places(listeners);
    join_all(places.iter().map(|place| place.run(settings, shutdown))).await;
}

impl<'a> Place<'a> {
    fn of(listener: &'a Listener) -> Self {
        match &listener.counter {
            CounterSource::Mqtt(counter) => Self::Broker(vec![(counter, listener)]),
            CounterSource::Sml(meter) => Self::Head(&meter.line, vec![(meter, listener)]),
            CounterSource::Modbus(meter) => Self::Bus(&meter.bus, vec![(meter, listener)]),
        }
    }

    /// Takes a listener who belongs here.
    fn take(&mut self, listener: &'a Listener) -> bool {
        match (self, &listener.counter) {
            (Self::Broker(counters), CounterSource::Mqtt(counter)) => counters.push((counter, listener)),
            (Self::Head(line, meters), CounterSource::Sml(meter)) if **line == meter.line => {
                meters.push((meter, listener));
            }
            (Self::Bus(bus, meters), CounterSource::Modbus(meter)) if **bus == meter.bus => {
                meters.push((meter, listener));
            }
            _ => return false,
        }
        true
    }

    /// Those who listen here.
    pub(crate) fn listeners(&self) -> Vec<&'a Listener> {
        match self {
            Self::Broker(counters) => counters.iter().map(|(_, listener)| *listener).collect(),
            Self::Head(_, meters) => meters.iter().map(|(_, listener)| *listener).collect(),
            Self::Bus(_, meters) => meters.iter().map(|(_, listener)| *listener).collect(),
        }
    }

    fn name(&self) -> String {
        match self {
            // It says its address itself.
            Self::Broker(_) => "broker".into(),
            Self::Head(line, _) => line.name(),
            Self::Bus(bus, _) => bus.name(),
        }
    }

    /// Hands on what is heard over one connection until `stop`, or until an error.
    pub(crate) async fn run_once(&self, settings: &Settings, stop: &CancellationToken) -> anyhow::Result<()> {
        let heard = match self {
            Self::Broker(counters) => return listening::run_once(settings, counters, stop).await,
            Self::Head(line, meters) => stop.run_until_cancelled(sml::listen(line, meters)).await,
            Self::Bus(bus, meters) => stop.run_until_cancelled(modbus::poll(bus, meters)).await,
        };
        heard.unwrap_or(Ok(()))
    }

    /// The same again and again, until `shutdown`.
    async fn run(&self, settings: &Settings, shutdown: &CancellationToken) {
        if let Self::Broker(counters) = self {
            return listening::run(settings, counters, shutdown).await;
        }
        let (mut pause, mut said) = (RETRY, String::new());
        while !shutdown.is_cancelled() {
            let began = Instant::now();
            let Err(error) = self.run_once(settings, shutdown).await else { return };
            pause = if began.elapsed() > WORKED { RETRY } else { (pause * 2).min(LONGEST_RETRY) };
            let error = format!("{error:#}");
            // A line that stays unplugged for weeks is said once.
            if error != said {
                tracing::warn!("{}: {error}; it is tried again every few seconds", self.name());
            }
            said = error;
            shutdown.run_until_cancelled(sleep(pause)).await;
        }
    }
}
