//! Who is struck when, and how. Pure.

use std::time::Duration;

use crate::nats::NODES;
use crate::torture::SeededRandom;

pub(super) const RECORDERS: usize = 2;
pub(super) const WEBS: usize = 2;
pub(super) const ALARMS: usize = 2;

/// One of the cluster's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Node(usize),
    Recorder(usize),
    Web(usize),
    Alarms(usize),
    Publisher(usize),
    /// The database that is written; the other one takes its place.
    Primary,
    Standby,
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and SIGCONT afterwards.
    Pause,
    /// Nothing passes on its way to the others; for the database, which has none, a pause.
    Cut,
}

/// Some are struck together, and are there again together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// How long everything runs before.
    pub(super) pause: Duration,
    pub(super) struck: Vec<(Victim, Blow)>,
    pub(super) away: Duration,
}

/// Steps without end: first everybody once, then whoever it hits.
pub(super) struct Plan {
    chance: SeededRandom,
    publishers: usize,
    first: Vec<(Victim, Blow)>,
}

impl Plan {
    pub(super) fn new(seed: u64, publishers: usize) -> Self {
        let mut chance = SeededRandom::new(seed);
        let mut first: Vec<_> = [Victim::Web(0), Victim::Primary, Victim::Publisher(0)]
            .into_iter()
            .chain((0..ALARMS).map(Victim::Alarms))
            .chain((0..NODES).map(Victim::Node))
            .chain((0..RECORDERS).map(Victim::Recorder))
            .map(|victim| (victim, Blow::Kill))
            .chain([(Victim::Recorder(0), Blow::Pause), (Victim::Recorder(1), Blow::Cut)])
            .chain([(Victim::Node(0), Blow::Cut), (Victim::Publisher(1 % publishers), Blow::Cut)])
            .collect();
        chance.shuffle(&mut first);
        Self { chance, publishers, first }
    }

    fn one(&mut self) -> (Victim, Blow) {
        if let Some(first) = self.first.pop() {
            return first;
        }
        let victim = match self.chance.below(100) {
            0..25 => Victim::Node(self.below(NODES)),
            25..50 => Victim::Recorder(self.below(RECORDERS)),
            50..60 => Victim::Web(self.below(WEBS)),
            60..65 => Victim::Alarms(self.below(ALARMS)),
            65..88 => Victim::Publisher(self.below(self.publishers)),
            88..96 => Victim::Primary,
            _ => Victim::Standby,
        };
        let blow = match self.chance.below(100) {
            0..60 => Blow::Kill,
            60..80 => Blow::Pause,
            _ => Blow::Cut,
        };
        (victim, blow)
    }

    fn below(&mut self, end: usize) -> usize {
        self.chance.below(end as u64) as usize
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let longest_ms = if self.chance.percent(20) { 100 } else { 2500 };
        let pause = self.chance.millis_below(longest_ms);
        let mut struck = vec![self.one()];
        // Two of a kind are more than it is made for: two nodes of three, both recorders, both databases.
        if self.first.is_empty() && self.chance.percent(25) {
            let more = self.one();
            if kind(more.0) != kind(struck[0].0) {
                struck.push(more);
            }
        }
        let is_short = struck.iter().all(|(_, blow)| *blow == Blow::Kill) && self.chance.percent(80);
        let away = match is_short {
            true => self.chance.millis_below(1500),
            false => Duration::from_secs(1) + self.chance.millis_below(7000),
        };
        Some(Step { pause, struck, away })
    }
}

/// Which of them stand in for each other.
fn kind(victim: Victim) -> u8 {
    match victim {
        Victim::Node(_) => 0,
        Victim::Recorder(_) => 1,
        Victim::Web(_) => 2,
        Victim::Alarms(_) => 3,
        Victim::Publisher(_) => 4,
        Victim::Primary | Victim::Standby => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_that_strikes_everybody_early_and_never_two_of_a_kind_at_once() {
        let plan = |seed| Plan::new(seed, 8).take(200).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        let early: Vec<_> = plan(7).into_iter().take(14).flat_map(|step| step.struck).collect();
        assert!((0..NODES).all(|node| early.contains(&(Victim::Node(node), Blow::Kill))), "{early:?}");
        assert!(
            early.contains(&(Victim::Primary, Blow::Kill))
                && early.contains(&(Victim::Recorder(1), Blow::Cut))
        );
        for step in plan(9) {
            let mut kinds: Vec<_> = step.struck.iter().map(|(victim, _)| kind(*victim)).collect();
            kinds.dedup();
            assert_eq!(kinds.len(), step.struck.len(), "{step:?}");
        }
    }
}
