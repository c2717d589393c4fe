//! The form for an alarm.

use jiff::SignedDuration;
use meter_figures::CapacityOf;
use meter_messages::{Meter, MeterId, Unit};
use site_settings::{AlarmSettings, Editing};
use toml_edit::{Table, Value, value};

use super::{Field, Group, Kind, Offered, Values, Wrong};

/// Of an alarm that is there, or of a new one.
pub(crate) struct AlarmForm<'a> {
    /// Its place among those that are saved.
    pub(crate) place: Option<usize>,
    pub(crate) offered: Offered<'a>,
}

impl AlarmForm<'_> {
    fn saved(&self) -> Option<&AlarmSettings> {
        self.offered.stored.alarm.get(self.place?)
    }

    /// The unit of an alarm's meter; of one that was never recorded, that of what is saved.
    fn unit_of(&self, meter: &str) -> Unit {
        let saved = self.saved().filter(|said| said.meter.to_string() == meter);
        let is_volume = |said: &AlarmSettings| said.above_l_h.is_some() || said.budget_m3_per_month.is_some();
        let saved = saved.is_some_and(is_volume).then_some(Unit::CubicMetre);
        self.offered.unit_of(meter).or(saved).unwrap_or(Unit::KilowattHour)
    }

    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        let mut values = Values::default();
        let Some(said) = self.saved() else { return values };
        values.put("name", said.name.as_str());
        values.put("meter", &said.meter);
        let (watches, limit, lasting) = if let Some(limit) = said.above_w.or(said.above_l_h) {
            values.put_some("ends_below", said.ends_below_w.or(said.ends_below_l_h));
            ("above", Some(f64::from(limit)), said.lasting)
        } else if let Some(budget) = said.budget_kwh_per_month.or(said.budget_m3_per_month) {
            ("budget", Some(budget), None)
        } else if let Some(above) = said.new_peak_above_w {
            values.put_some("peak_of", (said.new_peak_of == Some(CapacityOf::Site)).then_some("site"));
            ("new_peak", Some(f64::from(above)), None)
        } else if let Some(lasting) = said.offline_for {
            ("offline", None, Some(lasting))
        } else {
            ("no_pulse", None, said.no_pulse_for)
        };
        values.put("watches", watches);
        values.put_some("limit", limit);
        values.put_some("lasting", lasting.map(|lasting| format!("{lasting:#}")));
        values
    }

    /// The fields.
    pub(crate) fn groups(&self, values: &Values) -> Vec<Group> {
        let words = self.offered.words();
        let unit = self.unit_of(values.get("meter"));
        let watches = [
            ("above", words.above),
            ("no_pulse", words.no_pulse),
            ("budget", words.budget_passed),
            ("new_peak", words.new_peak),
            ("offline", words.offline),
        ];
        let watches = watches.map(|(sent, read)| (sent.to_owned(), read.to_owned()));
        let meters = self.offered.meters(values.get("meter"), None);
        let limit_hint = words.limit_hint.replace("{rate}", unit.of_rate()).replace("{unit}", unit.symbol());
        let fields = vec![
            Field::new("name", words.alarm_name, Kind::Text, values).hint(words.alarm_name_hint),
            Field::new("meter", words.meter, Kind::Choice(meters), values),
            Field::new("watches", words.watches, Kind::Choice(watches.into()), values),
            Field::new("limit", words.limit, Kind::Number, values).hint(limit_hint),
            Field::new("lasting", words.lasting, Kind::Text, values).hint(words.lasting_hint),
            Field::new("ends_below", words.ends_below, Kind::Number, values).hint(words.ends_below_hint),
            Field::new("peak_of", words.peak_of, Kind::Choice(self.offered.peaks()), values),
        ];
        vec![Group::new(None, fields)]
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        let (words, mut wrong) = (self.offered.words(), Wrong::default());
        let name = values.get("name").parse::<MeterId>();
        let all = self.offered.stored.alarm.iter().enumerate();
        let mut others = all.filter(|(place, _)| Some(*place) != self.place).map(|(_, alarm)| &alarm.name);
        match &name {
            Err(_) => wrong.say("name", words.no_id),
            Ok(name) if others.any(|other| other == name) => wrong.say("name", words.id_taken),
            Ok(_) => {}
        }
        if values.get("meter").parse::<Meter>().is_err() {
            wrong.say("meter", words.no_choice);
        }
        let mut table = Table::new();
        table["name"] = value(values.get("name"));
        table["meter"] = value(values.get("meter"));
        let is_energy = self.unit_of(values.get("meter")) == Unit::KilowattHour;
        let by_unit = |w: &'static str, l_h: &'static str| if is_energy { w } else { l_h };
        match values.get("watches") {
            "above" => {
                let limit =
                    self.put(&mut table, by_unit("above_w", "above_l_h"), "limit", values, &mut wrong);
                if values.has("ends_below") {
                    let key = by_unit("ends_below_w", "ends_below_l_h");
                    let end = self.put(&mut table, key, "ends_below", values, &mut wrong);
                    if end.zip(limit).is_some_and(|(end, limit)| end > limit) {
                        wrong.say("ends_below", words.end_above);
                    }
                }
                if values.has("lasting") {
                    self.put_duration(&mut table, "for", values, &mut wrong);
                }
            }
            "new_peak" => {
                self.put(&mut table, "new_peak_above_w", "limit", values, &mut wrong);
                if values.has("peak_of") {
                    table["new_peak_of"] = value(values.get("peak_of"));
                }
            }
            "budget" => {
                let budget = wrong.number(values, "limit", words.no_number);
                match budget.filter(|budget| *budget > 0.0) {
                    Some(budget) => {
                        table[by_unit("budget_kwh_per_month", "budget_m3_per_month")] = value(budget);
                    }
                    None => wrong.say("limit", words.not_positive),
                }
            }
            "no_pulse" => self.put_duration(&mut table, "no_pulse_for", values, &mut wrong),
            "offline" => self.put_duration(&mut table, "offline_for", values, &mut wrong),
            _ => wrong.say("watches", words.no_choice),
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        editing.put("alarm", self.place, Some(table));
        Ok(())
    }

    /// A whole number of W or l/h.
    fn put(
        &self,
        table: &mut Table,
        key: &str,
        field: &str,
        values: &Values,
        wrong: &mut Wrong,
    ) -> Option<u32> {
        let words = self.offered.words();
        let number = wrong.number(values, field, words.no_whole);
        let whole = number.filter(|number| number.fract() == 0.0 && *number > 0.0);
        match whole {
            Some(whole) => table[key] = value(whole as i64),
            None => wrong.say(field, words.no_whole),
        }
        whole.map(|whole| whole as u32)
    }

    fn put_duration(&self, table: &mut Table, key: &str, values: &Values, wrong: &mut Wrong) {
        let text = values.get("lasting");
        match text.parse::<SignedDuration>() {
            Ok(lasting) if !lasting.is_negative() => table[key] = toml_edit::Item::Value(Value::from(text)),
            _ => wrong.say("lasting", self.offered.words().no_duration),
        }
    }
}
