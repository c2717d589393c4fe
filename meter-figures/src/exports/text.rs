//! Rows as CSV and as JSON.

use std::fmt::Write;

use bytes::Bytes;
use meter_ledger::{Ledger, LedgerError, Sum};
use meter_messages::Minute;

use super::pieces::Pieces;
use super::rows::{Row, Rows};
use crate::local_time::with_offset;
use crate::unit_names::name_in;

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// Comma-separated values with a line of names.
    Csv,
    /// One object with an array of rows.
    Json,
}

/// Writes rows, a piece at a time.
#[derive(Debug)]
pub struct Text {
    rows: Rows,
    notation: Notation,
    begun: bool,
    ended: bool,
    /// Before the next row.
    comma: &'static str,
}

impl Text {
    /// Rows of whole steps.
    pub fn new(rows: Rows, notation: Notation) -> Self {
        Self { rows, notation, begun: false, ended: false, comma: "" }
    }

    fn is_priced(&self) -> bool {
        !self.rows.tariffs.is_empty()
    }

    /// Whether something was imported of which only the sums of longer times are known.
    fn is_coarse(&self) -> bool {
        self.rows.meter.resolution(&(Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX))) > 1
    }

    /// What the columns of quantity and rate are called.
    fn names(&self) -> (&'static str, &'static str) {
        let unit = self.rows.meter.medium.unit();
        (name_in(unit, "kwh"), name_in(unit, "mean_w"))
    }

    fn begin(&self, piece: &mut String) {
        let amount = self.rows.amount_name();
        let costs = if self.is_priced() { format!(",{amount},fee,co2_g") } else { String::new() };
        let capacity = if self.rows.tariffs.price_capacity() { ",capacity" } else { "" };
        let day_prices = if self.rows.tariffs.follow_day_prices() { ",price,unpriced_kwh" } else { "" };
        match self.notation {
            Notation::Csv => {
                let (quantity, rate) = self.names();
                let resolution = if self.is_coarse() { ",resolution_minutes" } else { "" };
                push(
                    piece,
                    format_args!(
                        "start,local,minutes,watched_s,pulses,{quantity},{rate}{costs}{capacity}{day_prices},corrected_minutes{resolution}\r\n"
                    ),
                );
            }
            Notation::Json => {
                let step = self.rows.step.name();
                let zone = self.rows.zone.iana_name().unwrap_or("UTC");
                let (meter, constant) = (&self.rows.meter.meter, self.rows.meter.constant);
                let name = name_in(self.rows.meter.medium.unit(), "pulses_per_kwh");
                push(
                    piece,
                    format_args!(
                        "{{\"meter\":\"{meter}\",\"{name}\":{constant},\"step\":\"{step}\",\"time_zone\":\"{zone}\""
                    ),
                );
                if self.is_priced() {
                    let currency = serde_json::Value::from(self.rows.tariffs.currency());
                    push(piece, format_args!(",\"currency\":{currency}"));
                }
                piece.push_str(",\"rows\":[");
            }
        }
    }

    fn row(&mut self, row: &Row, piece: &mut String) {
        let at = row.start.timestamp();
        let local = with_offset(at, &self.rows.zone);
        let known = |figure: Option<String>| match self.notation {
            Notation::Csv => figure.unwrap_or_default(),
            Notation::Json => figure.unwrap_or_else(|| "null".to_owned()),
        };
        let kwh = known(row.sum.quantity().map(|kwh| kwh.to_string()));
        let mean_w = known(row.sum.mean_rate().map(|rate| format!("{rate:.1}")));
        let Sum { minutes, watched_s, pulses, .. } = row.sum;
        match self.notation {
            Notation::Csv => {
                let figures = format_args!("{at},{local},{minutes},{watched_s},{pulses},{kwh},{mean_w}");
                push(piece, figures);
            }
            Notation::Json => {
                let comma = std::mem::replace(&mut self.comma, ",");
                let (quantity, rate) = self.names();
                push(
                    piece,
                    format_args!(
                        "{comma}\n{{\"start\":\"{at}\",\"local\":\"{local}\",\"minutes\":{minutes},\
                         \"watched_s\":{watched_s},\"pulses\":{pulses},\"{quantity}\":{kwh},\"{rate}\":{mean_w}"
                    ),
                );
            }
        }
        if self.is_priced() {
            self.cost(row, piece);
        }
        match (self.notation, row.corrected_minutes) {
            (Notation::Csv, minutes) => push(piece, format_args!(",{minutes}")),
            (Notation::Json, 0) => {}
            (Notation::Json, minutes) => push(piece, format_args!(",\"corrected_minutes\":{minutes}")),
        }
        match (self.notation, row.resolution_minutes) {
            (Notation::Csv, minutes) if self.is_coarse() => push(piece, format_args!(",{minutes}\r\n")),
            (Notation::Csv, _) => piece.push_str("\r\n"),
            (Notation::Json, 1) => piece.push('}'),
            (Notation::Json, minutes) => push(piece, format_args!(",\"resolution_minutes\":{minutes}}}")),
        }
    }

    /// A minute costs much less than a cent, and a year of them shall add up.
    fn cost(&self, row: &Row, piece: &mut String) {
        let shown =
            |figure: Option<f64>, decimals: usize| figure.map(|figure| format!("{figure:.decimals$}"));
        let mut columns = vec![
            (self.rows.amount_name(), shown(row.cost.and_then(|cost| cost.known_total()), 6)),
            ("fee", shown(row.cost.map(|cost| cost.fee), 6)),
            ("co2_g", shown(row.cost.map(|cost| cost.co2_g), 3)),
        ];
        if self.rows.tariffs.price_capacity() {
            columns.push(("capacity", shown(row.cost.map(|cost| cost.capacity), 6)));
        }
        if self.rows.tariffs.follow_day_prices() {
            columns.push(("price", shown(row.cost.and_then(|cost| cost.mean_price()), 6)));
            columns.push(("unpriced_kwh", shown(row.cost.map(|cost| cost.unpriced), 6)));
        }
        for (name, figure) in columns {
            match self.notation {
                Notation::Csv => push(piece, format_args!(",{}", figure.unwrap_or_default())),
                Notation::Json => {
                    push(piece, format_args!(",\"{name}\":{}", figure.as_deref().unwrap_or("null")));
                }
            }
        }
    }

    fn end(&self, piece: &mut String) {
        if self.notation == Notation::Json {
            piece.push_str("\n]}\n");
        }
    }
}

impl Pieces for Text {
    fn next(&mut self, ledger: &Ledger) -> Result<Option<Bytes>, LedgerError> {
        let mut piece = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(&mut piece);
        }
        match self.rows.next(ledger)? {
            Some(rows) => rows.iter().for_each(|row| self.row(row, &mut piece)),
            None if std::mem::replace(&mut self.ended, true) => return Ok(None),
            None => self.end(&mut piece),
        }
        Ok(Some(piece.into()))
    }
}

fn push(piece: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = piece.write_fmt(text);
}
