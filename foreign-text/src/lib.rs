//! Text that somebody else has written, before it meets a log, a mail, a page or JSON.
//!
//! Such text can end a line and begin another, turn the direction in which it is read, move a
//! terminal's cursor, or be a hundred thousand characters long. [`foreign`] shows it in one line of
//! at most 200 characters; what must be fit to be shown as it is, a name say, is refused if it has
//! [control characters](is_control).

use std::fmt::{self, Write};

/// The characters of a foreign text that are shown.
pub const SHOWN: usize = 200;

/// A foreign text as it may be shown: control characters are escaped, as in `\n` or `\u{202e}`, and
/// what goes beyond 200 characters is cut off and counted.
///
/// `Debug` shows it in quotation marks, for fields of a log line.
pub fn foreign(text: &str) -> Foreign<'_> {
    Foreign(text)
}

/// See [`foreign`].
#[derive(Clone, Copy)]
pub struct Foreign<'a>(&'a str);

/// Whether a character does something instead of being seen: the control characters of ASCII and
/// Latin 1, those that separate lines and paragraphs, and those that change the direction of writing.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Writes on with control characters escaped.
#[derive(Debug)]
pub struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_control) {
            self.0.write_str(&rest[..at])?;
            let mut characters = rest[at..].chars();
            characters.next().map_or(Ok(()), |control| write!(self.0, "{}", control.escape_default()))?;
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

impl Foreign<'_> {
    /// What is shown, and how many characters are not.
    fn cut(&self) -> (&str, usize) {
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => (&self.0[..end], self.0[end..].chars().count()),
            None => (self.0, 0),
        }
    }
}

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = self.cut();
        Escaping(&mut *f).write_str(shown)?;
        if more > 0 { write!(f, "… ({more} more characters)") } else { Ok(()) }
    }
}

impl fmt::Debug for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = self.cut();
        f.write_str("\"")?;
        Escaping(&mut *f).write_str(&shown.replace('\\', "\\\\").replace('"', "\\\""))?;
        f.write_str("\"")?;
        if more > 0 { write!(f, "… ({more} more characters)") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_stay_in_its_line_is_escaped() {
        for (text, shown) in [
            ("Hauptzähler ☀️ 👨‍👩‍👧 \\ \"a\"", "Hauptzähler ☀️ 👨‍👩‍👧 \\ \"a\""),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\u{0}"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{7f}\u{85}\u{9b}", "\\u{7f}\\u{85}\\u{9b}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{202e}x\u{2066}\u{200f}\u{61c}", "\\u{202e}x\\u{2066}\\u{200f}\\u{61c}"),
        ] {
            assert_eq!(foreign(text).to_string(), shown);
            assert_eq!(shown.chars().find(|shown| is_control(*shown)), None);
        }
        assert_eq!(format!("{:?}", foreign("a\n\"b\\n")), r#""a\n\"b\\n""#);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let ready = "ä".repeat(SHOWN);
        assert_eq!(foreign(&ready).to_string(), ready);
        let long = format!("{ready}\n{}", "x".repeat(65_334));
        assert_eq!(foreign(&long).to_string(), format!("{ready}… (65335 more characters)"));
        assert_eq!(format!("{:?}", foreign(&long)), format!("\"{ready}\"… (65335 more characters)"));
    }
}
