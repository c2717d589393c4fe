//! What is heard of a counter, wherever it says it.

/// What was heard of a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Its total, in millionths of a Wh or litre, and whether it was kept for nobody knows how long, as brokers do.
    Total(i64, bool),
    /// Its power in W, or flow in l/h.
    Rate(u32),
    /// What it calls itself: said before its first total, and before the first one after that may have changed.
    Name(String),
    /// Its power or flow could not be read, and why; its total was.
    WithoutRate(String),
    /// Nothing of its total, which need be no fault; what there was instead.
    Without(String),
    /// Something else where its total should be, or no answer.
    Unreadable(String),
}
