//! How an invitation is printed: the line alone on standard output, for scripts, and at a terminal a QR code of it.

use std::io::IsTerminal;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Prints a line or link.
pub(super) fn print(line: &str) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() {
        let picture = QrCode::new(line).context("drawing the QR code")?;
        println!("{}\n", picture.render::<Dense1x2>().build());
    }
    println!("{line}");
    Ok(())
}

/// Until when it is good, by the clock on the wall.
pub(super) fn clock(until: Timestamp) -> impl std::fmt::Display {
    TimeZone::system().to_datetime(until).strftime("%H:%M").to_string()
}
