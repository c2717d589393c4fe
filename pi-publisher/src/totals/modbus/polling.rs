//! Asks the meters of a bus, one after the other, over one connection.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::totals::heard::Heard;
use crate::totals::listener::{Ended, Listener};
use crate::totals::modbus::connection::{Connection, Fault, SETTLE};
use crate::totals::modbus::registers::Register;
use crate::totals::modbus::settings::{Bus, ModbusSettings};
use crate::totals::modbus::turn::Turn;

/// How rarely a meter is asked for its serial number while a connection lasts.
const NUMBER_EVERY: Duration = Duration::from_secs(3600);
/// For so long it is also good over another one: some connections end with each answer.
const NUMBER_IS_GOOD_FOR: Duration = Duration::from_secs(60);

/// A meter of a bus, and who wants to hear of it.
pub(crate) type OnBus<'a> = (&'a ModbusSettings, &'a Listener);

/// A bus, and when which of its meters is asked for what. It outlives connections: what has not answered before one was
/// lost is asked rarely after it, too.
pub(crate) struct Polling<'a> {
    bus: &'a Bus,
    meters: Vec<Polled<'a>>,
    connection: Option<Connection>,
    /// Whether a meter has answered since listening began.
    has_worked: bool,
}

/// A meter, and when it is asked for each of what it has.
struct Polled<'a> {
    meter: &'a ModbusSettings,
    listener: &'a Listener,
    total: Turn,
    power: Turn,
    number: Turn,
}

impl<'a> Polled<'a> {
    /// The register of its serial number, if it is to be asked for that.
    fn number_is_due(&self) -> Option<&'a Register> {
        self.meter.serial_number.as_ref().filter(|_| self.number.is_due())
    }
}

impl<'a> Polling<'a> {
    /// All meters of a bus are due.
    pub(crate) fn of(bus: &'a Bus, meters: &[OnBus<'a>]) -> Self {
        let polled = |(meter, listener): &OnBus<'a>| {
            let (meter, listener) = (*meter, *listener);
            Polled { meter, listener, total: Turn::now(), power: Turn::now(), number: Turn::now() }
        };
        Self { bus, meters: meters.iter().map(polled).collect(), connection: None, has_worked: false }
    }

    /// Hands on what the meters answer, until the bus cannot be reached.
    pub(crate) async fn run(&mut self) -> Ended {
        self.has_worked = false;
        let Err(error) = self.ask_all().await;
        Ended { error, has_worked: self.has_worked }
    }

    async fn ask_all(&mut self) -> anyhow::Result<Infallible> {
        self.connection = Some(self.connect().await?);
        tracing::info!(bus = self.bus.name(), "asking the meters");
        loop {
            let dues = self.meters.iter().map(|polled| polled.total.due).enumerate();
            let Some((place, due)) = dues.min_by_key(|(_, due)| *due) else {
                // A bus without meters is none.
                return std::future::pending().await;
            };
            sleep_until(due).await;
            self.ask(place).await?;
        }
    }

    /// Over a new one it may be another meter that answers.
    async fn connect(&mut self) -> anyhow::Result<Connection> {
        let connection = Connection::open(self.bus).await?;
        let asked_before = Instant::now() + NUMBER_EVERY - NUMBER_IS_GOOD_FOR;
        self.meters.iter_mut().for_each(|polled| polled.number.hasten(asked_before));
        Ok(connection)
    }

    /// Asks a meter for its total and its power; before that for its serial number, if it is time.
    async fn ask(&mut self, place: usize) -> anyhow::Result<()> {
        let Polled { meter, listener, .. } = self.meters[place];
        let said = loop {
            self.ask_for_number(place).await?;
            let said = self.read(meter.unit_id, &meter.total).await?;
            if self.meters[place].number_is_due().is_none() {
                break said;
            }
            // It has come over a new connection: nobody knows yet of which meter.
        };
        self.meters[place].total.take(said.is_ok(), meter.every);
        let total = match said {
            Ok(words) => meter.heard_of_total(&words),
            Err(fault) => {
                listener.hear(Heard::Unreadable(fault.to_string())).await;
                self.settle(&fault).await;
                return Ok(());
            }
        };
        match self.power(place).await? {
            Some(Ok(rate)) => {
                // The live value is of the same moment, so it is known first.
                listener.hear(rate).await;
                listener.hear(total).await;
            }
            Some(Err(fault)) => {
                // A meter without this register has its total all the same.
                listener.hear(total).await;
                listener.hear(Heard::WithoutRate(fault.to_string())).await;
                self.settle(&fault).await;
            }
            None => listener.hear(total).await,
        }
        Ok(())
    }

    async fn ask_for_number(&mut self, place: usize) -> anyhow::Result<()> {
        let Some(register) = self.meters[place].number_is_due() else { return Ok(()) };
        let Polled { meter, listener, .. } = self.meters[place];
        let said = self.read(meter.unit_id, register).await?;
        self.meters[place].number.take(said.is_ok(), NUMBER_EVERY);
        match said {
            Ok(words) => listener.hear(Heard::Name(register.digits(&words))).await,
            // Not all have one.
            Err(fault) => self.settle(&fault).await,
        }
        Ok(())
    }

    async fn power(&mut self, place: usize) -> anyhow::Result<Option<Result<Heard, Fault>>> {
        let Polled { meter, power, .. } = self.meters[place];
        let Some(register) = meter.power.as_ref().filter(|_| power.is_due_in_round(meter.every)) else {
            return Ok(None);
        };
        let said = self.read(meter.unit_id, register).await?;
        self.meters[place].power.take(said.is_ok(), meter.every);
        Ok(match said {
            Ok(words) => register.rate(&words).map(Ok),
            Err(fault) => Some(Err(fault)),
        })
    }

    /// What a register says. That the bus cannot be reached at all is the error.
    async fn read(&mut self, unit_id: u8, register: &Register) -> anyhow::Result<Result<Vec<u16>, Fault>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut said = connection.read(unit_id, register).await;
        if matches!(said, Err(Fault::Broken(_))) && connection.has_answered && self.bus.is_in_the_network() {
            // Some meters and gateways close connections that rest, or after each answer.
            drop(connection);
            connection = self.connect().await?;
            said = connection.read(unit_id, register).await;
        }
        if matches!(said, Ok(_) | Err(Fault::Refused(_))) {
            self.has_worked = true;
            self.connection = Some(connection);
        }
        Ok(said)
    }

    /// Waits until nothing can come any more of a question that was not answered.
    async fn settle(&self, fault: &Fault) {
        if !matches!(fault, Fault::Refused(_)) && !self.bus.tells_answers_apart() {
            sleep(SETTLE).await;
        }
    }
}

#[cfg(test)]
mod tests;
