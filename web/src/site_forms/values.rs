//! What stands in the fields of a form, as it was typed.

use std::collections::BTreeMap;

use toml_edit::Value;

/// More than any price, power or budget.
const MOST: f64 = 1e9;

/// The values of fields, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    /// Those of a form's body; of a name that is there twice, the first.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            values.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(values)
    }

    /// What stands in a field, without blanks around it; empty where it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// What stands in a field, as it is: of a password every blank counts.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether something does.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Fills a field in.
    pub(super) fn put<T: ToString + ?Sized>(&mut self, name: &str, value: &T) {
        self.0.insert(name.to_owned(), value.to_string());
    }

    /// The same, if there is something to fill in.
    pub(super) fn put_some<T: ToString>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, &value);
        }
    }

    /// A number with at most one comma or point; `None` for an empty field.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, NoNumber> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.replace(',', ".").replace('−', "-");
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_plain = digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse().ok().filter(|number: &f64| is_plain && number.abs() < MOST);
        number.map(Some).ok_or(NoNumber)
    }
}

/// What was typed in is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoNumber;

/// What is wrong, by the names of fields, in the reader's language; all that is wrong, not only the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wrong(BTreeMap<String, String>);

impl Wrong {
    /// Says what is wrong with a field.
    pub(crate) fn say(&mut self, field: &str, what: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| what.into());
    }

    /// What is wrong with a field.
    pub(crate) fn of(&self, field: &str) -> Option<&String> {
        self.0.get(field)
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number of a field; one that is none is told.
    pub(super) fn number(&mut self, values: &Values, field: &str, what: &str) -> Option<f64> {
        values.number(field).unwrap_or_else(|NoNumber| {
            self.say(field, what);
            None
        })
    }

    /// The same as it stands in TOML.
    pub(super) fn toml(&mut self, values: &Values, field: &str, what: &str) -> Option<Value> {
        self.number(values, field, what).map(Value::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let of = |text: &str| Values::of(format!("x={}", text.replace('+', "%2B")).as_bytes()).number("x");
        for (text, number) in [
            ("0,2689", 0.2689),
            (" 12 ", 12.0),
            ("-3.5", -3.5),
            ("−1", -1.0),
            ("0.", 0.0),
            ("1500000", 1_500_000.0),
        ] {
            assert_eq!(of(text), Ok(Some(number)), "{text}");
        }
        assert_eq!(of(""), Ok(None));
        for text in
            ["x", "1e3", "1.2.3", "1.234,5", "inf", "NaN", "1000000000", "--1", "-", "+1", "0x1", ".5"]
        {
            assert_eq!(of(text), Err(NoNumber), "{text}");
        }
    }
}
