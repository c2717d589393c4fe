//! The programs of a cluster, each in a folder of its own and with ways of its own to the broker's nodes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use meter_messages::Minute;
use postgres_for_tests::{Pair, execute};
use rustix::process::Signal;
use tempfile::TempDir;

use super::alarm::{ALARM, Oven};
use super::plan::{ALARMS, Blow, RECORDERS, Victim, WEBS};
use crate::cut::Way;
use crate::nats::{NODES, Nats};
use crate::torture::Simulation;
use crate::{Program, free_port, wait_until};

/// Who may only read.
const READER: &str = "CREATE ROLE reader LOGIN;
                      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader";

/// A program that is a client of the broker.
#[derive(Debug)]
struct Member {
    name: &'static str,
    folder: PathBuf,
    /// To each node, the one to begin with first.
    ways: Vec<Way>,
    program: Option<Program>,
}

impl Member {
    fn spawn(&mut self) {
        let config = self.folder.join(format!("{}.toml", self.name)).display().to_string();
        self.program = Some(Program::spawn(self.name, &self.folder, &["--config".to_owned(), config], &[]));
    }

    fn write(&self, before: &str, after: &str) {
        let hosts: Vec<_> = self.ways.iter().map(|way| format!("'127.0.0.1:{}'", way.port)).collect();
        let mqtt = format!("[mqtt]\nhosts = [{}]\nkeep_alive_s = 5\n", hosts.join(", "));
        fs::write(self.folder.join(format!("{}.toml", self.name)), format!("{before}{mqtt}{after}")).unwrap();
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: TempDir,
    nats: Nats,
    pub(super) database: Pair,
    members: BTreeMap<Victim, Member>,
    /// Where the pages are.
    pub(super) webs: [u16; WEBS],
    /// The households, one a site.
    pub(super) sites: Vec<(String, Simulation)>,
    pub(super) oven: Oven,
    pub(super) faults: Vec<String>,
}

impl Cluster {
    /// Starts all programs.
    pub(super) fn start(seed: u64, publishers: usize, minutes_a_second: u64) -> Self {
        let (nats, database) = (Nats::start(""), Pair::start());
        let site = |number| {
            (format!("s{number}"), Simulation::new(seed ^ (number as u64) << 40, 1, minutes_a_second))
        };
        let mut cluster = Self {
            folder: TempDir::new().unwrap(),
            nats,
            database,
            members: BTreeMap::new(),
            webs: [(); WEBS].map(|()| free_port()),
            sites: (0..publishers).map(site).collect(),
            oven: Oven::new(),
            faults: Vec::new(),
        };
        execute(&cluster.writable(), READER);
        (0..RECORDERS).for_each(|number| cluster.add_recorder(number));
        // Pages and alarms have nothing to read before there are tables.
        let writable = cluster.writable();
        wait_until("there are tables", || {
            postgres_for_tests::try_rows(&writable, "SELECT 1 FROM recorder")
                .is_some_and(|rows| !rows.is_empty())
        });
        (0..WEBS).for_each(|number| cluster.add_web(number));
        (0..ALARMS).for_each(|number| cluster.add_alarms(number));
        (0..publishers).for_each(|number| cluster.add_publisher(number));
        cluster
    }

    /// The address of the database that is written now.
    pub(super) fn writable(&self) -> String {
        format!("{}&target_session_attrs=read-write", self.database.address("tester"))
    }

    /// A publisher's folder.
    pub(super) fn folder_of(&self, site: &str) -> PathBuf {
        self.folder.path().join(site)
    }

    fn add(&mut self, victim: Victim, name: &'static str, folder: &str, first: usize) -> &Member {
        let folder = self.folder.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let ways = (0..NODES).map(|node| Way::to(self.nats.mqtt[(first + node) % NODES])).collect();
        self.members.entry(victim).or_insert(Member { name, folder, ways, program: None })
    }

    fn spawn(&mut self, victim: Victim) {
        self.members.get_mut(&victim).into_iter().for_each(Member::spawn);
    }

    fn add_recorder(&mut self, number: usize) {
        let (victim, ledger) = (Victim::Recorder(number), self.database.address("tester"));
        let name = name_of_recorder(number);
        let member = self.add(victim, "powerpi-recorder", &name, number);
        member.write(&format!("ledger = '{ledger}'\nrrd_dir = 'rrd'\n"), &format!("client_id = '{name}'\n"));
        self.spawn(victim);
    }

    fn add_web(&mut self, number: usize) {
        let (victim, ledger, port) =
            (Victim::Web(number), self.database.address("reader"), self.webs[number]);
        let member = self.add(victim, "powerpi-web", &format!("web-{number}"), number);
        let own =
            "rrd_dir = 'rrd'\nsettings_dir = 'settings'\nstate_dir = '.'\ninvitations_dir = 'invitations'\n";
        let listen = format!("listen = '127.0.0.1:{port}'\ntime_zone = 'Europe/Berlin'\n");
        member.write(&format!("ledger = '{ledger}'\n{own}{listen}"), "");
        self.spawn(victim);
    }

