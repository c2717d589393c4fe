//! Which programs are killed when. Pure.

use std::time::Duration;

use super::SeededRandom;

/// The programs of a pipeline, in the order in which they are first started.
pub(super) const PROGRAMS: usize = 4;

/// One step of the storm: some programs are killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KillStep {
    /// How long everything runs before.
    pub(super) pause: Duration,
    /// The programs that are killed, in this order; they are started again in the same order.
    pub(super) killed: Vec<usize>,
    /// How long they are stopped.
    pub(super) away: Duration,
    /// Whether a thread of theirs panics, instead of SIGKILL; only in builds that have faults on purpose.
    pub(super) by_panic: bool,
}

/// Steps until `kills` processes are killed.
pub(super) fn kill_steps(seed: u64, kills: u64) -> Vec<KillStep> {
    // Who panics is drawn apart: a seed hits the same programs in every build.
    let (mut chance, mut panics) = (SeededRandom::new(seed), SeededRandom::new(!seed));
    let (mut kill_steps, mut planned) = (Vec::new(), 0);
    while planned < kills {
        let mut step = kill_step(&mut chance);
        step.killed.truncate((kills - planned) as usize);
        step.by_panic = cfg!(debug_assertions) && panics.percent(30);
        planned += step.killed.len() as u64;
        kill_steps.push(step);
    }
    kill_steps
}

fn kill_step(chance: &mut SeededRandom) -> KillStep {
    let pause = match chance.below(100) {
        // While the last ones are still starting.
        0..20 => chance.millis_below(60),
        20..90 => chance.millis_below(600),
        _ => chance.millis_below(3000),
    };
    let mut killed: Vec<usize> = (0..PROGRAMS).collect();
    chance.shuffle(&mut killed);
    killed.truncate(match chance.below(100) {
        0..75 => 1,
        75..92 => 2,
        _ => PROGRAMS,
    });
    let away = if chance.percent(10) { chance.millis_below(1500) } else { chance.millis_below(150) };
    KillStep { pause, killed, away, by_panic: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_that_hits_everybody() {
        let plan = kill_steps(7, 100);
        assert_eq!(plan, kill_steps(7, 100));
        assert_ne!(plan, kill_steps(8, 100));
        let hit: Vec<usize> = plan.iter().flat_map(|step| step.killed.clone()).collect();
        assert_eq!(hit.len(), 100);
        assert!((0..PROGRAMS).all(|program| hit.contains(&program)));
    }
}
