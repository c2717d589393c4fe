//! Changes the text of a version part by part: what a person wrote beside it stays, with comments. Pure.

use daemon_runtime::SettingsError;
use meter_messages::Meter;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

use crate::document::SiteSettings;

/// The text of a version that is being changed. What it says is checked when it is saved.
#[derive(Debug, Clone)]
pub struct Editing(DocumentMut);

impl Editing {
    /// The text of a version; empty for the first.
    ///
    /// # Errors
    /// If it is none: what could not be read would be lost.
    pub fn of(text: &str) -> Result<Self, SettingsError> {
        daemon_runtime::parse::<SiteSettings>(text)?;
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| SettingsError::new(error.to_string()))
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Says something of the whole site, or no longer: `currency`, `holidays`.
    pub fn set(&mut self, key: &str, said: Option<Value>) {
        set(self.0.as_table_mut(), key, said);
    }

    /// Says of a meter what stands beside the keys, or no longer; nothing else that is said of it changes.
    pub fn set_meter(&mut self, meter: &Meter, said: Vec<(&str, Option<Value>)>) {
        let id = meter.to_string();
        let meters = self.tables("meter");
        let place = meters.iter().position(|table| table.get("id").and_then(Item::as_str) == Some(&id));
        if place.is_none() {
            let mut table = Table::new();
            table["id"] = toml_edit::value(id);
            meters.push(table);
        }
        let place = place.unwrap_or(meters.len() - 1);
        if let Some(table) = meters.get_mut(place) {
            said.into_iter().for_each(|(key, value)| set(table, key, value));
            // Of which nothing is said any more.
            if table.len() == 1 {
                meters.remove(place);
            }
        }
        self.tidy("meter");
    }

    /// Says which meters everybody may see, or nothing of it.
    pub fn set_public(&mut self, meters: Option<&[Meter]>) {
        let list = meters.map(|meters| Value::Array(meters.iter().map(Meter::to_string).collect::<Array>()));
        if list.is_none() {
            self.0.remove("access");
        } else {
            let access = self.0.entry("access").or_insert_with(toml_edit::table);
            if let Some(access) = access.as_table_like_mut() {
                access.insert("public_meters", list.map_or(Item::None, Item::Value));
            }
        }
    }

    /// Puts a table in the place of the one at `place` among those of `key` (`tariff`, `alarm`), or behind them; without
    /// a table that one goes.
    pub fn put(&mut self, key: &str, place: Option<usize>, new: Option<Table>) {
        let tables = self.tables(key);
        let place = place.filter(|place| *place < tables.len());
        match (place, new) {
            (Some(place), Some(new)) => {
                if let Some(old) = tables.get_mut(place) {
                    replace(old, new);
                }
            }
            (None, Some(new)) => tables.push(new),
            (Some(place), None) => {
                tables.remove(place);
            }
            (None, None) => {}
        }
        self.tidy(key);
    }

    /// The tables under a key, also where somebody has written them in one line.
    fn tables(&mut self, key: &str) -> &mut ArrayOfTables {
        let item = self.0.entry(key).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if !item.is_array_of_tables() {
            let inline = std::mem::take(item);
            *item = Item::ArrayOfTables(inline.into_array_of_tables().unwrap_or_default());
        }
        item.as_array_of_tables_mut().expect("it was made one")
    }

    fn tidy(&mut self, key: &str) {
        if self.tables(key).is_empty() {
            self.0.remove(key);
        }
    }
}

/// Lets a table say what another one does, and nothing else; comments beside what is still said stay.
fn replace(old: &mut Table, new: Table) {
    let gone: Vec<String> =
        old.iter().map(|(key, _)| key.to_owned()).filter(|key| !new.contains_key(key)).collect();
    gone.iter().for_each(|key| drop(old.remove(key)));
    for (key, item) in new {
        match (item, old.get_mut(&key)) {
            (Item::Value(value), _) => set(old, &key, Some(value)),
            (Item::ArrayOfTables(new), Some(Item::ArrayOfTables(old))) => replace_rows(old, new),
            (item, _) => old[&key] = item,
        }
    }
}

