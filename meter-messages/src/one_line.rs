//! Text from outside, as it may be told.

/// The first characters of a text as one line: whatever would end it, or change how it is shown, is escaped.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for letter in text.chars().take(most) {
        match letter {
            '"' | '\'' | '\\' => line.push(letter),
            _ => line.extend(letter.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}
