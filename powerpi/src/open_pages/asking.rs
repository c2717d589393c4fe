//! Asking whoever sits at the terminal who shall see the pages.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use broker_users::UserName;

use super::openness::{HAVE_USERS, Openness};

/// What is asked.
const QUESTION: &str = "Who shall see the pages?\n\
    1  you and others who sign in, in this network\n\
    2  the same, through a proxy with a certificate on this machine, also from the internet\n\
    3  everybody in this network, without a password";

/// Asks who shall see the pages, and for the name of who signs in; `has_users` says that some do already.
pub(super) fn ask(has_users: bool) -> anyhow::Result<(Openness, Option<UserName>)> {
    let mut terminal = std::io::stdin().lock();
    if !std::io::stdin().is_terminal() {
        bail!("say who shall see the pages: --user NAME, --proxy here, or --everybody");
    }
    println!("{QUESTION}");
    let openness = match answer(&mut terminal, "1, 2 or 3?", |said| {
        ["1", "2", "3"].iter().position(|known| *known == said).ok_or("Please answer 1, 2 or 3.")
    })? {
        0 => Openness::Network,
        1 => Openness::ProxyHere,
        _ if has_users => bail!(HAVE_USERS),
        _ => return Ok((Openness::Network, None)),
    };
    let name = answer(&mut terminal, "By which name do you sign in?", |said| {
        said.parse::<UserName>().map_err(|error| error.to_string())
    })?;
    Ok((openness, Some(name)))
}

/// Asks until the answer is understood.
fn answer<T, E: std::fmt::Display>(
    source: &mut impl BufRead,
    question: &str,
    understood: impl Fn(&str) -> Result<T, E>,
) -> anyhow::Result<T> {
    loop {
        print!("{question} ");
        std::io::stdout().flush().context("asking")?;
        let mut line = String::new();
        if source.read_line(&mut line).context("reading the answer")? == 0 {
            bail!("there was no answer; nothing was changed");
        }
        match understood(line.trim()) {
            Ok(answer) => return Ok(answer),
            Err(why) => println!("{why}"),
        }
    }
}