/// The same of rows. If there are more or fewer of them, those that say what one did before are taken for it.
fn replace_rows(old: &mut ArrayOfTables, new: ArrayOfTables) {
    if old.len() == new.len() {
        return old.iter_mut().zip(new).for_each(|(old, new)| replace(old, new));
    }
    // In their order: where a row stands in the text goes by where it stood.
    let before: Vec<Table> = std::mem::take(old).into_iter().collect();
    let mut rest = before.iter();
    for row in new {
        let same = rest.clone().position(|old| says_the_same(old, &row));
        old.push(same.and_then(|at| rest.nth(at).cloned()).unwrap_or(row));
    }
}

fn says_the_same(one: &Table, other: &Table) -> bool {
    let has = |key: &str, value: &Item| {
        one.get(key).and_then(Item::as_value).zip(value.as_value()).is_some_and(|(one, it)| is_same(one, it))
    };
    one.len() == other.len() && other.iter().all(|(key, value)| has(key, value))
}

/// Whether two values are the same, however they are written; of tables only if they are written alike.
fn is_same(one: &Value, other: &Value) -> bool {
    if let Some((one, other)) = one.as_array().zip(other.as_array()) {
        return one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, it)| is_same(one, it));
    }
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|whole| whole as f64));
    match (one.as_str().zip(other.as_str()), number(one).zip(number(other))) {
        (Some((one, other)), _) => one == other,
        (_, Some((one, other))) => one == other,
        _ => one.to_string().trim() == other.to_string().trim(),
    }
}

