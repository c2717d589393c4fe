//! The words of all meters together.

use daemon_runtime::UnknownName;
use meter_messages::{Measures, Medium, Refused, Unfit};

/// What comes in, is made, goes out and is used. Of pairs, the first is of electricity, the other of gas and water.
#[derive(Debug)]
pub(crate) struct HouseWords {
    /// Title of the page, and the link to it.
    pub(crate) title: &'static str,
    /// Link to that of all sites.
    pub(crate) of_all: &'static str,
    /// Headings: electricity, gas, water.
    pub(super) media: [&'static str; 3],
    pub(super) comes_in: (&'static str, &'static str),
    pub(super) goes_out: (&'static str, &'static str),
    /// Figure and column.
    pub(crate) made: &'static str,
    /// Figure and column: what is used here, wherever it comes from.
    pub(crate) used: &'static str,
    /// What a meter measures that something takes.
    pub(super) consumption: &'static str,
    /// Figure: what is made and not fed in.
    pub(crate) own_use: &'static str,
    /// Behind a share of what is made.
    pub(crate) of_made: &'static str,
    /// Behind a share of what is used.
    pub(crate) of_used: &'static str,
    /// Figure: how much of what is used is made here.
    pub(crate) self_sufficiency: &'static str,
    /// Figure, column and row: what no part measures.
    pub(crate) not_measured: &'static str,
    /// Row: what was used while some of the meters were not watched.
    pub(crate) not_known: &'static str,
    /// Row: what was used behind meters that who looks may not see.
    pub(crate) elsewhere: &'static str,
    /// Row, in money: what no part costs.
    pub(crate) other_costs: &'static str,
    /// Where parts are shown in money and something is made here.
    pub(crate) at_full_price: &'static str,
    /// Names the links by which they are.
    pub(crate) shown_in: &'static str,
    /// Column: how much of the whole a part is.
    pub(crate) share: &'static str,
    /// Figure and column: what is paid for what is fed in.
    pub(crate) earned: &'static str,
    /// Figure and column: what own use would have cost, taken from the grid.
    pub(crate) saved: &'static str,
    /// Below it.
    pub(crate) at_grid_price: &'static str,
    /// Below it, where the price of some is not known. In braces: `q` is how much has one, `u` its unit.
    pub(crate) saved_of_part: &'static str,
    /// Column of files: of how many hours something is reckoned.
    pub(crate) hours: &'static str,
    /// Heading of the bar and the tree.
    pub(crate) who_takes: &'static str,
    /// Before what flows at this moment.
    pub(crate) now: &'static str,
    /// Column of the table behind the tree.
    pub(crate) meters: &'static str,
    /// Column: what a meter measures.
    pub(crate) measures: &'static str,
    /// Heading of the table.
    pub(crate) in_time: &'static str,
    /// Where not all of the time was watched by all meters that are reckoned with. In braces: `p` is how many minutes
    /// or hours were, `a` of how many, `u` what they are.
    pub(super) watched_by_all: &'static str,
    /// What these are: minutes, hours.
    pub(super) pieces: [&'static str; 2],
    /// Where the parts measure more than the whole.
    pub(crate) contradicts: &'static str,
    /// Where what is fed in is measured, and what is made is not.
    pub(crate) at_least: &'static str,
    /// Where own use cannot be known.
    pub(crate) needs_both: &'static str,
    /// Where it could be, had all meters watched at once.
    pub(crate) not_watched_by_all: &'static str,
    /// To a visitor who may see some meters.
    pub(crate) some_only: &'static str,
    /// Heading of relations that are left out.
    pub(crate) refused_title: &'static str,
    /// Below it.
    pub(crate) refused_how: &'static str,
    /// One of them.
    pub(crate) refused: fn(&Refused) -> String,
    /// Of a name in the settings that nobody has.
    pub(super) unknown_name: &'static str,
    /// Before the name that may be meant.
    pub(super) did_you_mean: &'static str,
}

impl HouseWords {
    /// What a medium is called.
    pub(crate) fn medium(&self, medium: Medium) -> &'static str {
        self.media[medium as usize]
    }

    /// What comes in of a medium.
    pub(crate) fn comes_in(&self, medium: Medium) -> &'static str {
        if medium == Medium::Electricity { self.comes_in.0 } else { self.comes_in.1 }
    }

