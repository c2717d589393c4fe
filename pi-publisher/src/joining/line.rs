//! The invitation, from where not every user of this machine can read it: a command line stands in the list of
//! processes.

use std::io::{BufRead, BufReader, IsTerminal, Read};

use anyhow::{Context, bail};
use pairing::Invitation;

/// Longer than any invitation, in bytes.
const LONGEST: u64 = 8192;

/// Asks for the invitation at a terminal, without showing it; otherwise it is the first line of standard input.
pub(super) fn read() -> anyhow::Result<Invitation> {
    let line = if std::io::stdin().is_terminal() {
        let question =
            "Paste the line that `powerpi invite` has printed on the server (it is not shown here): ";
        rpassword::prompt_password(question).context("asking for the invitation")?
    } else {
        first_line(std::io::stdin().lock())?
    };
    Ok(line.parse()?)
}

fn first_line(source: impl Read) -> anyhow::Result<String> {
    let mut line = String::new();
    let read = BufReader::new(source.take(LONGEST)).read_line(&mut line);
    read.context("reading the invitation from standard input")?;
    if line.trim().is_empty() {
        bail!("there is no invitation: paste the line that `powerpi invite` has printed on the server");
    }
    Ok(line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_a_line_is_read() {
        assert_eq!(first_line(&b"powerpi://a\nb"[..]).unwrap(), "powerpi://a\n");
        let endless = first_line(std::io::repeat(b'x')).unwrap();
        assert_eq!(endless.len() as u64, LONGEST);
        for nothing in [&b""[..], b"\n", b"  \r\n"] {
            assert!(first_line(nothing).unwrap_err().to_string().contains("there is no invitation"));
        }
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }
}
