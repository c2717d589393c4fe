//! How attackers reach the programs.

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rumqttc::{Connect, Login};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::torture::client::Client;

/// What an attacker holds open.
pub type Held = Box<dyn Any + Send>;

/// Where attackers come from, if it does not matter.
pub(super) const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// An attacker gives up writing to who takes nothing for so long.
const TAKES_NOTHING: Duration = Duration::from_secs(2);

/// The ports that are attacked.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The broker's.
    pub mqtt: u16,
    /// The pages'.
    pub web: u16,
}

/// Each user's password.
pub(super) fn password(user: &str) -> String {
    format!("secret of {user}")
}

/// A user's CONNECT.
pub(super) fn connect_as(user: &str, client_id: &str, clean: bool) -> Connect {
    let mut connect = Connect::new(client_id);
    connect.clean_session = clean;
    connect.login = Some(Login { username: user.to_owned(), password: password(user) });
    connect
}

/// A connection from this address of the machine.
pub(super) fn dial(from: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((from, 0)))?;
    rustix::net::connect(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(TAKES_NOTHING))?;
    Ok(stream)
}

impl Target {
    /// A connection to the broker.
    pub(super) fn broker(&self) -> io::Result<TcpStream> {
        dial(ATTACKER, self.mqtt)
    }

    /// A client with a clean session.
    pub(super) fn client(&self, user: &str, client_id: &str) -> Option<Client> {
        self.session(user, client_id, true).map(|(client, _)| client)
    }

    /// A client, and whether its session was there.
    pub(super) fn session(&self, user: &str, client_id: &str, clean: bool) -> Option<(Client, bool)> {
        let connected = Client::log_in(self.broker().ok()?, connect_as(user, client_id, clean))?;
        connected.0.give_up_sending_after(TAKES_NOTHING);
        Some(connected)
    }

    /// Asks the pages for something from this address, and returns the status; 0 if there was none.
    pub(super) fn page(&self, from: Ipv4Addr, path: &str, more: &str) -> u16 {
        let asked = || {
            let mut stream = dial(from, self.web)?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n{more}\r\n")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            io::Result::Ok(answer)
        };
        let answer = asked().unwrap_or_default();
        let head = String::from_utf8_lossy(&answer[..answer.len().min(20)]).into_owned();
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}
