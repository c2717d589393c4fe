//! What is told of a shape.

use std::fmt;

use end_to_end::measuring::median;

pub(crate) const TABLE_HEAD: &str = "| meters × minutes | minutes a second | CPU seconds of 100,000 minutes: broker | \
    recorder | both | marks of a meter | memory of both, at most, MB | CPU of a new meter, ms |\n|---|---|---|---|---|---|---|---|";

#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Minutes a second, from the first publication to the last mark.
    pub(crate) rate: f64,
    /// CPU seconds of 100,000 minutes.
    pub(crate) broker: f64,
    /// The same, including the RRD files.
    pub(crate) recorder: f64,
    /// Marks of each meter.
    pub(crate) marks: f64,
    /// The most resident memory of broker and recorder.
    pub(crate) memory_mb: f64,
    /// The recorder's CPU for a new meter's first minute and files.
    pub(crate) new_meter_ms: f64,
}

impl Figures {
    /// The median of each.
    pub(crate) fn medians(all: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(all.iter().map(figure));
        Self {
            rate: of(|one| one.rate),
            broker: of(|one| one.broker),
            recorder: of(|one| one.recorder),
            marks: of(|one| one.marks),
            memory_mb: of(|one| one.memory_mb),
            new_meter_ms: of(|one| one.new_meter_ms),
        }
    }

    /// A row of the table.
    pub(crate) fn row(&self, shape: impl fmt::Display) -> String {
        let Self { rate, broker, recorder, marks, memory_mb, new_meter_ms } = self;
        let both = broker + recorder;
        format!(
            "| {shape} | {rate:.0} | {broker:.2} | {recorder:.2} | {both:.2} | {marks:.1} | {memory_mb:.0} | {new_meter_ms:.2} |"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, broker, recorder, marks, memory_mb, new_meter_ms } = self;
        write!(
            f,
            "{rate:.0} minutes a second; CPU seconds of 100,000: broker {broker:.2}, recorder {recorder:.2}; \
             {marks:.1} marks of a meter; {memory_mb:.0} MB; a new meter {new_meter_ms:.2} ms"
        )
    }
}
