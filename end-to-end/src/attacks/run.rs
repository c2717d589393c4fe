//! Attacks, one after the other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::all::{ALL, Attack, Who};
use super::budget::faults;
use super::kept::Kept;
use super::latencies::Latencies;
use super::neighbourhood::{Extent, Neighbourhood};
use crate::torture::client::Came;
use crate::wait_until;

/// PUBACKs that are timed at least, quiet and beside an attack.
const TIMED: usize = 300;

/// Nothing within this is too late.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of an attack.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attack.
    pub attack: &'static Attack,
    /// In how many pieces it came.
    pub pieces: usize,
    /// The PUBACKs of the measured publisher before it.
    pub quiet: Latencies,
    /// And beside it.
    pub beside: Latencies,
    /// Pages that the browser saw beside it.
    pub pages: u64,
    /// The most that the programs kept, beyond what they had before.
    pub most: Kept,
    /// KiB that the broker then says it keeps for clients; 0 if it was not asked.
    pub account_kib: u64,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// All attacks, one after the other, on one set of programs; then these are started anew, and the attackers removed.
///
/// # Panics
/// If somebody honest is not served.
pub fn beside_all(extent: Extent, progress: &dyn Fn(&str)) -> Vec<Outcome> {
    let mut neighbourhood = Neighbourhood::start(extent);
    neighbourhood.expect_all_is_well();
    let idle = neighbourhood.kept();
    let mut outcomes = Vec::new();
    for attack in ALL {
        let outcome = attack_beside(&neighbourhood, attack, idle, (Latencies::default(), 20));
        progress(&outcome.to_string());
        outcomes.push(outcome);
    }
    let account = neighbourhood.account();
    neighbourhood = neighbourhood.restart();
    neighbourhood.expect_all_is_well();
    let after = neighbourhood.kept().beyond(idle);
    [Who::Reader, Who::Publisher]
        .iter()
        .filter_map(|who| who.user())
        .for_each(|user| remove(&neighbourhood, user));
    if let Some(last) = outcomes.last_mut() {
        last.account_kib = account.bytes / 1024;
        last.faults.extend(account.faults());
        last.faults.extend(faults(extent, after).map(|fault| format!("after a restart: {fault}")));
    }
    outcomes
}

/// The attacker's user is removed: it hears nothing more, nothing waits for it, and the others do not notice.
fn remove(neighbourhood: &Neighbourhood, user: &str) {
    let target = neighbourhood.target();
    let mut watching = target.client(user, "watching").expect("a clean session is let in");
    watching.subscribe("powerpi/#");
    neighbourhood.remove_user(user);
    loop {
        match watching.next(PATIENCE) {
            Came::End => break,
            Came::Packet(_) => {}
            Came::Nothing => panic!("a removed user stays connected"),
        }
    }
    neighbourhood.expect_all_is_well();
    assert!(target.client(user, "watching").is_none(), "it is not let in any more");
    wait_until("nothing is kept for it", || neighbourhood.account().has_nobody_of(user));
}

/// Each attack on programs of its own, which are started anew afterwards, and the attacker's user removed.
pub fn beside_each(extent: Extent, only: &str, progress: &dyn Fn(&str)) -> Vec<Outcome> {
    let attacks = ALL.iter().filter(|attack| attack.name.contains(only));
    let run = |attack: &'static Attack| {
        let outcome = catch_unwind(|| alone(extent, attack));
        let outcome = outcome.unwrap_or_else(|panic| Outcome::failed(extent, attack, words(panic.as_ref())));
        progress(&outcome.to_string());
        outcome
    };
    attacks.map(run).collect()
}

fn alone(extent: Extent, attack: &'static Attack) -> Outcome {
    let neighbourhood = Neighbourhood::start(extent);
    neighbourhood.expect_all_is_well();
    let ((), quiet) = neighbourhood.beside(TIMED, || ());
    let idle = neighbourhood.kept();
    let mut outcome = attack_beside(&neighbourhood, attack, idle, (quiet.latencies, TIMED));
    let account = neighbourhood.account();
    outcome.account_kib = account.bytes / 1024;
    outcome.faults.extend(account.faults());
    let again = catch_unwind(AssertUnwindSafe(|| {
        let neighbourhood = neighbourhood.restart();
        neighbourhood.expect_all_is_well();
        let after = neighbourhood.kept().beyond(idle);
        attack.who.user().into_iter().for_each(|user| remove(&neighbourhood, user));
        after
    }));
    let of_restart = match again {
        Ok(after) => faults(extent, after).collect(),
        Err(panic) => vec![words(panic.as_ref()).to_owned()],
    };
    outcome.faults.extend(of_restart.iter().map(|fault| format!("after a restart: {fault}")));
    outcome
}

fn attack_beside(
    neighbourhood: &Neighbourhood,
    attack: &'static Attack,
    idle: Kept,
    (quiet, timed): (Latencies, usize),
) -> Outcome {
    let (extent, target) = (neighbourhood.extent, neighbourhood.target());
    let pieces = attack.pieces[extent as usize];
    let (held, beside) = neighbourhood.beside(timed, || (attack.send)(&target, pieces));
    neighbourhood.expect_all_is_well();
    let most = beside.most.most(neighbourhood.kept()).beyond(idle);
    drop(held);
    let faults = faults(extent, most).collect();
    let (beside, pages) = (beside.latencies, beside.pages);
    Outcome { attack, pieces, quiet, beside, pages, most, account_kib: 0, faults }
}

impl Outcome {
    fn failed(extent: Extent, attack: &'static Attack, said: &str) -> Self {
        Self {
            attack,
            pieces: attack.pieces[extent as usize],
            quiet: Latencies::default(),
            beside: Latencies::default(),
            pages: 0,
            most: Kept::default(),
            account_kib: 0,
            faults: vec![said.to_owned()],
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}
