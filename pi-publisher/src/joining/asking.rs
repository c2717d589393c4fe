//! Asking whoever sits at the terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::str::FromStr;

use anyhow::{Context, bail};

/// Whether anybody can answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks until the answer can be understood; nothing stands for `usual`.
pub(super) fn ask<T: FromStr + Display>(question: &str, usual: T) -> anyhow::Result<T> {
    let mut usual = Some(usual);
    loop {
        print!("{question} [{}] ", usual.as_ref().map(T::to_string).unwrap_or_default());
        std::io::stdout().flush().context("asking")?;
        let mut answer = String::new();
        if std::io::stdin().read_line(&mut answer).context("reading the answer")? == 0 {
            bail!("there was no answer");
        }
        match answer.trim() {
            "" => return usual.take().context("there was no answer"),
            answer => match answer.replace(',', ".").parse() {
                Ok(answer) => return Ok(answer),
                Err(_) => println!("Please give a number."),
            },
        }
    }
}
