//! A message in a form of one's own: text with words in braces. Pure.

use serde_json::Value;

use crate::notice::Notice;

/// What may stand in braces.
const WORDS: [&str; 8] = ["text", "alarm", "meter", "state", "since", "until", "highest", "page"];

/// A body with words in braces.
#[derive(Debug)]
pub(super) struct OwnBody {
    content_type: String,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Word(&'static str),
}

impl OwnBody {
    /// Reads it. What looks like a word has to be one; other braces stand for themselves.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, content_type: &str) -> Result<Self, String> {
        let (mut pieces, mut rest, mut plain) = (Vec::new(), text, String::new());
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            let is_word =
                |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
            let Some((word, after)) = after.split_once('}').filter(|(word, _)| is_word(word)) else {
                plain.push('{');
                rest = after;
                continue;
            };
            let Some(known) = WORDS.into_iter().find(|known| *known == word) else {
                return Err(format!("body has {{{word}}}; there are only {{{}}}", WORDS.join("}, {")));
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Word(known));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        let body = Self { content_type: content_type.to_owned(), pieces };
        let sample = body.filled(&Notice::sample());
        // What stands in it may be a secret, so the error says where it is, and not what.
        match serde_json::from_str::<Value>(&sample) {
            Err(error) if body.is_json() => Err(format!(
                "body is not JSON with values in the place of words, which stand in quotation marks: {error}"
            )),
            _ => Ok(body),
        }
    }

    fn is_json(&self) -> bool {
        self.content_type.split(';').next().is_some_and(|kind| kind.trim().ends_with("json"))
    }

    pub(super) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// With what a notice says.
    pub(super) fn filled(&self, notice: &Notice) -> String {
        let value = |word: &&'static str| {
            let value = value(notice, word);
            if self.is_json() { within_json(&value) } else { value }
        };
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Word(word) => value(word),
        });
        pieces.collect()
    }
}

/// What stands between the quotation marks of a text in JSON.
fn within_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn value(notice: &Notice, word: &str) -> String {
    match word {
        "text" => notice.text.clone(),
        "alarm" => Some(notice.alarm.clone()),
        "meter" => Some(notice.meter.clone()),
        "state" => Some(notice.state.word().to_owned()),
        "since" => notice.since.map(|since| since.to_string()),
        "until" => notice.until.map(|until| until.to_string()),
        "highest" => notice.highest.map(|highest| highest.to_string()),
        _ => notice.page.clone(),
    }
    .unwrap_or_default()
}