    /// What goes out of a medium.
    pub(crate) fn goes_out(&self, medium: Medium) -> &'static str {
        if medium == Medium::Electricity { self.goes_out.0 } else { self.goes_out.1 }
    }

    /// What a meter of a medium measures.
    pub(crate) fn measured(&self, measures: Measures, medium: Medium) -> &'static str {
        match measures {
            Measures::Import => self.comes_in(medium),
            Measures::Export => self.goes_out(medium),
            Measures::Production => self.made,
            Measures::Consumption => self.consumption,
        }
    }

    /// A name in the settings that nobody has.
    pub(crate) fn unknown_name(&self, UnknownName { setting, name, nearest }: &UnknownName) -> String {
        let meant = nearest.as_ref().map(|nearest| format!(" ({} \"{nearest}\"?)", self.did_you_mean));
        format!("{setting} = \"{name}\": {}{}", self.unknown_name, meant.unwrap_or_default())
    }

    /// How much of a time could be reckoned with, in minutes; `None` if all of it.
    pub(crate) fn watched_by_all(&self, minutes: i64, of: i64) -> Option<String> {
        let is_short = of < 120;
        let count = |minutes: i64| (if is_short { minutes } else { minutes / 60 }).to_string();
        let unit = self.pieces[usize::from(!is_short)];
        let text = || self.watched_by_all.replace("{p}", &count(minutes)).replace("{a}", &count(of));
        (minutes < of).then(|| text().replace("{u}", unit))
    }
}

pub(super) static ENGLISH: HouseWords = HouseWords {
    title: "Balance",
    earned: "Earned",
    saved: "Saved",
    at_grid_price: "Self-consumption at the grid price",
    saved_of_part: "for {q} {u}; the price of the rest is not known",
    of_all: "Balance of all sites",
    media: ["Electricity", "Gas", "Water"],
    comes_in: ("From the grid", "Supplied"),
    goes_out: ("Fed in", "Passed on"),
    made: "Produced",
    used: "Used",
    consumption: "Use",
    own_use: "Self-consumption",
    of_made: "of what was produced",
    of_used: "of what was used",
    self_sufficiency: "Self-sufficiency",
    not_measured: "Not measured",
    not_known: "Unknown: not everything was watched",
    elsewhere: "Elsewhere",
    other_costs: "Everything else, and base fees",
    at_full_price: "Each meter's cost is calculated as if all it used came from the grid.",
    shown_in: "Show shares in",
    share: "Share",
    who_takes: "What uses how much",
    now: "now",
    meters: "Meters",
    measures: "Measures",
    hours: "Watched by all",
    in_time: "Over time",
    watched_by_all: "{p} of {a} {u}: those that all of these meters watched",
    pieces: ["minutes", "hours"],
    contradicts: "The parts measure more than the whole: check which meter is part of which, and the meter constants.",
    at_least: "What is produced here is not measured, so more than this may have been used.",
    needs_both: "What is used here is known once both what is produced and what is fed in are measured, and what comes from the grid.",
    not_watched_by_all: "What is used here is not known: there is no hour in which all of these meters were recorded.",
    some_only: "You can see some of the meters only, so there is no balance.",
    refused_title: "Settings that do not fit",
    refused_how: "They are ignored until they are corrected; everything is recorded all the same.",
    refused: |refused| format!("{refused}."),
    unknown_name: "nothing of this name has been recorded",
    did_you_mean: "did you mean",
};

