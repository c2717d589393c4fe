//! One version as a file: a line that says who saved it and when, and the text as it was written. Pure.

use jiff::Timestamp;
use meter_messages::Info;
use serde::Deserialize;
use toml_edit::InlineTable;

/// A version of the site's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// 1 for the first.
    pub number: u64,
    /// When it was saved.
    pub at: Timestamp,
    /// Who saved it.
    pub by: String,
    /// What it was saved for.
    pub why: Option<String>,
    /// The settings: TOML, as it was written.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstLine {
    saved: Saved,
}

#[derive(Deserialize)]
struct Saved {
    at: Timestamp,
    by: String,
    why: Option<String>,
}

impl Version {
    /// The file's content. Who and why are made one line of 200 bytes at most.
    pub(crate) fn to_file(&self) -> String {
        let mut saved = InlineTable::new();
        saved.insert("at", self.at.to_string().into());
        saved.insert("by", one_line(&self.by).into());
        if let Some(why) = &self.why {
            saved.insert("why", one_line(why).into());
        }
        format!("saved = {saved}\n{}", self.text)
    }

    /// `None` where it is not such a file.
    pub(crate) fn from_file(number: u64, content: &str) -> Option<Self> {
        let (first, text) = content.split_once('\n')?;
        let FirstLine { saved } = toml_edit::de::from_str(first).ok()?;
        Some(Self { number, at: saved.at, by: saved.by, why: saved.why, text: text.to_owned() })
    }
}

fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while line.len() > Info::LONGEST_NAME {
        line.pop();
    }
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_is_toml_as_a_whole() {
        let text = "# why\r\ncurrency = \"EUR\"\n\n[[meter]]\nid = 'hq/main'\nname = 'Zähler'";
        let version = Version {
            number: 7,
            at: "2026-11-29T10:17:00.5Z".parse().unwrap(),
            by: "an\"na\\ 'x' ]".into(),
            why: Some("as 5".into()),
            text: text.into(),
        };
        let file = version.to_file();
        assert_eq!(Version::from_file(7, &file).unwrap(), version);
        assert!(file.parse::<toml_edit::DocumentMut>().is_ok(), "{file}");
        assert_eq!(Version::from_file(1, text), None);
        let hostile = Version { by: format!("a\n[x]{}", "ä".repeat(200)), why: None, ..version };
        let read = Version::from_file(7, &hostile.to_file()).unwrap();
        assert!(read.by.starts_with("a [x]ä") && read.by.len() <= 200 && read.text == text, "{read:?}");
    }
}
