//! A storm over several machines' programs: three nodes of NATS, PostgreSQL with a synchronous standby, two recorders, two
//! webs, two alarms, and publishers of a site each. Whoever is killed, stopped or cut off, every minute is recorded once, and an
//! alarm that is raised at its beginning is told once.

mod alarm;
mod members;
mod plan;
mod watching;

use std::fmt;
use std::time::{Duration, Instant};

use meter_messages::Minute;

use self::members::{Cluster, name_of_recorder};
use self::plan::{Blow, Plan, Step, Victim};
use self::watching::Watch;
use super::RunResult;
use super::kill_storm::{end_of, wait_for};
use super::result::reckon_in_database;
use crate::wait_until;

/// No site is to be without a recorder for longer, beside what the database takes.
const LONGEST_ALONE: Duration = Duration::from_secs(15);

/// A storm and how long it lasts.
#[derive(Debug)]
pub struct ClusterStorm {
    /// The seed of the plan.
    pub seed: u64,
    /// How long there are blows.
    pub lasts: Duration,
    /// Publishers, of one site and one meter each.
    pub publishers: usize,
    /// How fast the households' time goes by.
    pub minutes_a_second: u64,
}

/// What came of it, beside the minutes.
#[derive(Debug, Default)]
pub struct ClusterStormed {
    /// Every minute of every publisher.
    pub result: RunResult,
    /// Programs that were stopped for a while, and ways that were cut.
    pub pauses: u64,
    /// The latter.
    pub cuts: u64,
    /// How often the standby took the primary's place.
    pub promotions: u64,
    /// How long a site was without a recorder at most.
    pub alone: Duration,
    /// What was told of the one alarm that there was.
    pub notices: Vec<String>,
    /// The end of everybody's log, if anything is wrong.
    pub last_words: String,
}

impl ClusterStorm {
    /// Runs the storm; `progress` is called now and then.
    pub fn run(&self, progress: &dyn Fn(&str)) -> ClusterStormed {
        let mut cluster = Cluster::start(self.seed, self.publishers, self.minutes_a_second);
        let database = cluster.writable();
        let recorded = || {
            let rows = postgres_for_tests::try_rows(&database, "SELECT count(*) FROM every_minute");
            rows.and_then(|rows| rows[0][0].parse().ok()).unwrap_or(0)
        };
        wait_until("every site is recorded", || {
            let query = "SELECT count(DISTINCT meter) FROM every_minute";
            let rows = postgres_for_tests::try_rows(&database, query).unwrap_or_default();
            rows.first().is_some_and(|row| row[0] == self.publishers.to_string())
        });
        progress(&format!("all sites are recorded; blows for {} s", self.lasts.as_secs()));
        cluster.switch_oven_on();
        wait_until("the alarm is told", || cluster.oven.is_told());
        let watch = Watch::start(database.clone());
        let mut told = ClusterStormed::default();
        let began = Instant::now();
        for (number, step) in Plan::new(self.seed, self.publishers).enumerate() {
            if began.elapsed() >= self.lasts {
                break;
            }
            take(&mut cluster, &watch, &step, &mut told);
            if number % 10 == 9 {
                progress(&format!("{} kills, {} minutes recorded", told.result.kills, recorded()));
            }
        }
        let in_the_storm = recorded();
        let ends = cluster.end_time(end_of);
        let firsts = cluster.sites.iter().map(|(_, simulation)| simulation.first);
        let wanted =
            firsts.zip(&ends).map(|(first, end)| end.epoch_minutes() - first.epoch_minutes()).sum::<i64>();
        progress(&format!("{in_the_storm} minutes recorded in the storm, waiting for {wanted}"));
        wait_for(wanted as u64, recorded);
        told.alone = watch.end();
        told.judge(&mut cluster, &database, &ends);
        told
    }
}

/// One step of the plan.
fn take(cluster: &mut Cluster, watch: &Watch, step: &Step, told: &mut ClusterStormed) {
    std::thread::sleep(step.pause);
    let set_away = |victim: Victim, is_away| {
        if let Victim::Recorder(number) = victim {
            watch.set_away(name_of_recorder(number), is_away);
        }
    };
    for (victim, blow) in &step.struck {
        set_away(*victim, true);
        told.result.kills += cluster.strike(*victim, *blow);
        told.pauses += u64::from(*blow != Blow::Kill);
        told.cuts += u64::from(*blow == Blow::Cut);
        told.promotions += u64::from((*victim, *blow) == (Victim::Primary, Blow::Kill));
    }
    std::thread::sleep(step.away);
    for (victim, blow) in &step.struck {
        cluster.restore(*victim, *blow);
        set_away(*victim, false);
    }
}

impl ClusterStormed {
    fn judge(&mut self, cluster: &mut Cluster, database: &str, ends: &[Minute]) {
        for ((site, simulation), end) in cluster.sites.iter().zip(ends) {
            self.result += reckon_in_database(database, &cluster.webs, site, simulation, *end);
        }
        let faults = &mut self.result.faults;
        if self.alone > LONGEST_ALONE {
            faults.push(format!("a site was without a recorder for {:.1} s", self.alone.as_secs_f64()));
        }
        self.notices = cluster.oven.end();
        if self.notices != ["raised"] {
            faults.push(format!("of one alarm this was told: {:?}", self.notices));
        }
        faults.append(&mut cluster.faults);
        if !self.result.is_exact() {
            self.last_words = cluster.last_words();
        }
    }
}

impl fmt::Display for ClusterStormed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, pauses, cuts, promotions, alone, notices, .. } = self;
        writeln!(
            f,
            "| killed by SIGKILL | of them the primary, and its standby promoted | stopped, or a way cut | of them cut \
                     | minutes | lost | twice | notices of one alarm | faults | a site without a recorder, at most |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        write!(
            f,
            "| {} | {promotions} | {pauses} | {cuts} | {} | {} | {} | {} | {} | {:.1} s |",
            result.kills,
            result.minutes,
            result.lost,
            result.twice,
            notices.len(),
            result.faults.len(),
            alone.as_secs_f64()
        )
    }
}
