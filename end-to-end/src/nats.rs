//! Three nodes of Debian's NATS with JetStream, which stand in the broker's place.

use std::fmt::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::cut::Way;
use crate::{Program, free_port, wait_until};

/// So many nodes keep each message, and any two of them are enough.
pub const NODES: usize = 3;

/// A cluster of its own; its nodes may be killed, stopped, and cut off from each other.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    /// Where each listens for MQTT.
    pub mqtt: [u16; NODES],
    /// The ways on which the others reach each node.
    ways: Vec<Way>,
    nodes: [Option<Program>; NODES],
}

impl Nats {
    /// Starts all nodes; `users` is NATS' `authorization { … }`, or nothing.
    pub fn start(users: &str) -> Self {
        let (mqtt, clients, routes) = ([(); NODES].map(|()| free_port()), free_ports(), free_ports());
        let ways: Vec<Way> = routes.iter().map(|port| Way::to(*port)).collect();
        let folder = TempDir::new().unwrap();
        let to_all = ways.iter().fold(String::new(), |mut all, way| {
            write!(all, "\"nats://127.0.0.1:{}\", ", way.port).unwrap();
            all
        });
        for node in 0..NODES {
            let home = folder.path().join(node.to_string());
            std::fs::create_dir_all(&home).unwrap();
            let settings = format!(
                "server_name: n{node}\nlisten: \"127.0.0.1:{}\"\nping_interval: \"2s\"\nping_max: 2\nwrite_deadline: \"4s\"\n\
                 jetstream {{ store_dir: \"{}\", max_file: 1GB, max_mem: 64MB }}\n\
                 cluster {{ name: powerpi, listen: \"127.0.0.1:{}\", advertise: \"127.0.0.1:{}\", routes: [{to_all}] }}\n\
                 mqtt {{ listen: \"127.0.0.1:{}\", ack_wait: \"2s\", stream_replicas: 3 }}\n{users}",
                clients[node],
                home.display(),
                routes[node],
                ways[node].port,
                mqtt[node],
            );
            std::fs::write(home.join("nats.conf"), settings).unwrap();
        }
        let mut nats = Self { folder, mqtt, ways, nodes: [const { None }; NODES] };
        (0..NODES).for_each(|node| nats.start_again(node));
        nats
    }

    /// The `hosts` of a program's `[mqtt]`, beginning with one of the nodes.
    pub fn hosts(&self, first: usize) -> String {
        let hosts: Vec<_> =
            (0..NODES).map(|node| format!("'127.0.0.1:{}'", self.mqtt[(first + node) % NODES])).collect();
        format!("hosts = [{}]", hosts.join(", "))
    }

    /// Starts a node that was killed, and does not wait for more than that it listens.
    pub fn start_again(&mut self, node: usize) {
        let home = self.home(node);
        let arguments = ["-c".to_owned(), home.join("nats.conf").display().to_string()];
        let mut program = Program::spawn_file("nats-server", &file(), &home, &arguments, &[]);
        let port = self.mqtt[node];
        wait_until("NATS listens", || {
            assert!(program.ended().is_none(), "NATS has ended:\n{}", program.last_words());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        self.nodes[node] = Some(program);
    }

    /// Kills a node by SIGKILL.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].take().into_iter().for_each(Program::kill);
    }

    /// Sends a node a signal: to stop for a while and go on, or to read its settings again.
    pub fn signal(&self, node: usize, signal: Signal) {
        self.nodes[node].iter().for_each(|program| program.signal(signal));
    }

    /// The way on which the others reach a node.
    pub fn way(&self, node: usize) -> &Way {
        &self.ways[node]
    }

    /// A node's folder, with its settings and its log.
    pub fn home(&self, node: usize) -> PathBuf {
        self.folder.path().join(node.to_string())
    }

    /// What a node has written so far.
    pub fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.home(node).join("nats-server.log")).unwrap_or_default()
    }
}

fn free_ports() -> [u16; NODES] {
    [(); NODES].map(|()| free_port())
}

/// Where Debian puts it; a user's PATH often lacks that folder.
fn file() -> PathBuf {
    let file = Path::new("/usr/sbin/nats-server");
    assert!(file.is_file(), "{} is missing; it is in Debian's nats-server", file.display());
    file.to_owned()
}
