//! What happens when the brokers are there again after an outage and all publishers come back. Pure.
//!
//! A publisher tries as `daemon-runtime/src/mqtt/tries.rs` says: after a pause that grows from 0.2 s to 30 s, with as much again
//! by chance. A login that does not get its turn within ten seconds is given up. Who is in sends all that has no mark, and what
//! has none after 40 s once more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use end_to_end::torture::SeededRandom;

/// The longest pause between two tries, in milliseconds, before chance.
const LONGEST_PAUSE_MS: u64 = 30_000;

/// How long one waits for the answer to its login.
const PATIENCE_MS: u64 = 10_000;

/// After so long without a mark, minutes are sent again.
const AGAIN_AFTER_S: u64 = 40;

/// A simulation ends after so long; what is not recorded then never will be.
const LONGEST_S: u64 = 30 * 86_400;

/// How all publishers come back.
pub(crate) struct Return {
    pub(crate) publishers: u64,
    pub(crate) logins_a_second: u64,
    pub(crate) minutes_a_second: u64,
    pub(crate) seed: u64,
}

/// What came of it, from the moment on at which the brokers are there again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) connected_s: u64,
    pub(crate) most_tries: u32,
    pub(crate) longest_queue: u64,
    /// Minutes that were sent a second time because their mark did not come.
    pub(crate) twice: u64,
    /// `None`: never.
    pub(crate) recorded_s: Option<u64>,
}

impl Return {
    /// After outages that have lasted so long.
    pub(crate) fn after<const N: usize>(&self, lasted_s: [u64; N]) -> [Recovery; N] {
        let (connected, most_tries) = self.logins();
        lasted_s.map(|lasted_s| {
            let (longest_queue, twice, recorded_s) = self.backlog(&connected, lasted_s);
            Recovery { connected_s: connected.len() as u64, most_tries, longest_queue, twice, recorded_s }
        })
    }

    /// How many are let in in each second, and how often one has tried at most.
    fn logins(&self) -> (Vec<u64>, u32) {
        let mut chance = SeededRandom::new(self.seed);
        let pause = |chance: &mut SeededRandom, tries: u32| {
            let pause = (200u64 << tries.min(20)).min(LONGEST_PAUSE_MS);
            pause + chance.below(pause)
        };
        // Whoever has tried for ten minutes is in its longest pauses, anywhere in one of them.
        let mut coming: BinaryHeap<Reverse<(u64, u32)>> =
            (0..self.publishers).map(|_| Reverse((chance.below(2 * LONGEST_PAUSE_MS), 0))).collect();
        let (mut waiting, mut connected, mut most, mut free_us) = (VecDeque::new(), Vec::new(), 0, 0u64);
        let mut left = self.publishers;
        while left > 0 {
            let now_ms = connected.len() as u64 * 1000;
            while let Some(Reverse((at, tries))) =
                coming.peek().copied().filter(|Reverse((at, _))| *at < now_ms + 1000)
            {
                coming.pop();
                most = most.max(tries + 1);
                waiting.push_back((at, tries));
            }
            let mut let_in = 0;
            free_us = free_us.max(now_ms * 1000);
            while let Some((at, tries)) = waiting.pop_front() {
                let begins_us = free_us.max(at * 1000);
                if begins_us >= (now_ms + 1000) * 1000 {
                    waiting.push_front((at, tries));
                    break;
                }
                if begins_us > (at + PATIENCE_MS) * 1000 {
                    // It has gone, and its pauses are the longest ones after an outage.
                    let again = at + PATIENCE_MS + pause(&mut chance, 8);
                    coming.push(Reverse((again.max(now_ms + 1000), tries + 1)));
                    continue;
                }
                free_us = begins_us + 1_000_000 / self.logins_a_second;
                let_in += 1;
            }
            connected.push(let_in);
            left -= let_in;
        }
        (connected, most)
    }

    /// What waits to be recorded at most, what is sent twice, and when nothing waits any more.
    fn backlog(&self, connected: &[u64], lasted_s: u64) -> (u64, u64, Option<u64>) {
        let (mut waiting, mut longest, mut twice, mut are_in) = (0u64, 0, 0, 0u64);
        for second in 0..LONGEST_S {
            let come = connected.get(second as usize).copied().unwrap_or(0);
            // Each has what it has counted since the outage began, and from then on one a minute.
            let theirs = come * (lasted_s + second) / 60;
            waiting += theirs + are_in / 60;
            // Whose turn is later than that does not see its mark in time.
            if waiting / self.minutes_a_second > AGAIN_AFTER_S {
                twice += theirs;
                waiting += theirs;
            }
            are_in += come;
            longest = longest.max(waiting);
            waiting = waiting.saturating_sub(self.minutes_a_second);
            if waiting == 0 && are_in == self.publishers {
                return (longest, twice, Some(second + 1));
            }
        }
        (longest, twice, None)
    }
}
