//! Tries many histories on all processors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::events::{History, histories};
use crate::world::Fault;

/// How far it has come is told after so many.
const TOLD_EVERY: u32 = 10_000;

/// So many histories have a seed: the next ones have the next seed.
const OF_A_SEED: u32 = 500;

/// A history that does not end well: the shortest that was found, what is wrong at its end, and the seed that plays it
/// again.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seed: u64,
    pub(super) history: History,
    pub(super) wrong: String,
}

/// How many were played, since when.
struct Played {
    histories: AtomicU32,
    began: Instant,
}

impl Played {
    fn one(&self) {
        let histories = self.histories.fetch_add(1, Ordering::Relaxed) + 1;
        if histories.is_multiple_of(TOLD_EVERY) {
            let (seconds, number) = (self.began.elapsed().as_secs_f64(), f64::from(histories));
            let (rate, cpu_ms) = (number / seconds, 1000.0 * cpu_s() / number);
            println!("{histories} histories in {seconds:.0} s: {rate:.0} a second, {cpu_ms:.2} ms CPU each");
        }
    }
}

/// The CPU time of this process so far.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // utime and stime, in hundredths of a second, are the 12th and 13th field after the name in brackets.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

thread_local! {
    /// Whether this thread plays histories: one that fails is told once it is as short as it gets.
    static PLAYS: Cell<bool> = const { Cell::new(false) };
}

fn be_quiet_about_histories() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !PLAYS.get() {
                told(panic);
            }
        }));
    });
}

/// Tries `count` histories from a seed on, in as many threads as are wanted.
pub(super) fn try_histories(
    count: u32,
    seed: u64,
    fault: Option<Fault>,
    threads: usize,
) -> Result<(), Found> {
    be_quiet_about_histories();
    let played = Played { histories: AtomicU32::new(0), began: Instant::now() };
    let (seeds, is_found) = (AtomicU32::new(0), AtomicBool::new(false));
    let try_next = || -> Option<Result<(), Found>> {
        let place = seeds.fetch_add(1, Ordering::Relaxed);
        let left = count.saturating_sub(place.saturating_mul(OF_A_SEED));
        if left == 0 || is_found.load(Ordering::Relaxed) {
            return None;
        }
        let tried = try_some(left.min(OF_A_SEED), seed.wrapping_add(place.into()), fault, &played);
        is_found.fetch_or(tried.is_err(), Ordering::Relaxed);
        Some(tried)
    };
    std::thread::scope(|scope| {
        let begin = |_| scope.spawn(move || std::iter::from_fn(try_next).collect::<Result<(), Found>>());
        let running: Vec<_> = (0..threads).map(begin).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("a panic outside a history"))
    })
}

fn try_some(count: u32, seed: u64, fault: Option<Fault>, played: &Played) -> Result<(), Found> {
    let config =
        Config { cases: count, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    PLAYS.set(true);
    let tried = runner.run(&histories(), |history| {
        let ended = catch_unwind(AssertUnwindSafe(|| history.play(fault).check()));
        played.one();
        ended.map_err(|panic| TestCaseError::fail(said(&*panic)))
    });
    match tried {
        Ok(()) => Ok(()),
        Err(TestError::Fail(wrong, history)) => Err(Found { seed, history, wrong: wrong.to_string() }),
        Err(aborted) => panic!("{aborted}"),
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
