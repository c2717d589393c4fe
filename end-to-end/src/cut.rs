//! A way between two programs that can be cut: what comes in is passed on, until it is not.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A port of 127.0.0.1 that leads to another one. While it is cut, nothing passes in either direction and nobody is told, as
/// where a cable is pulled out; afterwards everything goes on. It exists until the test program ends.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where it begins.
    pub port: u16,
    cut: Arc<(Mutex<bool>, Condvar)>,
}

impl Way {
    /// One that leads to `port`.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), cut: Arc::default() };
        let passing = way.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = passing.clone();
                thread::spawn(move || way.connect(client, port));
            }
        });
        way
    }

    /// Cuts it, or puts it together again.
    pub fn set_cut(&self, is_cut: bool) {
        let (cut, changed) = &*self.cut;
        *cut.lock().unwrap_or_else(PoisonError::into_inner) = is_cut;
        changed.notify_all();
    }

    fn wait_while_cut(&self) {
        let (cut, changed) = &*self.cut;
        let mut is_cut = cut.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_cut {
            is_cut = changed.wait(is_cut).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn connect(&self, client: TcpStream, port: u16) {
        self.wait_while_cut();
        // Nobody listens there: the client is told by the end of its connection.
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let over = Arc::new(AtomicBool::new(false));
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            // To notice the end of the other direction.
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        }
        let (way, end) = (self.clone(), Arc::clone(&over));
        let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || way.pass(from, to, &end));
        self.pass(client, server, &over);
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, over: &AtomicBool) {
        use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        let mut chunk = [0; 16 * 1024];
        while !over.load(Ordering::Relaxed) {
            let length = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => continue,
                Err(_) => break,
            };
            self.wait_while_cut();
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        self.wait_while_cut();
        over.store(true, Ordering::Relaxed);
        for stream in [&from, &to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
