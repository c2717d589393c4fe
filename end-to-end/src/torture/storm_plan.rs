//! Which programs are killed when. Pure.

use std::time::Duration;

use super::Chance;

/// The programs of a pipeline, in the order in which they are first started.
pub(super) const PROGRAMS: usize = 4;

/// One step of the storm: some programs are killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blow {
    /// How long everything runs before.
    pub(super) pause: Duration,
    /// The programs that are killed, in this order; they are started again in the same order.
    pub(super) victims: Vec<usize>,
    /// How long they are stopped.
    pub(super) away: Duration,
    /// Whether a thread of theirs panics, instead of SIGKILL; only in builds that have faults on purpose.
    pub(super) by_panic: bool,
}

/// Steps until `kills` processes are killed.
pub(super) fn blows(seed: u64, kills: u64) -> Vec<Blow> {
    // Who panics is drawn apart: a seed hits the same programs in every build.
    let (mut chance, mut panics) = (Chance::new(seed), Chance::new(!seed));
    let (mut blows, mut planned) = (Vec::new(), 0);
    while planned < kills {
        let mut blow = blow(&mut chance);
        blow.victims.truncate((kills - planned) as usize);
        blow.by_panic = cfg!(debug_assertions) && panics.percent(30);
        planned += blow.victims.len() as u64;
        blows.push(blow);
    }
    blows
}

fn blow(chance: &mut Chance) -> Blow {
    let pause = match chance.below(100) {
        // While the last ones are still starting.
        0..20 => chance.millis_below(60),
        20..90 => chance.millis_below(600),
        _ => chance.millis_below(3000),
    };
    let mut victims: Vec<usize> = (0..PROGRAMS).collect();
    chance.shuffle(&mut victims);
    victims.truncate(match chance.below(100) {
        0..75 => 1,
        75..92 => 2,
        _ => PROGRAMS,
    });
    let away = if chance.percent(10) { chance.millis_below(1500) } else { chance.millis_below(150) };
    Blow { pause, victims, away, by_panic: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_that_hits_everybody() {
        let plan = blows(7, 100);
        assert_eq!(plan, blows(7, 100));
        assert_ne!(plan, blows(8, 100));
        let hit: Vec<usize> = plan.iter().flat_map(|blow| blow.victims.clone()).collect();
        assert_eq!(hit.len(), 100);
        assert!((0..PROGRAMS).all(|program| hit.contains(&program)));
    }
}
