//! What waits while minutes come faster than they are recorded. Pure.

/// When minutes come.
pub(crate) struct Arrivals {
    pub(crate) publishers: u64,
    /// Publishers send a minute evenly over so many seconds after its end.
    pub(crate) within_s: u64,
    pub(crate) minutes: u64,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Minutes that wait, at most.
    pub(crate) longest: u64,
    /// How long after a minute's end the last publisher's is recorded; `None` if that grows minute by minute.
    pub(crate) last_after_s: Option<u64>,
}

impl Arrivals {
    /// How many come in a second.
    fn in_second(&self, second: u64) -> u64 {
        let at = second % 60;
        let until = |second: u64| self.publishers * second.min(self.within_s) / self.within_s;
        if second / 60 < self.minutes { until(at + 1) - until(at) } else { 0 }
    }
}

impl Queue {
    /// Second by second, until the last minute is over.
    pub(crate) fn run(arrivals: &Arrivals, a_second: u64) -> Self {
        let (mut waiting, mut longest, mut last_after_s) = (0u64, 0, None);
        for second in 0..60 * arrivals.minutes {
            // What comes in a second and is recorded in the same one never waits.
            waiting = (waiting + arrivals.in_second(second)).saturating_sub(a_second);
            longest = longest.max(waiting);
            let all_have_come = second % 60 + 1 >= arrivals.within_s;
            if second / 60 + 1 == arrivals.minutes && all_have_come && waiting == 0 && last_after_s.is_none()
            {
                last_after_s = Some(second % 60 + 1);
            }
        }
        Self { longest, last_after_s }
    }
}
