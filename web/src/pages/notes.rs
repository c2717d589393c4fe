//! What people have noted, as pages show it.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use meter_messages::{Meter, Minute};
use serde_json::json;
use site_settings::NoteSettings;

use crate::texts::Texts;

/// So many come with a page: it stays small.
const MOST_ON_CHART: usize = 100;

/// A note in words.
#[derive(Debug, Clone)]
pub(crate) struct NoteView {
    /// Its moment as a Unix time.
    pub(crate) second: i64,
    /// For programs and for people; of a note of a whole day only the day.
    pub(crate) at: (String, String),
    pub(crate) text: String,
}

impl NoteView {
    /// Those of a meter, the oldest first.
    pub(crate) fn of(notes: &[NoteSettings], meter: &Meter, texts: &Texts, zone: &TimeZone) -> Vec<Self> {
        let view = |note: &NoteSettings| {
            let moment = note.moment(zone)?;
            let is_day = note.at.time() == Time::midnight();
            let shown = if is_day { texts.short_date(note.at.date()) } else { texts.moment(note.at) };
            Some(Self {
                second: moment.as_second(),
                at: (moment.to_string(), shown),
                text: note.text.clone(),
            })
        };
        let mut views: Vec<_> =
            notes.iter().filter(|note| note.scope.contains(meter)).filter_map(view).collect();
        views.sort_by_key(|note| note.second);
        views
    }

    /// Whether it is of a time between two minutes.
    pub(crate) fn is_within(&self, start: Minute, end: Minute) -> bool {
        (start.start()..end.start()).contains(&self.second)
    }

    /// What a bar of that time says of it.
    pub(crate) fn words(notes: &[Self], start: Minute, end: Minute) -> Option<String> {
        let within = notes.iter().filter(|note| note.is_within(start, end)).map(|note| note.text.as_str());
        let all: Vec<&str> = within.collect();
        (!all.is_empty()).then(|| all.join(" · "))
    }

    /// The newest of them for the interactive chart; nothing where there are none.
    pub(crate) fn for_chart(notes: &[Self]) -> Option<String> {
        let all: Vec<_> = notes[notes.len().saturating_sub(MOST_ON_CHART)..]
            .iter()
            .map(|note| json!([note.second, note.text]))
            .collect();
        (!all.is_empty()).then(|| json!(all).to_string())
    }
}
