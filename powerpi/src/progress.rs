//! Bars of progress, where somebody is watching: none in a file or pipe.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How a bar of days looks.
pub(crate) const DAYS: &str = "{bar} {pos}/{len} days, {eta} left";

/// How a bar of bytes looks.
pub(crate) const BYTES: &str = "{bar} {bytes} of {total_bytes}";

/// A bar of so many steps; `style` is a template of indicatif's, in which `{bar}` stands for the bar itself.
pub(crate) fn bar(steps: u64, style: &str) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(&style.replace("{bar}", "{wide_bar:.green/dim}")) {
        bar.set_style(style);
    }
    bar
}
