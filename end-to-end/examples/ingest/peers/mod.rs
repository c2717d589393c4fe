//! The same minutes with mosquitto and what people keep them with, beside PowerPi, round by round.

mod compiled;
mod keeper;
mod kept;
mod running;

use std::fmt::Write;

use end_to_end::measuring::{Report, median, ratios};

pub(crate) use compiled::record;
pub(crate) use keeper::Keeper;
pub(crate) use running::{Outcome, Running};

use crate::figures::Figures;
use crate::meters::Order;
use crate::shape::Shape;

/// Those that are installed; a line is said of each other.
pub(crate) fn installed() -> Vec<Keeper> {
    let is_there = |keeper: &Keeper| match keeper.missing() {
        Some(package) => {
            println!("{keeper}: left out, because Debian's {package} is not installed");
            false
        }
        None => true,
    };
    Keeper::ALL.into_iter().filter(is_there).collect()
}

/// What one of them measured, by shape and round.
pub(crate) struct Peer {
    keeper: Keeper,
    outcomes: Vec<Vec<Outcome>>,
}

impl Peer {
    pub(crate) fn new(keeper: Keeper, shapes: usize) -> Self {
        Self { keeper, outcomes: vec![Vec::new(); shapes] }
    }

    /// One more round of a shape.
    pub(crate) fn measure(&mut self, index: usize, shape: Shape) {
        let outcome = Running::start(self.keeper, shape).measure(Order::AsCounted);
        println!("  {}: {outcome}", self.keeper);
        self.outcomes[index].push(outcome);
    }
}

/// A row for each shape and peer, and says it.
pub(crate) fn tell(report: &Report, shapes: &[Shape], ours: &[Vec<Figures>], peers: &[Peer]) {
    let mut table = "| meters × minutes | mosquitto and | minutes a second | PowerPi's rate by it | CPU seconds of 100,000: \
        mosquitto | the rest | PowerPi's CPU by it | memory of all, at most, MB | right of those sent |\n\
        |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (index, shape) in shapes.iter().enumerate() {
        let rates: Vec<f64> = ours[index].iter().map(|it| it.rate).collect();
        let cpu: Vec<f64> = ours[index].iter().map(|it| it.broker + it.recorder).collect();
        for peer in peers {
            let outcomes = &peer.outcomes[index];
            let of = |figure: fn(&Outcome) -> f64| -> Vec<f64> { outcomes.iter().map(figure).collect() };
            let (their_rates, their_cpu) = (of(|it| it.rate), of(|it| it.broker + it.rest));
            let _ = writeln!(
                table,
                "| {shape} | {} | {:.0} | {} | {:.2} | {:.2} | {} | {:.0} | {:.1} % |",
                peer.keeper,
                median(their_rates.iter().copied()),
                ratios(&rates, &their_rates),
                median(of(|it| it.broker)),
                median(of(|it| it.rest)),
                ratios(&cpu, &their_cpu),
                median(of(|it| it.memory_mb)),
                median(of(|it| it.right_percent)),
            );
        }
    }
    report.tell("peers", &table);
}
