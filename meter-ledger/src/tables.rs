//! All tables of a ledger, for whoever takes them as they are.

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Its columns, but for those that number rows which nothing refers to.
    pub(crate) columns: &'static str,
    /// The table and the column of this one by which it is read in parts; `None` if it is small.
    pub(crate) by: Option<(&'static str, &'static str)>,
    /// Whether its home numbers its rows.
    pub(crate) is_numbered: bool,
}

const fn table(name: &'static str, columns: &'static str) -> Table {
    Table { name, columns, by: None, is_numbered: false }
}

const fn of_meter(name: &'static str, columns: &'static str) -> Table {
    Table { by: Some(("meter", "meter")), ..table(name, columns) }
}

const fn numbered(name: &'static str, columns: &'static str) -> Table {
    Table { is_numbered: true, ..table(name, columns) }
}

/// In an order in which rows refer to what is there.
pub(crate) const TABLES: &[Table] = &[
    numbered(
        "meter",
        "id, site, meter, name, constant_millionths, outbox, repeated, contradicted, medium, measures, part_of, moved_to,
         readings",
    ),
    numbered("outbox", "id, meter, name, mark_seq, mark_minute, set_back"),
    table("constant", "meter, from_minute, millionths"),
    of_meter("minute", "meter, minute, outbox, pulses, watched_s, total, seq"),
    of_meter("pulse_times", "meter, minute, first_ms, last_ms"),
    of_meter("day", "meter, day, pulses, minutes, watched_s, most, runs"),
    of_meter("quarters", "meter, day, sums"),
    of_meter("day_pulse_times", "meter, day, times"),
    table("given_up", "meter, after_minute, numbers, outbox, first_seq"),
    of_meter("reading", "meter, read_at, shown, by, entered, replaced"),
    of_meter("aside", "minute, meter, outbox, pulses, watched_s, total, seq, reason"),
    table("aside_of_site", "site, minutes"),
    table("refused", "site, meter, reason, messages, newest"),
    table("checked", "id, at, whole, faults, first"),
    numbered(
        "correction",
        "id, meter, from_minute, to_minute, kind, pulses, numerator, denominator, reason, said, by, undone, undone_by,
         undone_reason",
    ),
    numbered("forgotten", "id, site, meter, name, newest, at, by, moved_to"),
    numbered("price_series", "id, site, currency, quarters"),
    Table { by: Some(("price_series", "series")), ..table("price", "series, minute, billionths, said_ms") },
    numbered(
        "import",
        "id, meter, outbox, source, total, minutes, spans, pulses, longest, from_span, to_span, begun, by, finished,
         undone, undone_by",
    ),
    of_meter("imported_span", "meter, from_minute, to_minute, import, pulses, total"),
];
