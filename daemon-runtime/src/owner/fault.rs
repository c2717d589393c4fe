//! Faults on purpose, for tests: builds with debug assertions only.
//!
//! `POWERPI_FAULT=KIND,OWNER,WHEN`: KIND is `panic` or `hang`, OWNER a thread's name, and WHEN
//! either a number (at its Nth step) or a file (at its first step after that file is there).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A fault that an owner is to have.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    when: When,
    steps: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Panic,
    Hang,
}

#[derive(Debug, PartialEq, Eq)]
enum When {
    Step(u64),
    File(PathBuf),
}

impl Fault {
    /// The fault that the environment names for this owner.
    pub(super) fn of(owner: &str) -> Option<Self> {
        Self::read(&std::env::var("POWERPI_FAULT").ok()?, owner)
    }

    fn read(text: &str, wanted: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(',')?;
        let (owner, when) = rest.rsplit_once(',')?;
        let kind = match kind {
            "panic" => Kind::Panic,
            "hang" => Kind::Hang,
            _ => return None,
        };
        let when = when.parse().map_or_else(|_| When::File(when.into()), When::Step);
        (owner == wanted).then_some(Self { kind, when, steps: AtomicU64::new(0) })
    }

    /// Has it, if it is time.
    pub(super) fn step(&self) {
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let is_time = match &self.when {
            When::Step(wanted) => step == *wanted,
            When::File(file) => file.exists(),
        };
        match self.kind {
            _ if !is_time => {}
            Kind::Panic => panic!("on purpose, as POWERPI_FAULT asks for"),
            Kind::Hang => loop {
                std::thread::park();
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_for_its_owner_alone() {
        let fault = Fault::read("panic,meter main,3", "meter main").unwrap();
        assert_eq!((fault.kind, fault.when), (Kind::Panic, When::Step(3)));
        let fault = Fault::read("hang,ledger,/tmp/now", "ledger").unwrap();
        assert_eq!((fault.kind, fault.when), (Kind::Hang, When::File("/tmp/now".into())));
        for other in ["panic,outbox,3", "boom,ledger,3", "panic", ""] {
            assert!(Fault::read(other, "ledger").is_none(), "{other}");
        }
    }
}
