//! Where counters are heard, each place once: a broker, the line of a reading head, a bus.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::totals::listener::{Ended, Listener};
use crate::totals::listening::{self, AtBroker};
use crate::totals::modbus::polling::{OnBus, Polling};
use crate::totals::modbus::settings::Bus;
use crate::totals::serial::SerialSettings;
use crate::totals::sml::listening::{self as sml, OnLine};
use crate::totals::source::CounterSource;

/// How long is waited before a place is tried again; longer, the longer it fails.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(15);

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
        let ended = match self {
            Self::Broker(counters) => return listening::run_once(settings, counters, stop).await,
            Self::Head(line, meters) => stop.run_until_cancelled(sml::listen(line, meters)).await,
            Self::Bus(bus, meters) => stop.run_until_cancelled(Polling::of(bus, meters).run()).await,
        };
        ended.map_or(Ok(()), |ended| Err(ended.error))
    }

    /// The same again and again, until `shutdown`.
    async fn run(&self, settings: &Settings, shutdown: &CancellationToken) {
        let name = self.name();
        match self {
            Self::Broker(counters) => listening::run(settings, counters, shutdown).await,
            Self::Head(line, meters) => {
                again(&name, shutdown, async || sml::listen(line, meters).await).await;
            }
            Self::Bus(bus, meters) => {
                let mut polling = Polling::of(bus, meters);
                again(&name, shutdown, async || polling.run().await).await;
            }
        }
    }
}

/// Listens at a place of this name again and again, until `shutdown`.
async fn again(name: &str, shutdown: &CancellationToken, mut listen: impl AsyncFnMut() -> Ended) {
    let mut tries = Tries { pause: RETRY, said: String::new() };
    while let Some(ended) = shutdown.run_until_cancelled(listen()).await {
        let (pause, said) = tries.take(&ended);
        if let Some(error) = said {
            tracing::warn!("{name}: {error}; it is tried again every few seconds");
        }
        shutdown.run_until_cancelled(sleep(pause)).await;
    }
}

/// How long is waited, and what was said last.
struct Tries {
    pause: Duration,
    said: String,
}

impl Tries {
    /// How long is waited after it has ended so, and what is to be said of it.
    fn take(&mut self, Ended { error, has_worked }: &Ended) -> (Duration, Option<String>) {
        self.pause = if *has_worked { RETRY } else { (self.pause * 2).min(LONGEST_RETRY) };
        let error = format!("{error:#}");
        // A line that stays unplugged for weeks is said once, and again where it was plugged in meanwhile.
        let is_new = *has_worked || error != self.said;
        self.said.clone_from(&error);
        (self.pause, is_new.then_some(error))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_place_is_tried_soon_where_it_has_worked_and_else_ever_less_often_and_said_once() {
        let mut tries = Tries { pause: RETRY, said: String::new() };
        let mut take = |why, has_worked| {
            let (pause, said) = tries.take(&Ended { error: anyhow!("{why}"), has_worked });
            (pause.as_secs(), said.is_some())
        };
        let (no, yes) = (false, true);
        let seen = [("a", no), ("a", no), ("a", no), ("a", no), ("b", no), ("b", yes), ("b", yes), ("b", no)];
        let expected = [(2, yes), (4, no), (8, no), (15, no), (15, yes), (1, yes), (1, yes), (2, no)];
        assert_eq!(seen.map(|(why, has_worked)| take(why, has_worked)), expected);
    }
}