fn set(table: &mut Table, key: &str, said: Option<Value>) {
    match (said, table.get_mut(key)) {
        (Some(new), Some(Item::Value(old))) if is_same(old, &new) => {}
        (None, _) => {
            table.remove(key);
        }
        (Some(mut new), Some(Item::Value(old))) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (Some(new), _) => table[key] = Item::Value(new),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn meter(id: &str) -> Meter {
        id.parse().unwrap()
    }

    #[test]
    fn one_part_changes_and_all_else_stays_as_it_was_written() {
        let text = "# ours\ncurrency = 'EUR' # of course\n\n[[meter]] # the big one\nid = 'hq/main'\nname = 'Haus' # ours\n\
                    colour = 'red'\n\n# later\n[[tariff]]\nprice_per_kwh = 0.3\n";
        let mut editing = Editing::of(text).unwrap();
        editing.set_meter(&meter("hq/main"), vec![("name", Some("Hof".into())), ("place", Some(2.into()))]);
        assert_eq!(
            editing.text(),
            text.replace("'Haus'", "\"Hof\"").replace("'red'\n", "'red'\nplace = 2\n")
        );
        editing.set_meter(&meter("hq/main"), vec![("name", None), ("place", None), ("colour", None)]);
        assert!(
            !editing.text().contains("meter") && editing.text().starts_with("# ours\ncurrency = 'EUR' # of")
        );
        editing.set_meter(&meter("hq/oven"), vec![("colour", Some("blue".into()))]);
        editing.set_meter(&meter("hq/kiln"), vec![("colour", None)]);
        let settings: SiteSettings = daemon_runtime::parse(&editing.text()).unwrap();
        assert_eq!((settings.meter.len(), settings.meter[0].colour.as_deref()), (1, Some("blue")));
    }

    #[test]
    fn tables_come_go_and_take_anothers_place_however_they_were_written() {
        let inline = "tariff = [{ from = '2026-01-01', price_per_kwh = 0.3 }, { price_per_kwh = 0.2 }]\n";
        for text in [
            inline,
            "[[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.3\n[[tariff]]\nprice_per_kwh = 0.2\n",
        ] {
            let priced = |price: f64| {
                let mut table = Table::new();
                table["price_per_kwh"] = toml_edit::value(price);
                table
            };
            let mut editing = Editing::of(text).unwrap();
            editing.put("tariff", Some(1), Some(priced(0.25)));
            editing.put("tariff", None, Some(priced(0.5)));
            let prices = |editing: &Editing| -> Vec<f64> {
                let settings: SiteSettings = daemon_runtime::parse(&editing.text()).unwrap();
                settings.tariff.iter().filter_map(|tariff| tariff.price_per_kwh).collect()
            };
            assert_eq!(prices(&editing), [0.3, 0.25, 0.5], "{}", editing.text());
            editing.put("tariff", Some(0), None);
            editing.put("tariff", Some(7), None);
            assert_eq!(prices(&editing), [0.25, 0.5]);
            editing.put("tariff", Some(0), None);
            editing.put("tariff", Some(0), None);
            assert!(!editing.text().contains("tariff"), "{}", editing.text());
        }
    }

    #[test]
    fn what_takes_anothers_place_keeps_the_comments_beside_what_is_still_said() {
        let text = "[[tariff]] # ours\nprice_per_kwh = 0.30 # dear\nvat_percent = 19\n\n[[tariff.time]] # by night\n\
                    hours = '22-6' # late\nprice_per_kwh = 0.2\n[[tariff.time]] # at noon\nhours = '12-13'\n\
                    price_per_kwh = 0.1\n\n[[tariff]] # later\nfrom = '2027-01-01'\nprice_per_kwh = 1\n";
        let tariff = |said: &str| text_of(said).as_table().clone();
        let put = |said: &str| {
            let mut editing = Editing::of(text).unwrap();
            editing.put("tariff", Some(0), Some(tariff(said)));
            editing.text()
        };
        let times = "[[time]]\nhours = \"22-6\"\nprice_per_kwh = 0.2\n[[time]]\nhours = \"12-13\"\nprice_per_kwh = 0.1\n";
        assert_eq!(put(&format!("price_per_kwh = 0.3\nvat_percent = 19.0\n{times}")), text, "nothing is new");
        assert_eq!(
            put(&format!("price_per_kwh = 0.4\n{}", times.replace("0.2", "0.25"))),
            text.replace("0.30", "0.4").replace("0.2\n", "0.25\n").replace("vat_percent = 19\n", "")
        );
        let noon = times.split_at(times.rfind("[[time]]").unwrap()).1;
        let fewer = put(&format!("price_per_kwh = 0.3\nvat_percent = 19\n{noon}"));
        assert!(
            !fewer.contains("by night") && fewer.contains("[[tariff.time]] # at noon\nhours = '12-13'"),
            "{fewer}"
        );
        let more =
            put(&format!("price_per_kwh = 0.3\n[[time]]\nhours = \"7-8\"\nprice_per_kwh = 0.5\n{times}"));
        let settings: SiteSettings = daemon_runtime::parse(&more).unwrap();
        let hours: Vec<_> = settings.tariff[0].time.iter().map(|time| time.hours.clone().unwrap()).collect();
        assert_eq!((hours.join(" ").as_str(), settings.tariff.len()), ("7-8 22-6 12-13", 2), "{more}");
        assert!(more.contains("# by night\nhours = '22-6' # late"), "{more}");
    }

    fn text_of(said: &str) -> DocumentMut {
        said.parse().unwrap()
    }

    #[test]
    fn public_meters_are_a_list_or_not_said() {
        let mut editing = Editing::of("").unwrap();
        editing.set_public(Some(&[meter("hq/main")]));
        assert_eq!(editing.text(), "[access]\npublic_meters = [\"hq/main\"]\n");
        editing.set_public(None);
        assert_eq!(editing.text(), "");
        assert!(Editing::of("nonsense = 1").is_err());
    }
}
