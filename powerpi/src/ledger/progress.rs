//! Progress of what takes long, where somebody is watching.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over so many days; hidden where nobody is watching.
pub(super) fn progress_bar(days: u64) -> ProgressBar {
    let bar = ProgressBar::new(days);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{wide_bar:.green/dim} {pos}/{len} days, {eta} left") {
        bar.set_style(style);
    }
    bar
}
