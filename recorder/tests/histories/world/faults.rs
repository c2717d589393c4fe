//! What may be wrong on purpose, and when a recorder is killed.

/// What may be built wrongly on purpose: a history must show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The recorder says a mark before it is committed.
    MarkBeforeCommit,
    /// The publisher takes a repeated mark for nothing new.
    RepeatIgnored,
    /// The publisher gives an old copy's numbers to new minutes and goes on.
    CopyGoesOn,
    /// Minutes do not say their outbox, as in the contract's first edition.
    OutboxNotSaid,
    /// The publisher drops what it cannot write.
    FullDropsMinutes,
    /// The publisher makes room by what is not marked.
    UnmarkedPruned,
    /// The publisher's clock is set back, and it counts the same minutes a second time.
    MinutesTwice,
    /// The recorder says the marks of what its disk refused.
    FullSaysMarks,
    /// The publisher takes what a mark names as lost for recorded.
    LostForgotten,
    /// The recorder does not say that an outbox was set back.
    SetBackNotSaid,
    /// The publisher leaves out of a new outbox what an old copy holds up to the mark's minute.
    MarkedLeftOut,
}

impl Fault {
    /// Those that random histories find soon; the others need a story of their own.
    pub(crate) const COMMON: [Self; 8] = [
        Self::MarkBeforeCommit,
        Self::RepeatIgnored,
        Self::CopyGoesOn,
        Self::OutboxNotSaid,
        Self::FullDropsMinutes,
        Self::UnmarkedPruned,
        Self::MinutesTwice,
        Self::FullSaysMarks,
    ];
}

/// When a recorder is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Killed {
    BeforeCommit,
    /// Nobody hears what it was about to say.
    AfterCommit,
}
