//! Two recorders on one ledger in PostgreSQL: each site has one at a time, whichever is stopped, goes on, comes or is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use end_to_end::{Program, Site, mosquitto_sub, wait_until};
use jiff::Timestamp;
use pi_publisher::outbox::Outbox;
use rustix::process::Signal;

use crate::home::{Home, household};

const SITES: [&str; 4] = ["s0", "s1", "s2", "s3"];
/// One that comes later.
const NEW: &str = "s4";

fn folder(site: &Site, name: &str) -> PathBuf {
    let folder = site.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn start_recorder(site: &Site, home: &Home, name: &str) -> Program {
    let (folder, port) = (folder(site, name), site.mqtt);
    let settings = format!(
        "ledger = '{}'\nrrd_dir = 'rrd'\n[mqtt]\nport = {port}\nclient_id = 'recorder-{name}'\n",
        home.address
    );
    fs::write(folder.join("powerpi-recorder.toml"), settings).unwrap();
    Program::start("powerpi-recorder", &folder)
}

/// A publisher of a site of its own; two minutes of the household's time in a second of ours.
fn start_publisher(site: &Site, name: &str, from: Timestamp) -> Program {
    let (folder, port) = (folder(site, name), site.mqtt);
    let settings = format!(
        "site = '{name}'\nstate_dir = '.'\nruntime_dir = 'run'\n[mqtt]\nport = {port}\n\
         [[meter]]\nid = 'main'\nname = 'Haus'\npulses_per_kwh = 1000\n\
         [meter.source]\nkind = 'simulated'\nseed = {}\nfrom = '{from}'\nspeed = 120\n",
        seed(name)
    );
    fs::write(folder.join("pi-publisher.toml"), settings).unwrap();
    Program::start("pi-publisher", &folder)
}

fn seed(site: &str) -> u64 {
    u64::from(site.as_bytes()[1])
}

fn counted(folder: &Path) -> u64 {
    let outbox = Outbox::open_read_only(folder).unwrap();
    outbox.existing_account(&"main".parse().unwrap()).unwrap().map_or(0, |account| account.last_seq)
}

/// How many sites each recorder holds, by its name; those that nobody holds are "".
fn held(home: &Home) -> Vec<(String, usize)> {
    let rows = home.rows(
        "SELECT coalesce(name, ''), count(*) FROM lease LEFT JOIN recorder ON recorder.id = lease.recorder
         GROUP BY 1 ORDER BY 1",
    );
    rows.into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect()
}

fn wait_until_held(home: &Home, expected: &[(&str, usize)]) {
    let began = Instant::now();
    let expected: Vec<_> =
        expected.iter().map(|(name, sites)| (format!("recorder-{name}"), *sites)).collect();
    wait_until(&format!("sites are held by {expected:?}"), || held(home) == expected);
    println!("{expected:?} after {:.1} s", began.elapsed().as_secs_f64());
}

/// How many different filters there are at the broker, which says it now and then.
fn filters(site: &Site) -> u64 {
    let told = mosquitto_sub(site.mqtt, "$SYS/broker/kept/by owner", 1, 20);
    // The topic has a space.
    let told = told[0].1.strip_prefix("owner ").unwrap();
    let owners: Vec<serde_json::Value> = serde_json::from_str(told).unwrap();
    owners.iter().map(|owner| owner["filters"].as_u64().unwrap()).sum()
}

/// All sites go on being recorded.
fn all_go_on(home: &Home) {
    let count = |site: &str| home.recorded(&format!("{site}/main")).len();
    let before = SITES.map(count);
    wait_until("all sites go on", || {
        SITES.iter().zip(before).all(|(site, before)| count(site) >= before + 4)
    });
}

#[test]
fn each_site_has_one_recorder_at_a_time_and_no_minute_is_lost_or_there_twice() {
    let (site, home) = (Site::new(""), Home::start());
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 40 * 86_400).unwrap();
    let _broker = site.start("powerpi-broker");
    let a = start_recorder(&site, &home, "a");
    let publishers = SITES.map(|name| start_publisher(&site, name, from));
    wait_until_held(&home, &[("a", 4)]);
    all_go_on(&home);
    wait_until("the recorder has subscribed", || filters(&site) > SITES.len() as u64);
    let alone = filters(&site);
    // One comes: they are shared out.
    let b = start_recorder(&site, &home, "b");
    wait_until_held(&home, &[("a", 2), ("b", 2)]);
    all_go_on(&home);
    // Each site has a filter of its own, and the echo; that of all minutes is gone.
    let shared = alone + SITES.len() as u64;
    wait_until("each hears its own sites only", || filters(&site) == shared);
    // One is stopped, in the midst of whatever it does, and goes on later as if nothing had been.
    a.signal(Signal::STOP);
    wait_until_held(&home, &[("b", 4)]);
    all_go_on(&home);
    a.signal(Signal::CONT);
    wait_until_held(&home, &[("a", 2), ("b", 2)]);
    all_go_on(&home);
    b.kill();
    wait_until_held(&home, &[("a", 4)]);
    all_go_on(&home);
    // The session of the one that is gone has those of its two sites and the echo still.
    wait_until("who is alone hears all", || filters(&site) == alone + 3);
    // One that is stopped properly leaves at once.
    let b = start_recorder(&site, &home, "b");
    wait_until_held(&home, &[("a", 2), ("b", 2)]);
    // A site that nobody has heard of is found, although nobody is subscribed to its minutes.
    let new = start_publisher(&site, NEW, from);
    wait_until("the new site is recorded", || home.recorded(&format!("{NEW}/main")).len() >= 4);
    let began = Instant::now();
    a.stop();
    wait_until_held(&home, &[("b", 5)]);
    println!("after a proper end: {:.1} s", began.elapsed().as_secs_f64());
    for name in SITES.into_iter().chain([NEW]) {
        home.is_exact(&format!("{name}/main"), counted(&folder(&site, name)), &household(seed(name)));
    }
    drop((b, publishers, new));
}

/// The broker takes some of the filters that they want, and not all: they go on with all minutes.
#[test]
fn where_the_broker_has_no_room_for_their_filters_they_hear_all_sites() {
    let (site, home) = (Site::new(""), Home::start());
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 40 * 86_400).unwrap();
    // Five that each has, one of echoes, and one of two sites.
    site.replace("powerpi-broker", "[mqtt]\n", "[mqtt]\nmax_subscriptions = 7\n");
    let _broker = site.start("powerpi-broker");
    let recorders = ["a", "b"].map(|name| start_recorder(&site, &home, name));
    let publishers = SITES.map(|name| start_publisher(&site, name, from));
    wait_until_held(&home, &[("a", 2), ("b", 2)]);
    let says_so = |recorder: &Program| recorder.log().contains("refuses a subscription");
    wait_until("both go on with all sites", || recorders.iter().all(says_so));
    all_go_on(&home);
    for name in SITES {
        home.is_exact(&format!("{name}/main"), counted(&folder(&site, name)), &household(seed(name)));
    }
    drop((recorders, publishers));
}
