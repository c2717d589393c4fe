//! What may fail within a transaction, in the words of both homes.

pub(super) const BEGIN: &str = "SAVEPOINT attempt";
pub(super) const RELEASE: &str = "RELEASE SAVEPOINT attempt";
pub(super) const ROLL_BACK: &str = "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt";
