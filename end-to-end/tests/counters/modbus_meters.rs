//! Meters with Modbus: the servers of tokio-modbus, on a pseudo-terminal and on TCP, with registers that a test sets.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_modbus::server::{Service, rtu, rtu_over_tcp, tcp};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};
use tokio_serial::{SerialPort, SerialStream};

/// Some meters, and how they behave.
#[derive(Clone, Default)]
pub(crate) struct Meters(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What is in a register of a unit.
    words: HashMap<(u8, u16), u16>,
    behaviour: HashMap<u8, Behaviour>,
    asked: HashMap<u8, usize>,
}

/// What a unit does when it is asked.
#[derive(Clone, Copy)]
pub(crate) enum Behaviour {
    Silent,
    Refuses,
    AnswersAfter(Duration),
    /// One register more than it was asked for.
    AnswersTooMuch,
}

impl Meters {
    /// A number of 32 bits with a point in it.
    pub(crate) fn set_float(&self, unit: u8, number: u16, value: f32) {
        self.set_long(unit, number, value.to_bits());
    }

    /// A number of 32 bits.
    pub(crate) fn set_long(&self, unit: u8, number: u16, value: u32) {
        let mut state = self.0.lock().unwrap();
        state.words.insert((unit, number), (value >> 16) as u16);
        state.words.insert((unit, number + 1), value as u16);
    }

    pub(crate) fn behave(&self, unit: u8, behaviour: Option<Behaviour>) {
        let mut state = self.0.lock().unwrap();
        match behaviour {
            Some(behaviour) => _ = state.behaviour.insert(unit, behaviour),
            None => _ = state.behaviour.remove(&unit),
        }
    }

    /// How often a unit was asked.
    pub(crate) fn asked(&self, unit: u8) -> usize {
        self.0.lock().unwrap().asked.get(&unit).copied().unwrap_or(0)
    }

    /// Answers on a serial bus; returns its device.
    pub(crate) fn on_a_bus(&self) -> PathBuf {
        let (sender, device) = std::sync::mpsc::channel();
        self.serve(async move |meters| {
            let (ours, theirs) = SerialStream::pair().unwrap();
            sender.send(PathBuf::from(theirs.name().unwrap())).unwrap();
            // It stays, as a bus does while nobody asks.
            rtu::Server::new(ours).serve_forever(meters).await.unwrap();
            drop(theirs);
        });
        device.recv().unwrap()
    }

    /// Answers in the network.
    pub(crate) fn on_tcp(&self, port: u16) {
        self.serve(async move |meters| {
            let server = tcp::Server::new(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
            let answer = |stream, address: SocketAddr| {
                let meters = meters.clone();
                async move { tcp::accept_tcp_connection(stream, address, |_| Ok(Some(meters.clone()))) }
            };
            server.serve(&answer, |_| {}).await.unwrap();
        });
    }

    /// Answers behind a gateway that passes on what is on its bus.
    pub(crate) fn behind_a_gateway(&self, port: u16) {
        self.serve(async move |meters| {
            let server = rtu_over_tcp::Server::new(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
            let answer = |stream, address: SocketAddr| {
                let meters = meters.clone();
                async move { rtu_over_tcp::accept_tcp_connection(stream, address, |_| Ok(Some(meters.clone()))) }
            };
            server.serve(&answer, |_| {}).await.unwrap();
        });
    }

    fn serve<F: Future<Output = ()>>(&self, serving: impl FnOnce(Meters) -> F + Send + 'static) {
        let meters = self.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serving(meters));
        });
    }

    fn answer(&self, unit: u8, request: &Request<'_>) -> Result<Vec<u16>, ExceptionCode> {
        let (number, count) = match *request {
            Request::ReadInputRegisters(number, count) | Request::ReadHoldingRegisters(number, count) => {
                (number, count)
            }
            _ => return Err(ExceptionCode::IllegalFunction),
        };
        let state = self.0.lock().unwrap();
        let words = (number..number + count).map(|number| state.words.get(&(unit, number)).copied());
        words.collect::<Option<_>>().ok_or(ExceptionCode::IllegalDataAddress)
    }
}

impl Service for Meters {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Exception>> + Send>>;

    fn call(&self, SlaveRequest { slave, request }: Self::Request) -> Self::Future {
        let behaviour = {
            let mut state = self.0.lock().unwrap();
            *state.asked.entry(slave).or_default() += 1;
            state.behaviour.get(&slave).copied()
        };
        let answer = self.answer(slave, &request);
        let is_input = matches!(request, Request::ReadInputRegisters(..));
        Box::pin(async move {
            let mut words = answer?;
            match behaviour {
                None => {}
                Some(Behaviour::Silent) => return Ok(None),
                Some(Behaviour::Refuses) => return Err(ExceptionCode::ServerDeviceBusy),
                Some(Behaviour::AnswersAfter(time)) => tokio::time::sleep(time).await,
                Some(Behaviour::AnswersTooMuch) => words.push(1),
            }
            Ok(Some(if is_input {
                Response::ReadInputRegisters(words)
            } else {
                Response::ReadHoldingRegisters(words)
            }))
        })
    }
}