    fn add_alarms(&mut self, number: usize) {
        // It writes whose turn it is to watch.
        let (victim, ledger, webhook) =
            (Victim::Alarms(number), self.database.address("tester"), self.oven.webhook());
        let member = self.add(victim, "powerpi-alarms", &format!("alarms-{number}"), number + 1);
        let start = format!("ledger = '{ledger}'\nstate_file = 'alarms.json'\nsettings_dir = 'settings'\n");
        member.write(&start, &format!("{webhook}{ALARM}"));
        self.spawn(victim);
    }

    /// Switches the oven on.
    pub(super) fn switch_oven_on(&mut self) {
        let nodes = (0..NODES).map(|node| self.nats.mqtt[node]).collect();
        self.oven.switch_on(nodes);
    }

    fn add_publisher(&mut self, number: usize) {
        let victim = Victim::Publisher(number);
        let (site, simulation) = self.sites[number].clone();
        self.add(victim, "pi-publisher", &site, number);
        self.set_publisher(number, &simulation.settings(None));
        self.spawn(victim);
    }

    fn set_publisher(&self, number: usize, meters: &str) {
        let site = &self.sites[number].0;
        let start = format!("site = '{site}'\nstate_dir = '.'\nruntime_dir = 'run'\n");
        self.members[&Victim::Publisher(number)].write(&start, meters);
    }

    /// Strikes somebody; whoever has ended by itself is a fault. Returns how many processes were killed.
    pub(super) fn strike(&mut self, victim: Victim, blow: Blow) -> u64 {
        match (victim, blow) {
            (Victim::Node(node), Blow::Kill) => self.nats.kill(node),
            (Victim::Node(node), Blow::Pause) => self.nats.signal(node, Signal::STOP),
            (Victim::Node(node), Blow::Cut) => self.nats.way(node).set_cut(true),
            (Victim::Primary, Blow::Kill) => self.database.primary().kill(),
            (Victim::Standby, Blow::Kill) => self.database.standby().kill(),
            (Victim::Primary, _) => self.database.primary().pause(true),
            (Victim::Standby, _) => self.database.standby().pause(true),
            (_, blow) => self.strike_member(victim, blow),
        }
        u64::from(blow == Blow::Kill)
    }

    fn strike_member(&mut self, victim: Victim, blow: Blow) {
        let Some(member) = self.members.get_mut(&victim) else { return };
        if let Some(status) = member.program.as_mut().and_then(Program::ended) {
            let log = member.program.as_ref().map(Program::last_words).unwrap_or_default();
            self.faults.push(format!("{victim:?} ended by itself ({status}): {log}"));
        }
        match blow {
            Blow::Kill => member.program.take().into_iter().for_each(Program::kill),
            Blow::Pause => member.program.iter().for_each(|program| program.signal(Signal::STOP)),
            Blow::Cut => member.ways.iter().for_each(|way| way.set_cut(true)),
        }
    }

    /// It is there again. A database that was killed as the primary is the standby from now on.
    pub(super) fn restore(&mut self, victim: Victim, blow: Blow) {
        match (victim, blow) {
            (Victim::Node(node), Blow::Kill) => self.nats.start_again(node),
            (Victim::Node(node), Blow::Pause) => self.nats.signal(node, Signal::CONT),
            (Victim::Node(node), Blow::Cut) => self.nats.way(node).set_cut(false),
            (Victim::Primary, Blow::Kill) => {
                self.database.promote();
                self.database.add_standby();
            }
            (Victim::Standby, Blow::Kill) => self.database.standby().start_again(),
            (Victim::Primary, _) => self.database.primary().pause(false),
            (Victim::Standby, _) => self.database.standby().pause(false),
            (_, Blow::Kill) => self.spawn(victim),
            (_, Blow::Pause) => {
                let program = self.members.get(&victim).and_then(|member| member.program.as_ref());
                program.into_iter().for_each(|program| program.signal(Signal::CONT));
            }
            (_, Blow::Cut) => self.members[&victim].ways.iter().for_each(|way| way.set_cut(false)),
        }
    }

    /// Has each publisher's time end where `until` says, by its folder.
    pub(super) fn end_time(&mut self, until: impl Fn(&Path, &Simulation) -> Minute) -> Vec<Minute> {
        let mut ends = Vec::new();
        for number in 0..self.sites.len() {
            self.strike_member(Victim::Publisher(number), Blow::Kill);
            let (site, simulation) = self.sites[number].clone();
            let end = until(&self.folder_of(&site), &simulation);
            self.set_publisher(number, &simulation.settings(Some(end)));
            self.spawn(Victim::Publisher(number));
            ends.push(end);
        }
        ends
    }

    /// The end of everybody's log.
    pub(super) fn last_words(&self) -> String {
        let of = |(victim, member): (&Victim, &Member)| {
            let log = member.program.as_ref().map(Program::last_words).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            format!("--- {victim:?}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        self.members.iter().map(of).collect()
    }
}

/// What a recorder is called among the others.
pub(super) fn name_of_recorder(number: usize) -> String {
    format!("recorder-{number}")
}
