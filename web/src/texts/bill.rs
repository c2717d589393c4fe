//! The words of a bill: what a time costs, line by line.

/// What a bill says.
#[derive(Debug)]
pub(crate) struct BillWords {
    /// Page of what a time costs, and the link to it.
    pub(crate) bill: &'static str,
    /// The same of what is paid for what is fed in.
    pub(crate) bill_of_feed_in: &'static str,
    /// What the parts of a meter took of it.
    pub(crate) parts_of_bill: &'static str,
    /// What was fed in.
    pub(crate) fed_in_of_bill: &'static str,
    /// What is left to pay without what is paid for what was fed in.
    pub(crate) rest_of_bill: &'static str,
    /// What it is, and what it is not.
    pub(crate) bill_why: &'static str,
    /// Label.
    pub(crate) first_day: &'static str,
    /// Label.
    pub(crate) last_day_of_bill: &'static str,
    /// Row: what the meter showed when it began.
    pub(crate) at_beginning: &'static str,
    /// Row: what the meter showed when it ended, or shows.
    pub(crate) at_end: &'static str,
    /// Row: what was counted in between.
    pub(crate) by_pulses_of_bill: &'static str,
    /// Column: what a line is for.
    pub(crate) item: &'static str,
    /// Line.
    pub(crate) at_day_prices: &'static str,
    /// Line.
    pub(crate) base_fee_line: &'static str,
    /// Column: without VAT.
    pub(crate) net: &'static str,
    /// The sum of these.
    pub(crate) net_sum: &'static str,
    /// Where no tariff is known.
    pub(crate) no_tariff: &'static str,
    /// A rate of value-added tax. In braces: `p` is its percent.
    pub(super) vat: &'static str,
    /// A line of one of several tariffs. In braces: `i` is what it is for, `d` the tariff's first day.
    pub(super) item_since: &'static str,
}

pub(super) static ENGLISH: BillWords = BillWords {
    bill: "Statement of cost",
    bill_of_feed_in: "Statement of feed-in payment",
    parts_of_bill: "Of which",
    fed_in_of_bill: "Fed in",
    rest_of_bill: "Total less feed-in payment",
    bill_why: "Worked out from what was counted, by the tariffs in the settings. It does not replace your supplier's bill.",
    first_day: "First day",
    last_day_of_bill: "Last day",
    at_beginning: "at the beginning",
    at_end: "at the end",
    by_pulses_of_bill: "counted in between",
    item: "Item",
    at_day_prices: "Energy at the price of the day",
    base_fee_line: "Base fee",
    net: "Net",
    net_sum: "Net total",
    no_tariff: "No tariff is known for all of this time.",
    vat: "VAT {p}\u{a0}%",
    item_since: "{i} (tariff from {d})",
};

pub(super) static GERMAN: BillWords = BillWords {
    bill: "Kostenaufstellung",
    bill_of_feed_in: "Aufstellung der Vergütung",
    parts_of_bill: "Davon",
    fed_in_of_bill: "Eingespeist",
    rest_of_bill: "Gesamt abzüglich Vergütung",
    bill_why: "Berechnet aus dem, was gezählt wurde, nach den Tarifen in den Einstellungen. Ersetzt nicht die Rechnung des Versorgers.",
    first_day: "Erster Tag",
    last_day_of_bill: "Letzter Tag",
    at_beginning: "am Anfang",
    at_end: "am Ende",
    by_pulses_of_bill: "dazwischen gezählt",
    item: "Posten",
    at_day_prices: "Energie zum Tagespreis",
    base_fee_line: "Grundgebühr",
    net: "Netto",
    net_sum: "Summe netto",
    no_tariff: "Für diese Zeit ist nicht durchgehend ein Tarif bekannt.",
    vat: "Umsatzsteuer {p}\u{a0}%",
    item_since: "{i} (Tarif ab {d})",
};
