//! Minutes that come late or mixed up: who keeps them, and what that costs.

use std::fmt::Write;

use end_to_end::measuring::{Report, median};

use crate::figures::Figures;
use crate::meters::Order;
use crate::peers::{Keeper, Running as Peer};
use crate::shape::Shape;

const ORDERS: [(&str, Order); 3] = [
    ("as counted", Order::AsCounted),
    ("newest first, then all before it", Order::NewestFirst),
    ("mixed up within 1,000 minutes", Order::Shuffled),
];

/// PowerPi's cost in each order, every minute being checked; and how much is right of what one peer with RRD files and
/// the one with SQLite keep.
pub(crate) fn compare(report: &Report, keepers: &[Keeper], rounds: usize, shapes: &[Shape]) {
    let keepers: Vec<Keeper> = [Keeper::Compiled, Keeper::PythonSqlite]
        .into_iter()
        .filter(|keeper| keepers.contains(keeper))
        .collect();
    let mut table = "| meters × minutes | order | PowerPi: minutes a second | CPU seconds of 100,000 | right of those sent |"
        .to_owned();
    for keeper in &keepers {
        let _ = write!(table, " {keeper}: right |");
    }
    let _ = writeln!(table, "\n|---|---|---|---|---|{}", "---|".repeat(keepers.len()));
    for shape in shapes {
        for (name, order) in ORDERS {
            let all: Vec<Figures> = (0..rounds).map(|_| shape.measure(order)).collect();
            let (rate, cpu) =
                (median(all.iter().map(|it| it.rate)), median(all.iter().map(|it| it.broker + it.recorder)));
            // It panics if one is missing or wrong.
            let _ = write!(table, "| {shape} | {name} | {rate:.0} | {cpu:.2} | 100.0 % |");
            for keeper in &keepers {
                let right = Peer::start(*keeper, *shape).measure(order).right_percent;
                let _ = write!(table, " {right:.1} % |");
            }
            table.push('\n');
            println!("{shape}, {name}: {rate:.0} minutes a second, {cpu:.2} CPU seconds of 100,000");
        }
    }
    report.tell("orders", &table);
}
