//! The programs that are attacked, with users of their own, and the settings that limit them.

use std::sync::atomic::AtomicU64;

use meter_messages::Minute;
use rustix::process::Signal;

use super::kept::Kept;
use super::target::{Target, password};
use crate::torture::Simulation;
use crate::{Program, Site, run_to_end};

/// Everybody's user. `hq` is the site of a real publisher, `one` that of a measured one.
pub(super) const USERS: [(&str, &str); 7] = [
    ("hq", "publisher"),
    ("one", "publisher"),
    ("greedy", "publisher"),
    ("reader", "reader"),
    ("recorder", "recorder"),
    ("web", "web"),
    ("admin", "admin"),
];

/// How long the attacks are, and the limits that they meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Seconds, against limits that few pieces reach.
    Short,
    /// Full length, against the packages' defaults and [`Extent::max_kept_bytes`].
    Full,
}

impl Extent {
    /// The broker's budget for all that is kept for clients.
    pub fn max_kept_bytes(self) -> u64 {
        match self {
            Self::Short => 16 << 20,
            Self::Full => 128 << 20,
        }
    }

    /// Meters of all sites, and connections of the pages.
    pub(super) fn max_meters(self) -> u64 {
        match self {
            Self::Short => 100,
            Self::Full => 1000,
        }
    }

    fn broker(self) -> String {
        let kept = format!("max_kept_bytes = {}\n", self.max_kept_bytes());
        match self {
            Self::Short => {
                kept + "max_connections = 200\nmax_connections_per_address = 150\nmax_half_open = 50\n\
                        max_sessions = 60\nmax_filters = 100\nmax_topics = 500\nmax_retained = 500\n"
            }
            Self::Full => kept,
        }
    }

    fn pages(self) -> &'static str {
        match self {
            Self::Short => "max_connections = 40\nmax_meters = 100\n",
            Self::Full => "",
        }
    }

    fn recorder(self) -> &'static str {
        match self {
            Self::Short => "max_meters = 100\n",
            Self::Full => "",
        }
    }
}

/// The programs: the broker, a recorder, the pages and a publisher of the site `hq`.
#[derive(Debug)]
pub struct Neighbourhood {
    /// Where they live.
    pub site: Site,
    pub(super) extent: Extent,
    /// The broker, the recorder, the pages.
    pub(super) programs: [Program; 3],
    pub(super) publisher: Program,
    /// The minute before the first that the measured publisher sends.
    pub(super) before: Minute,
    /// How many it has sent and got acknowledged.
    pub(super) sent: AtomicU64,
    /// How often the honest ones were looked at.
    pub(super) looked: AtomicU64,
}

impl Neighbourhood {
    /// Starts them, with nothing in their files.
    pub fn start(extent: Extent) -> Self {
        let site = Site::new(&Simulation::new(7, 2, 2).settings(None));
        make_users(&site);
        site.replace("powerpi-broker", "[store]", &format!("{}[store]", extent.broker()));
        site.append("powerpi-broker", "[access]\nusers = 'users.toml'\n");
        site.append(
            "powerpi-web",
            "[access]\nusers = 'users.toml'\npublic_meters = ['one/main', 'greedy/public']\n",
        );
        site.prepend("powerpi-web", extent.pages());
        site.prepend("powerpi-recorder", extent.recorder());
        for (program, user) in
            [("powerpi-recorder", "recorder"), ("powerpi-web", "web"), ("pi-publisher", "hq")]
        {
            let port = format!("[mqtt]\nport = {}\n", site.mqtt);
            let login = format!("{port}user = '{user}'\npassword_file = '{user}.password'\n");
            site.replace(program, &port, &login);
        }
        let (programs, publisher) = start_programs(&site);
        let before = Minute::containing(daemon_runtime::now().as_second() - 200 * 86_400).unwrap();
        let (sent, looked) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { site, extent, programs, publisher, before, sent, looked }
    }

    /// Kills the broker, stops the others, and starts all of them again.
    pub fn restart(self) -> Self {
        let [broker, recorder, web] = self.programs;
        broker.kill();
        [recorder, web, self.publisher].into_iter().for_each(Program::stop);
        let (programs, publisher) = start_programs(&self.site);
        Self { programs, publisher, ..self }
    }

    /// Removes a user of the broker, which then reads its users again.
    pub(super) fn remove_user(&self, user: &str) {
        let removed =
            run_to_end("powerpi", self.site.path(), &["passwd", "--file", "users.toml", "--delete", user]);
        assert!(removed.status.success(), "{removed:?}");
        self.programs[0].signal(Signal::HUP);
    }

    /// What to attack.
    pub fn target(&self) -> Target {
        Target { mqtt: self.site.mqtt, web: self.site.web }
    }

    /// What they keep now.
    pub fn kept(&self) -> Kept {
        let [broker, recorder, web] = &self.programs;
        Kept::now(self.site.path(), [broker, recorder, web])
    }
}

fn start_programs(site: &Site) -> ([Program; 3], Program) {
    let programs = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    (programs, site.start("pi-publisher"))
}

fn make_users(site: &Site) {
    for (user, role) in USERS {
        let file = format!("{user}.password");
        std::fs::write(site.path().join(&file), password(user) + "\n").unwrap();
        let arguments = ["passwd", "--file", "users.toml", "--role", role, "--password-file", &file, user];
        let output = run_to_end("powerpi", site.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
    }
}
