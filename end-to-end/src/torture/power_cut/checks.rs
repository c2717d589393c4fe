//! Whether a disk still holds what was acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use meter_messages::{Minute, PulseCount};
use rumqttc::Packet;
use rusqlite::Connection;

use super::subscribers::{AWAY, NEWEST, NUMBERS, Seen};
use super::{Found, Image};
use crate::torture::Simulation;
use crate::torture::client::{Came, Client};
use crate::{Program, Site};

/// A broker that owes more sends it within this, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens outbox, ledger and store and looks for everything that was known by `at_ns`.
pub(super) fn look(image: &Image, seen: &Seen, at_ns: u64, simulation: &Simulation, found: &mut Found) {
    let site = Site::new("");
    image.write_to(site.path());
    let outbox = in_outbox(&site.path().join("outbox.sqlite"), seen, at_ns);
    let ledger = in_ledger(&site.path().join("ledger.sqlite"), seen, at_ns, simulation);
    let store = in_store(&site, seen, at_ns);
    found.lost_in_outbox += outbox.lost;
    found.lost_in_ledger += ledger.lost;
    found.lost_in_store += store.lost;
    for (name, looked) in [("outbox", outbox), ("ledger", ledger), ("store", store)] {
        found.acknowledged += looked.acknowledged;
        found.result.lost += looked.lost;
        let fault = looked.fault.filter(|_| found.result.faults.len() < 10);
        found.result.faults.extend(fault.map(|fault| format!("{name} at {at_ns}: {fault}")));
    }
}

/// The result of one check.
#[derive(Default)]
struct Looked {
    acknowledged: u64,
    lost: u64,
    fault: Option<String>,
}

impl Looked {
    fn all_lost(acknowledged: u64, fault: &str) -> Self {
        let fault = (acknowledged > 0).then(|| fault.to_owned());
        Self { acknowledged, lost: acknowledged, fault }
    }

    fn told(acknowledged: u64, lost: u64) -> Self {
        let fault = (lost > 0).then(|| format!("{lost} of {acknowledged} acknowledged are lost"));
        Self { acknowledged, lost, fault }
    }
}

/// Each minute that was seen on the wire is in the outbox, as it was sent.
fn in_outbox(file: &Path, seen: &Seen, at_ns: u64) -> Looked {
    let sent: Vec<_> = seen.minutes.iter().filter(|(at, ..)| *at <= at_ns).collect();
    let kept = read(
        file,
        "SELECT meter, minute, watched_s, seq, pulses, total FROM minute JOIN account ON account = id",
        |row| {
            let count = PulseCount {
                minute: Minute::nearest(row.get(1)?),
                watched_s: row.get(2)?,
                seq: row.get(3)?,
                pulses: row.get(4)?,
                total: row.get(5)?,
            };
            Ok(((row.get::<_, String>(0)?, count.seq), count))
        },
    );
    let kept: HashMap<_, _> = match kept {
        Ok(kept) => kept.into_iter().collect(),
        Err(error) => return Looked::all_lost(sent.len() as u64, &error),
    };
    let is_lost = |meter: &str, count: &PulseCount| kept.get(&(meter.to_owned(), count.seq)) != Some(count);
    let lost = sent.iter().filter(|(_, meter, count)| is_lost(meter.meter.as_str(), count)).count();
    Looked::told(sent.len() as u64, lost as u64)
}

