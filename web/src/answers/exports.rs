//! Files of rows.

use jiff::tz::TimeZone;
use meter_figures::{
    Notation, Rows, SpanError, StatisticId, Statistics, Step, Text, WorkbookWords, workbook,
};
use meter_messages::Minute;
use tokio::sync::oneshot;
use web_http::Reply;

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::api;
use crate::ledger::reader::minute_in_progress;
use crate::route::{EnergyRequest, Form, StatisticsRequest};
use crate::texts::Texts;

impl Site {
    pub(super) async fn energy(&self, request: EnergyRequest, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let zone = self.ledger.zone().clone();
        let step = request.step;
        let span = step.span((request.from, request.to), minute_in_progress(), &zone)?;
        let form = api::form(&request, asked.headers);
        let (meter, first, until) = self.reach(request.meter).await?;
        // Up to now: what lies further ahead is not known.
        let end = step.next(step.beginning(until, &zone), &zone);
        let rest = span.start.max(step.beginning(first, &zone))..span.end.min(end);
        let tariffs = self.ledger.tariffs(&meter).await?.into();
        let rows = Rows { meter, step, zone, tariffs, rest, until };
        let file = rows.file_name(&span);
        let notation = match form {
            Form::Csv => Notation::Csv,
            Form::Json => Notation::Json,
            Form::Xlsx => return self.workbook(rows, &file, asked).await,
        };
        Ok(api::rows(Text::new(rows, notation), &file, notation, self.ledger.clone()))
    }

    /// One at a time: each keeps a processor busy for seconds, if it is large.
    async fn workbook(&self, rows: Rows, file: &str, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        // Never closed.
        let turn = self.workbooks.clone().acquire_owned().await.ok();
        let (answer, written) = oneshot::channel();
        let (texts, ledger) = (asked.language().texts(), self.ledger.clone());
        tokio::task::spawn_blocking(move || {
            let words = words(texts, &rows);
            let workbook = workbook(rows, &words, |mut rows| {
                // Nobody may wait for it any more.
                if answer.is_closed() {
                    return Err(NoAnswer::Unfilled);
                }
                Ok(ledger.ask_blocking(move |ledger| Ok((rows.next(ledger)?, rows)))?)
            });
            drop(turn);
            let _ = answer.send(workbook);
        });
        let workbook = written.await.map_err(|_| NoAnswer::Unfilled)??;
        Ok(api::workbook(workbook, file))
    }

    /// All hours that are over, unless others are asked for.
    pub(super) async fn statistics(&self, request: StatisticsRequest) -> Result<Reply, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let from = request.from.map_or(first, |from| from.minute(zone));
        let to = request.to.map_or(until, |to| to.minute(zone));
        if request.from.is_some() && to < from {
            return Err(SpanError::EndsBeforeItBegins.into());
        }
        let (from, to) = (from.max(first), to.min(until));
        let hour = |at: Minute| Step::HOUR.beginning(at, &TimeZone::UTC);
        let id = request.id.unwrap_or_else(|| StatisticId::of(&meter.meter));
        let file = format!("{}-{}-statistics", meter.meter.site, meter.meter.meter);
        let text = Statistics::new(meter, hour(from)..hour(to), id);
        Ok(api::csv(text, &file, self.ledger.clone()))
    }
}

fn words<'a>(texts: &'a Texts, rows: &Rows) -> WorkbookWords<'a> {
    let measure = texts.measure(rows.meter.medium.unit());
    WorkbookWords {
        begin: texts.begin,
        recorded: texts.recorded,
        watched: texts.watched,
        pulses: texts.pulses,
        quantity: measure.quantity,
        mean_rate: measure.mean_rate,
        cost: texts.amount_of(rows.meter.relation.measures()),
        base_fee: texts.base_fee,
        price: texts.price,
        unpriced: texts.unpriced,
    }
}
