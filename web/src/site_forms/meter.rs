//! The form for what is said of a meter.

use meter_ledger::RecordedMeter;
use meter_messages::{Colour, Info, Measures, Meter, Unit};
use site_settings::{Editing, MeterSettings};
use toml_edit::Value;

use super::{Field, Group, Kind, Offered, Values, Wrong};

/// What is sent for "is no other's part".
const NO_PART: &str = "-";

/// Of one meter.
pub(crate) struct MeterForm<'a> {
    /// As it is called here.
    pub(crate) known: &'a RecordedMeter,
    pub(crate) offered: Offered<'a>,
}

impl MeterForm<'_> {
    fn id(&self) -> &Meter {
        &self.known.meter
    }

    fn unit(&self) -> Unit {
        self.known.medium.unit()
    }

    fn of<'s>(&self, all: &'s [MeterSettings]) -> Option<&'s MeterSettings> {
        all.iter().find(|meter| meter.id == *self.id())
    }

    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        let mut values = Values::default();
        if let Some(said) = self.of(&self.offered.stored.meter) {
            values.put_some("name", said.name.as_deref());
            values.put_some("colour", said.colour.as_deref());
            values.put_some("place", said.place);
            values.put_some("measures", said.measures.map(Measures::as_str));
            values.put_some("part_of", self.part_of(said));
            values.put_some("budget", said.budget_kwh_per_month.or(said.budget_m3_per_month));
            values.put_some("highest", said.max_power_w.or(said.max_flow_l_h));
        }
        let public =
            self.offered.stored.access.public_meters.iter().flatten().any(|meter| meter == self.id());
        values.put_some("public", public.then_some("yes"));
        values
    }

    fn part_of(&self, said: &MeterSettings) -> Option<String> {
        said.part_of.as_ref().map(|whole| match whole.as_str() {
            "" => NO_PART.to_owned(),
            whole if whole.contains('/') => whole.to_owned(),
            within => format!("{}/{within}", self.id().site),
        })
    }

    /// The fields.
    pub(crate) fn groups(&self, values: &Values) -> Vec<Group> {
        let (words, texts, unit) = (self.offered.words(), self.offered.texts, self.unit());
        let fixed = self.of(&self.offered.fixed.meter);
        let choice = |first: &str, rest: Vec<(String, String)>| {
            Kind::Choice(std::iter::once((String::new(), first.to_owned())).chain(rest).collect())
        };
        let colours = Colour::ALL.map(|colour| (colour.name().to_owned(), words.colour(colour).to_owned()));
        let measures = Measures::ALL.map(|measures| {
            (measures.as_str().to_owned(), texts.house.measured(measures, self.known.medium).to_owned())
        });
        let mut wholes = self.offered.meters(values.get("part_of"), Some(self.id()));
        wholes.insert(0, (NO_PART.to_owned(), words.no_part.to_owned()));
        let said = |value: Option<String>| fixed.and(value);
        let mut fields = vec![
            Field::new("name", words.name, Kind::Text, values)
                .hint(words.name_hint.replace("{name}", &self.known.name))
                .fixed(fixed.and_then(|it| it.name.clone())),
            Field::new("colour", words.colour, choice(words.as_usual, colours.into()), values)
                .fixed(fixed.and_then(|it| it.colour.clone())),
            Field::new("place", words.place, Kind::Number, values)
                .hint(words.place_hint)
                .fixed(fixed.and_then(|it| it.place)),
            Field::new("measures", words.measures, choice(words.as_publisher, measures.into()), values)
                .fixed(fixed.and_then(|it| it.measures).map(Measures::as_str)),
            Field::new("part_of", words.part_of, choice(words.as_publisher, wholes), values)
                .fixed(said(fixed.and_then(|it| self.part_of(it)))),
            Field::new("budget", format!("{} ({})", words.budget, unit.symbol()), Kind::Number, values)
                .fixed(fixed.and_then(|it| it.budget_kwh_per_month.or(it.budget_m3_per_month))),
            Field::new("highest", format!("{} ({})", words.highest, unit.of_rate()), Kind::Number, values)
                .hint(words.highest_hint)
                .fixed(fixed.and_then(|it| it.max_power_w.or(it.max_flow_l_h))),
        ];
        if self.offered.is_restricted {
            let listed = self.offered.fixed.access.public_meters.as_ref();
            let listed = listed.map(|list| if list.contains(self.id()) { "yes" } else { "" });
            fields.push(Field::new("public", words.public, Kind::Tick, values).fixed(listed));
        }
        vec![Group::new(None, fields)]
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        let (words, mut wrong) = (self.offered.words(), Wrong::default());
        let text = |name: &str| values.has(name).then(|| Value::from(values.get(name)));
        if values.has("name") && !Info::is_name(values.get("name")) {
            wrong.say("name", words.no_name);
        }
        let place = wrong.number(values, "place", words.no_whole);
        let place = place.map(|place| whole(place, u16::MAX.into()).ok_or("place")).transpose();
        let highest = wrong.number(values, "highest", words.no_whole);
        let highest = highest.map(|highest| whole(highest, u32::MAX.into()).ok_or("highest")).transpose();
        for field in [place.as_ref().err(), highest.as_ref().err()].into_iter().flatten() {
            wrong.say(field, words.no_whole);
        }
        let budget = wrong.number(values, "budget", words.no_number);
        if budget.is_some_and(|budget| budget <= 0.0) {
            wrong.say("budget", words.not_positive);
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let part_of =
            text("part_of").map(|whole| if whole.as_str() == Some(NO_PART) { "".into() } else { whole });
        let (place, highest) =
            (place.ok().flatten().map(Value::from), highest.ok().flatten().map(Value::from));
        let (of_power, of_flow) = match self.unit() {
            Unit::KilowattHour => ((budget, highest), (None, None)),
            Unit::CubicMetre => ((None, None), (budget, highest)),
        };
        let said = [
            ("name", "name", text("name")),
            ("colour", "colour", text("colour")),
            ("place", "place", place),
            ("measures", "measures", text("measures")),
            ("part_of", "part_of", part_of),
            ("budget", "budget_kwh_per_month", of_power.0.map(Value::from)),
            ("highest power or flow", "max_power_w", of_power.1),
            ("budget", "budget_m3_per_month", of_flow.0.map(Value::from)),
            ("highest power or flow", "max_flow_l_h", of_flow.1),
        ];
        // What stands in TOML is not asked for, and stays as it is saved.
        let fixed: Vec<&str> =
            self.of(&self.offered.fixed.meter).into_iter().flat_map(MeterSettings::said).collect();
        let asked_for = said.into_iter().filter(|(what, ..)| !fixed.contains(what));
        editing.set_meter(self.id(), asked_for.map(|(_, key, value)| (key, value)).collect());
        self.apply_public(values.has("public"), editing);
        Ok(())
    }

    /// Where the list stands in TOML it cannot be changed here.
    fn apply_public(&self, is_public: bool, editing: &mut Editing) {
        if !self.offered.is_restricted || self.offered.fixed.access.public_meters.is_some() {
            return;
        }
        let before: Vec<Meter> = self.offered.stored.access.public_meters.clone().unwrap_or_default();
        if before.contains(self.id()) != is_public {
            let others = before.into_iter().filter(|meter| meter != self.id());
            let list: Vec<Meter> = others.chain(is_public.then(|| self.id().clone())).collect();
            editing.set_public((!list.is_empty()).then_some(&list));
        }
    }
}

/// A whole number above 0.
fn whole(number: f64, most: i64) -> Option<i64> {
    let whole = number as i64;
    (number.fract() == 0.0 && (1..=most).contains(&whole)).then_some(whole)
}