/// Each minute that a mark covers is in the ledger.
fn in_ledger(file: &Path, seen: &Seen, at_ns: u64, simulation: &Simulation) -> Looked {
    let mut marks: HashMap<&str, u64> = HashMap::new();
    for (_, meter, mark) in seen.marks.iter().filter(|(at, ..)| *at <= at_ns) {
        let covered = marks.entry(meter.meter.as_str()).or_default();
        *covered = mark.seq.max(*covered);
    }
    let acknowledged = marks.values().sum();
    let rows =
        "SELECT meter.meter, minute, pulses FROM every_minute AS kept JOIN meter ON kept.meter = meter.id";
    let kept = read(file, rows, |row| {
        Ok(((row.get::<_, String>(0)?, Minute::nearest(row.get(1)?)), row.get::<_, u32>(2)?))
    });
    let kept: HashMap<_, _> = match kept {
        Ok(kept) => kept.into_iter().collect(),
        Err(error) => return Looked::all_lost(acknowledged, &error),
    };
    let mut lost = 0;
    for (id, household) in simulation.households() {
        let covered = marks.get(id.as_str()).copied().unwrap_or_default() as i64;
        let minutes = (0..covered).map(|n| Minute::nearest(simulation.first.epoch_minutes() + n));
        let right = |minute: &Minute| kept.get(&(id.clone(), *minute)) == Some(&household.pulses_in(*minute));
        lost += minutes.filter(|minute| !right(minute)).count() as u64;
    }
    Looked::told(acknowledged, lost)
}

/// The real broker brings back every acknowledged number, in order, and the retained one.
fn in_store(site: &Site, seen: &Seen, at_ns: u64) -> Looked {
    let by_then = |noted: &[(u64, u64)]| -> BTreeSet<u64> {
        noted.iter().filter(|(at, _)| *at <= at_ns).map(|(_, number)| *number).collect()
    };
    let (numbers, retained) = (by_then(&seen.numbers), by_then(&seen.retained));
    let acknowledged = (numbers.len() + retained.len()) as u64;
    let broker = match Program::start_with("powerpi-broker", site.path(), &[]) {
        Ok(broker) => broker,
        Err(error) => return Looked::all_lost(acknowledged, &error),
    };
    let Some((client, true)) = Client::connect(site.mqtt, AWAY, false) else {
        return Looked::all_lost(acknowledged, "the session is forgotten");
    };
    let (owed, in_order) = receive(client, numbers.last().copied());
    let newest = if retained.is_empty() { None } else { newest(site.mqtt) };
    broker.kill();
    let mut lost = numbers.difference(&owed).count() as u64;
    lost += u64::from(retained.last().is_some_and(|last| newest.is_none_or(|newest| newest < *last)));
    let mut looked = Looked::told(acknowledged, lost);
    if !in_order {
        looked.fault = Some(format!("{NUMBERS} came in another order"));
    }
    looked
}

/// What a session is owed, up to a number; and whether it came in order.
fn receive(mut client: Client, last: Option<u64>) -> (BTreeSet<u64>, bool) {
    let (mut owed, mut in_order) = (BTreeSet::new(), true);
    while last.is_some_and(|last| owed.last().is_none_or(|newest| *newest < last)) {
        let Came::Packet(packet) = client.next(PATIENCE) else { break };
        if let Packet::Publish(message) = packet {
            let number = number_in(&message.payload);
            in_order &= owed.last().is_none_or(|newest| *newest < number);
            owed.insert(number);
            client.acknowledge(&message);
        }
    }
    (owed, in_order)
}

/// The retained number.
fn newest(port: u16) -> Option<u64> {
    let (mut client, _) = Client::connect(port, "reader", true)?;
    client.subscribe(NEWEST);
    match client.next(PATIENCE) {
        Came::Packet(Packet::Publish(message)) => Some(number_in(&message.payload)),
        _ => None,
    }
}

fn number_in(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// All rows of a file that has to be sound.
fn read<T>(
    file: &Path,
    query: &str,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, String> {
    if !file.is_file() {
        return Err(format!("{} is not there", file.display()));
    }
    let rows = || -> rusqlite::Result<(String, Vec<T>)> {
        let database = Connection::open(file)?;
        let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let rows = database.prepare(query)?.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
        Ok((sound, rows))
    };
    match rows() {
        Ok((sound, rows)) if sound == "ok" => Ok(rows),
        Ok((damage, _)) => Err(damage),
        Err(error) => Err(error.to_string()),
    }
}
