//! A connection to a bus: one question after the other, and what is wrong where there is no answer.

use std::fmt;
use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use foreign_text::foreign;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_modbus::client::{Client, Context, rtu, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Request, Response};

use crate::totals::modbus::registers::{Register, Table};
use crate::totals::modbus::settings::Bus;

/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long nobody is asked after that: on a serial line an answer does not say to what, and a late one would be taken
/// for that of the next question.
pub(super) const SETTLE: Duration = Duration::from_secs(2);
/// The pause before a question on a serial line; the standard wants 3.5 characters of it, and some meters more.
const PAUSE: Duration = Duration::from_millis(50);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Why a meter has said nothing of a register, for people.
#[derive(Debug)]
pub(super) enum Fault {
    /// It has answered, and the connection is as it was.
    Refused(String),
    /// It has not answered.
    Silent(String),
    /// The connection is of no use any more.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(why) | Self::Silent(why) | Self::Broken(why)) = self;
        // Whoever is at the other end has a part in it.
        write!(formatter, "{}", foreign(why))
    }
}

/// A connection to a bus.
pub(super) struct Connection {
    client: Context,
    pause: Duration,
    /// Whether a meter has answered over it.
    pub(super) has_answered: bool,
    /// Held as long as the line is used.
    _lock: Option<File>,
}

impl Connection {
    pub(super) async fn open(bus: &Bus) -> anyhow::Result<Self> {
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

    /// What is in a register of a meter: as many words as it has.
    pub(super) async fn read(&mut self, unit_id: u8, register: &Register) -> Result<Vec<u16>, Fault> {
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
            let within = ANSWER_WITHIN.as_secs();
            Fault::Silent(format!("{what}: no answer within {within} s; is the meter connected and on?"))
        })?;
        let answer = answer.map_err(|error| Fault::Broken(format!("{what}: {error}")))?;
        self.has_answered = true;
        match answer {
            Ok(Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words))
                if words.len() == usize::from(count) =>
            {
                Ok(words)
            }
            Ok(Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words)) => {
                Err(Fault::Broken(format!("{what}: the answer has {} registers", words.len())))
            }
            Ok(_) => Err(Fault::Broken(format!("{what}: the answer is to another question"))),
            Err(exception) => Err(Fault::Refused(format!("{what}: the meter refuses ({exception})"))),
        }
    }
}
