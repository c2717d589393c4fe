//! Asks the meters of a bus, one after the other, over one connection.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_modbus::client::{Client, Context, rtu, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Request, Response};

use crate::totals::heard::Heard;
use crate::totals::listener::Listener;
use crate::totals::modbus::registers::{Register, Table};
use crate::totals::modbus::settings::{Bus, ModbusSettings};
use crate::totals::payload;

/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long nobody is asked after that: on a serial line an answer does not say to what, and a late one would be taken
/// for that of the next question.
const SETTLE: Duration = Duration::from_secs(2);
/// The pause before a question on a serial line; the standard wants 3.5 characters of it, and some meters more.
const PAUSE: Duration = Duration::from_millis(50);
/// How rarely a meter is asked that does not answer: its waiting is everybody's.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A meter of a bus, and who wants to hear of it.
pub(crate) type OnBus<'a> = (&'a ModbusSettings, &'a Listener);

/// Hands on what the meters answer, until the bus cannot be reached; that is its error.
pub(crate) async fn poll(bus: &Bus, meters: &[OnBus<'_>]) -> anyhow::Result<()> {
    let mut connection = Some(Connection::open(bus).await?);
    tracing::info!(bus = bus.name(), "asking the meters");
    let mut turns = vec![Turn { due: Instant::now(), failures: 0 }; meters.len()];
    while let Some(next) = (0..turns.len()).min_by_key(|place| turns[*place].due) {
        sleep_until(turns[next].due).await;
        let (meter, listener) = meters[next];
        let mut asked = match connection.take() {
            Some(connection) => connection,
            None => Connection::open(bus).await?,
        };
        let (mut heard, mut fault) = asked.ask(meter).await;
        if matches!(fault, Some(Fault::Broken(_))) && heard.is_empty() && asked.has_answered {
            // Some meters and gateways close connections that rest.
            drop(asked);
            asked = Connection::open(bus).await?;
            (heard, fault) = asked.ask(meter).await;
        }
        turns[next].take(fault.is_none(), meter.every);
        for heard in heard {
            listener.hear(heard).await;
        }
        match fault {
            None => connection = Some(asked),
            Some(Fault::Refused(why)) => {
                listener.hear(Heard::Unreadable(why)).await;
                connection = Some(asked);
            }
            Some(Fault::Silent(why) | Fault::Broken(why)) => {
                listener.hear(Heard::Unreadable(why)).await;
                drop(asked);
                sleep(SETTLE).await;
            }
        }
    }
    Ok(())
}

/// When a meter is asked next.
#[derive(Debug, Clone, Copy)]
struct Turn {
    due: Instant,
    /// How often it has not answered since it last did.
    failures: u32,
}

impl Turn {
    fn take(&mut self, has_answered: bool, every: Duration) {
        self.failures = if has_answered { 0 } else { self.failures + 1 };
        let rarer = every.saturating_mul(1 << self.failures.saturating_sub(1).min(6));
        self.due = Instant::now() + rarer.min(LONGEST_WAIT.max(every));
    }
}

/// Why a meter has said no total.
#[derive(Debug)]
enum Fault {
    /// It has answered, and the connection is as it was.
    Refused(String),
    /// It has not answered.
    Silent(String),
    /// The connection is of no use any more.
    Broken(String),
}

/// A connection to a bus.
struct Connection {
    client: Context,
    pause: Duration,
    has_answered: bool,
    /// Held as long as the line is used.
    _lock: Option<File>,
}

impl Connection {
    async fn open(bus: &Bus) -> anyhow::Result<Self> {
        let (client, pause, lock) = match bus {
            Bus::Serial(line) => {
                let line = line.open().await?;
                (rtu::attach(line.port), PAUSE, Some(line.lock))
            }
            Bus::Tcp { host, port, rtu } => {
                let stream = timeout(CONNECT_WITHIN, TcpStream::connect((host.as_str(), *port))).await;
                let stream =
                    stream.map_err(|_| anyhow!("no connection within {} s", CONNECT_WITHIN.as_secs()));
                let stream = stream.and_then(|connected| Ok(connected?));
                let stream = stream.with_context(|| format!("connecting to {}", bus.name()))?;
                stream.set_nodelay(true)?;
                let client = if *rtu { rtu::attach(stream) } else { tcp::attach(stream) };
                (client, if *rtu { PAUSE } else { Duration::ZERO }, None)
            }
        };
        Ok(Self { client, pause, has_answered: false, _lock: lock })
    }

    /// The total of a meter and its power, and what hindered the rest.
    async fn ask(&mut self, meter: &ModbusSettings) -> (Vec<Heard>, Option<Fault>) {
        let total = match self.read(meter.unit_id, &meter.total).await {
            Ok(number) => payload::total(number * meter.total.factor, meter.unit.millionths()),
            Err(fault) => return (Vec::new(), Some(fault)),
        };
        let mut heard = vec![match total {
            Ok(total) => Heard::Total(total, false),
            Err(error) => Heard::Unreadable(error.to_string()),
        }];
        let Some(power) = &meter.power else { return (heard, None) };
        match self.read(meter.unit_id, power).await {
            // More than fits is as wrong as any.
            Ok(number) if number.is_finite() => {
                heard.insert(0, Heard::Rate((number * power.factor).max(0.0).round() as u32));
            }
            Ok(_) => {}
            // A meter without this register has its total all the same.
            Err(Fault::Refused(why)) => heard.push(Heard::Without(why)),
            Err(fault) => return (heard, Some(fault)),
        }
        (heard, None)
    }

    async fn read(&mut self, unit_id: u8, register: &Register) -> Result<f64, Fault> {
        sleep(self.pause).await;
        self.client.set_slave(Slave(unit_id));
        let (number, count) = (register.number, register.number_type.registers());
        let question = match register.table {
            Table::Input => Request::ReadInputRegisters(number, count),
            Table::Holding => Request::ReadHoldingRegisters(number, count),
        };
        let what = format!("unit {unit_id}, {} register {number}", register.table.name());
        let answer = timeout(ANSWER_WITHIN, self.client.call(question)).await;
        let answer = answer.map_err(|_| {
            Fault::Silent(format!(
                "{what}: no answer within {} s; is it connected and on?",
                ANSWER_WITHIN.as_secs()
            ))
        })?;
        let answer = answer.map_err(|error| Fault::Broken(format!("{what}: {error}")))?;
        self.has_answered = true;
        match answer {
            Ok(Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words)) => register
                .number(&words)
                .ok_or_else(|| Fault::Broken(format!("{what}: the answer has {} registers", words.len()))),
            Ok(_) => Err(Fault::Broken(format!("{what}: the answer is to another question"))),
            Err(exception) => Err(Fault::Refused(format!("{what}: the meter refuses ({exception})"))),
        }
    }
}
