//! The honest ones beside an attack: a publisher whose every PUBACK is timed, and a browser; and what all of
//! them have to find afterwards.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use meter_messages::Minute;
use rumqttc::Packet;

use super::kept::Kept;
use super::latencies::Latencies;
use super::neighbourhood::Neighbourhood;
use super::target::connect_as;
use crate::torture::client::{Came, Client};
use crate::{http_get, wait_until};

/// The publisher's pause after each PUBACK, and that of the browser after each page.
const PAUSE: Duration = Duration::from_millis(2);
const BROWSING: Duration = Duration::from_millis(100);

/// How often it is looked what the programs keep.
const MEASURING: Duration = Duration::from_millis(20);

/// No answer within this is none.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the honest ones had while something went on.
pub(super) struct Beside {
    pub(super) latencies: Latencies,
    pub(super) most: Kept,
    pub(super) pages: u64,
}

/// How often an honest client comes again.
const TRIES: usize = 5;

/// Says that it is enough when it goes.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Neighbourhood {
    /// A client of this user on this machine. As each client does, it comes again: before it has said who it is,
    /// it may be displaced.
    pub(super) fn client(&self, user: &str, client_id: &str, clean: bool) -> Client {
        let connected = || {
            let stream = std::net::TcpStream::connect(("127.0.0.1", self.site.mqtt)).unwrap();
            Client::log_in(stream, connect_as(user, client_id, clean))
        };
        let connected = (0..TRIES).find_map(|_| connected());
        connected.unwrap_or_else(|| panic!("{user} is not let in")).0
    }

    /// Lets the honest ones go on until `act` is through and so many of the publisher's messages were acknowledged.
    pub(super) fn beside<T: Send>(&self, least: usize, act: impl FnOnce() -> T + Send) -> (T, Beside) {
        let (through, enough) = (AtomicBool::new(false), AtomicBool::new(false));
        let (most, mut pages) = (Mutex::new(self.kept()), 0);
        let mut waited = Vec::new();
        let acted = std::thread::scope(|scope| {
            // Also if something panics.
            let _ends = Ends(&enough);
            let acting = scope.spawn(|| {
                // It stands for another machine; the kernel takes this for the thread.
                rustix::process::setpriority_process(None, 19).unwrap();
                let acted = act();
                through.store(true, Ordering::Relaxed);
                acted
            });
            let goes_on = || {
                let failed = acting.is_finished() && !through.load(Ordering::Relaxed);
                !failed && !enough.load(Ordering::Relaxed)
            };
            let browsing = scope.spawn(|| self.browse(&enough));
            let measuring = scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let now = self.kept();
                    let mut most = most.lock().unwrap();
                    *most = most.most(now);
                    drop(most);
                    std::thread::sleep(MEASURING);
                }
            });
            let mut client = self.client("one", "one", true);
            while goes_on() {
                waited.push(self.publish_a_minute(&mut client));
                if waited.len() >= least && through.load(Ordering::Relaxed) {
                    enough.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(PAUSE);
            }
            enough.store(true, Ordering::Relaxed);
            client.disconnect();
            measuring.join().unwrap();
            pages = browsing.join().unwrap();
            acting.join().unwrap()
        });
        let most = most.into_inner().unwrap().most(self.kept());
        (acted, Beside { latencies: Latencies::of(waited), most, pages })
    }

    /// How long its PUBACK took.
    fn publish_a_minute(&self, client: &mut Client) -> Duration {
        let seq = self.sent.load(Ordering::Relaxed) + 1;
        let at = Minute::nearest(self.before.epoch_minutes() + seq as i64);
        let began = Instant::now();
        if seq == 1 {
            publish(client, "powerpi/one/main/info", INFO);
        }
        publish(client, "powerpi/one/main/minute", &minute(at, seq));
        self.sent.store(seq, Ordering::Relaxed);
        began.elapsed()
    }

    /// Looks at pages until there is enough; how many it saw.
    fn browse(&self, enough: &AtomicBool) -> u64 {
        let mut pages = 0;
        while !enough.load(Ordering::Relaxed) {
            for page in ["/", "/m/one/main", "/api/v1/meters/one/main"] {
                let (status, _) = http_get(self.site.web, page);
                assert!(status == 200 || status == 404 && page != "/", "{page}: {status}");
                pages += 1;
            }
            std::thread::sleep(BROWSING);
        }
        pages
    }

    /// Fails unless everybody honest is served: what was acknowledged is recorded, values are live, a new client
    /// gets a session and a message, and the first meter of a new site is recorded.
    pub fn expect_all_is_well(&self) {
        let look = self.looked.fetch_add(1, Ordering::Relaxed);
        let mut one = self.client("one", "one", true);
        self.publish_a_minute(&mut one);
        let (sent, counted) = (self.sent.load(Ordering::Relaxed), self.site.counted("m0"));
        wait_until("what was acknowledged is recorded", || {
            self.site.recorded("one/main").len() as u64 == sent
        });
        wait_until("the other site's is, too", || self.site.recorded("hq/m0").len() as u64 >= counted);

        let mut newcomer = self.client("admin", &format!("newcomer {look}"), false);
        assert!(newcomer.subscribe("powerpi/one/main/state"), "the newcomer may not subscribe");
        let (now, watts) = (daemon_runtime::now(), 1_000 + look);
        let state = format!(r#"{{"t":"{now}","power_w":{watts},"energy_kwh":0.005,"total":5}}"#);
        publish(&mut one, "powerpi/one/main/state", &state);
        loop {
            match newcomer.next(PATIENCE) {
                Came::Packet(Packet::Publish(message)) => {
                    newcomer.acknowledge(&message);
                    if *message.payload == *state.as_bytes() {
                        break;
                    }
                }
                other => panic!("the newcomer gets {other:?}"),
            }
        }
        let live = || http_get(self.site.web, "/api/v1/meters/one/main").1;
        wait_until("the value is live", || live().contains(&format!("\"power_w\":{watts}")));

        let site = format!("new-{look}");
        publish(&mut newcomer, &format!("powerpi/{site}/main/info"), INFO);
        publish(&mut newcomer, &format!("powerpi/{site}/main/minute"), &minute(self.before, 1));
        wait_until("a new site's meter is recorded", || {
            !self.site.recorded(&format!("{site}/main")).is_empty()
        });
        newcomer.disconnect();
    }
}

const INFO: &str =
    r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;

fn minute(at: Minute, seq: u64) -> String {
    format!(r#"{{"t":"{at}","s":60,"seq":{seq},"pulses":5,"total":{}}}"#, 5 * seq)
}

/// Publishes with QoS 1 and waits for the PUBACK; what else comes is acknowledged.
fn publish(client: &mut Client, topic: &str, payload: &str) {
    assert!(client.publish(9, topic, payload, false), "{topic}: the broker has ended the connection");
    loop {
        match client.next(PATIENCE) {
            Came::Packet(Packet::PubAck(_)) => return,
            Came::Packet(Packet::Publish(message)) => assert!(client.acknowledge(&message)),
            Came::Packet(_) => {}
            other => panic!("{topic} is not acknowledged: {other:?}"),
        }
    }
}
