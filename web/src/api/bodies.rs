//! Rows of energy, as they are sent.

use std::fs::File;

use futures_util::stream;
use hyper::header::{self, HeaderMap};
use meter_figures::{Notation, Pieces, Text};
use web_http::reply::{self, Reply};

use crate::ledger::reader::{LedgerReader, ReadError};
use crate::route::{EnergyRequest, Form};

/// How rows are wanted: by the address, else by `Accept`.
pub(crate) fn form(request: &EnergyRequest, headers: &HeaderMap) -> Form {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let accepted = if accept.starts_with("text/csv") { Form::Csv } else { Form::Json };
    request.form.unwrap_or(accepted)
}

/// Rows of energy as CSV to be kept as a file, or as JSON.
pub(crate) fn rows(text: Text, file: &str, notation: Notation, reader: LedgerReader) -> Reply {
    let mut reply = match notation {
        Notation::Csv => csv(text, file, reader),
        Notation::Json => pieces(text, "application/json", reader),
    };
    reply::set(&mut reply, header::VARY, "accept");
    reply
}

/// A CSV file.
pub(crate) fn csv(text: impl Pieces, file: &str, reader: LedgerReader) -> Reply {
    let mut reply = pieces(text, "text/csv; charset=utf-8", reader);
    reply::attach(&mut reply, &format!("{file}.csv"));
    reply
}

/// A workbook.
pub(crate) fn workbook(file: File, name: &str) -> Reply {
    let mut reply = reply::file(file);
    let content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    reply::set(&mut reply, header::CONTENT_TYPE, content_type);
    reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply::set(&mut reply, header::VARY, "accept-language");
    reply::attach(&mut reply, &format!("{name}.xlsx"));
    reply
}

/// A text, read as fast as it is taken.
fn pieces(text: impl Pieces, content_type: &str, reader: LedgerReader) -> Reply {
    let pieces = stream::try_unfold((text, reader), |(mut text, reader)| async move {
        loop {
            let read = reader.ask_much(move |ledger| Ok((text.next(ledger)?, text)));
            match read.await? {
                (None, _) => return Ok::<_, ReadError>(None),
                (Some(piece), rest) if piece.is_empty() => text = rest,
                (Some(piece), rest) => return Ok(Some((piece, (rest, reader)))),
            }
        }
    });
    let mut reply = reply::streamed(pieces);
    reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply::set(&mut reply, header::CONTENT_TYPE, content_type);
    reply
}