pub(super) static GERMAN: HouseWords = HouseWords {
    title: "Bilanz",
    earned: "Vergütung",
    saved: "Gespart",
    at_grid_price: "Eigenverbrauch zum Preis des Netzbezugs",
    saved_of_part: "für {q} {u}; für den Rest ist kein Preis bekannt",
    of_all: "Bilanz aller Standorte",
    media: ["Strom", "Gas", "Wasser"],
    comes_in: ("Netzbezug", "Bezug"),
    goes_out: ("Einspeisung", "Abgabe"),
    made: "Erzeugung",
    used: "Verbrauch",
    consumption: "Verbrauch",
    own_use: "Eigenverbrauch",
    of_made: "der Erzeugung",
    of_used: "des Verbrauchs",
    self_sufficiency: "Autarkie",
    not_measured: "Nicht gemessen",
    not_known: "Unbekannt: nicht alles wurde beobachtet",
    elsewhere: "Anderswo",
    other_costs: "Alles Übrige und Grundgebühren",
    at_full_price: "Die Kosten jedes Zählers sind so berechnet, als käme sein ganzer Verbrauch aus dem Netz.",
    shown_in: "Anteile zeigen in",
    share: "Anteil",
    who_takes: "Was wie viel verbraucht",
    now: "jetzt",
    meters: "Zähler",
    measures: "Misst",
    hours: "Von allen beobachtet",
    in_time: "Im Verlauf",
    watched_by_all: "{p} von {a} {u}: die, in denen alle diese Zähler beobachtet wurden",
    pieces: ["Minuten", "Stunden"],
    contradicts: "Die Unterzähler messen mehr als der Zähler davor: Bitte prüfe, welcher Zähler hinter welchem sitzt, und die Zählerkonstanten.",
    at_least: "Die Erzeugung wird nicht gemessen: Es kann mehr verbraucht worden sein.",
    needs_both: "Der Verbrauch ist bekannt, sobald Erzeugung, Einspeisung und Netzbezug gemessen werden.",
    not_watched_by_all: "Der Verbrauch ist nicht bekannt: In keiner Stunde wurden alle diese Zähler aufgezeichnet.",
    some_only: "Du siehst nur einen Teil der Zähler, deshalb gibt es keine Bilanz.",
    refused_title: "Einstellungen, die nicht passen",
    refused_how: "Bis sie berichtigt sind, werden sie nicht beachtet; aufgezeichnet wird trotzdem alles.",
    refused,
    unknown_name: "unter diesem Namen wurde nichts aufgezeichnet",
    did_you_mean: "gemeint ist vielleicht",
};

/// A relation that is left out, and why.
fn refused(Refused { meter, why }: &Refused) -> String {
    let measures = |measures: &Measures| match measures {
        Measures::Import => "Bezug",
        Measures::Export => "Einspeisung",
        Measures::Production => "Erzeugung",
        Measures::Consumption => "Verbrauch",
    };
    let medium = |medium: Medium| GERMAN.medium(medium);
    match why {
        Unfit::Itself => format!("{meter} kann kein Teil von sich selbst sein. Entferne sein part_of."),
        Unfit::Unknown(whole) => {
            format!(
                "{meter} soll ein Teil von {whole} sein, aber diesen Zähler gibt es nicht. Berichtige sein part_of."
            )
        }
        Unfit::Medium { whole, media: (part, of) } => format!(
            "{meter} misst {} und kann kein Teil von {whole} sein, denn der misst {}. Berichtige sein part_of.",
            medium(*part),
            medium(*of)
        ),
        Unfit::Measures { whole, measures: (part, of) } => format!(
            "{meter} misst {} und kann kein Teil von {whole} sein, denn der misst {}. Entferne sein part_of, oder \
             berichtige, was sie messen.",
            measures(part),
            measures(of)
        ),
        Unfit::Circle(circle) => {
            let by: Vec<String> = circle.iter().take(5).map(ToString::to_string).collect();
            let more = if circle.len() > 5 { " …" } else { "" };
            format!(
                "{meter} soll ein Teil von sich selbst sein, über {}{more}. Entferne eines ihrer part_of.",
                by.join(", ")
            )
        }
    }
}
