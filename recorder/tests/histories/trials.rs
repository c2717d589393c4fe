//! Tries many histories on all processors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::events::{History, histories};
use crate::world::Fault;

/// A history that does not end well: the shortest that was found, and what is wrong at its end.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) history: History,
    pub(super) wrong: String,
}

/// Tries `count` histories of a seed, in as many threads as there are processors.
pub(super) fn try_histories(count: u32, seed: u64, fault: Option<Fault>) -> Result<(), Found> {
    static QUIET: Once = Once::new();
    // A history that fails is told once it is as short as it gets.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    std::thread::scope(|scope| {
        let begin = |thread: u32| scope.spawn(move || try_some(count.div_ceil(threads), seed, thread, fault));
        let running: Vec<_> = (0..threads).map(begin).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("a panic outside a history"))
    })
}

fn try_some(count: u32, seed: u64, thread: u32, fault: Option<Fault>) -> Result<(), Found> {
    let config =
        Config { cases: count, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&thread.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tried = runner.run(&histories(), |history| {
        let ended = catch_unwind(AssertUnwindSafe(|| history.play(fault).check()));
        ended.map_err(|panic| TestCaseError::fail(said(&*panic)))
    });
    match tried {
        Ok(()) => Ok(()),
        Err(TestError::Fail(wrong, history)) => Err(Found { history, wrong: wrong.to_string() }),
        Err(aborted) => panic!("{aborted}"),
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
