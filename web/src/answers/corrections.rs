//! Corrections: their page, and the forms by which an admin says or undoes one.

use hyper::StatusCode;
use jiff::Timestamp;
use meter_ledger::{Correction, NewCorrection, RecordedMeter};
use meter_messages::{CorrectionMessage, Meter, Minute, SaidCorrection, Topic, UndoneCorrection};
use web_http::Prepared;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::entering::{Patience, not_kept, status_of};
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::ledger::reader::minute_in_progress;
use crate::pages::{CorrectionNotice, CorrectionsPage, Lacking};
use crate::readings::correcting::{CorrectionFields, Sent};

impl Site {
    /// What becomes of a form of `by`, who may correct.
    pub(super) async fn correction_sent(
        &self,
        meter: Meter,
        asked: &Asked<'_>,
        body: &[u8],
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let sent = Sent::of(body).ok_or(NoAnswer::Form(StatusCode::BAD_REQUEST))?;
        let (known, ..) = self.reach(meter).await?;
        let now = Timestamp::from_second(daemon_runtime::now().as_second()).unwrap_or_default();
        match sent {
            Sent::Correction(fields) => match fields.correction(by, &known, self.ledger.zone()) {
                Ok(new) => self.say(known, asked, (new, fields), now).await,
                Err(wrong) => self.correct_again(&known, asked, fields, CorrectionNotice::Wrong(wrong)).await,
            },
            Sent::Undo(from, said) => {
                let undone = UndoneCorrection { from, said, at: now, by: by.to_owned() };
                let told = format!("undone={from}&said={said}");
                let sent = (CorrectionMessage::Undone(undone), CorrectionFields::default());
                self.hand_correction_over(known, asked, sent, &told, (from, said)).await
            }
        }
    }

    /// Says what the ledger would take.
    async fn say(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        (new, fields): (NewCorrection, CorrectionFields),
        said: Timestamp,
    ) -> Result<Reply, NoAnswer> {
        let (meter, of_ledger) = (known.clone(), new.clone());
        if let Some(why) = self.ledger.ask(move |ledger| ledger.why_not(&meter, &of_ledger)).await? {
            return self
                .correct_again(&known, asked, fields, CorrectionNotice::refused(&why, asked.texts()))
                .await;
        }
        let NewCorrection { span, kind, reason, by } = new;
        let from = span.start;
        let message = SaidCorrection { said, from, to: span.end, kind, reason, by };
        let told = format!("entered={from}&said={said}");
        let sent = (CorrectionMessage::Said(message), fields);
        self.hand_correction_over(known, asked, sent, &told, (from, said)).await
    }

    /// Sends it, and waits for the recorder, but not for long: the broker owes it to it.
    async fn hand_correction_over(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        (message, typed): (CorrectionMessage, CorrectionFields),
        told: &str,
        (from, said): (Minute, Timestamp),
    ) -> Result<Reply, NoAnswer> {
        let holds = matches!(message, CorrectionMessage::Said(_));
        if !self.has_sent(&Topic::Correction(known.meter.clone()), message.to_json()).await {
            return self.correct_again(&known, asked, typed, CorrectionNotice::NotSent).await;
        }
        let (patience, is_there) = (Patience::new(), |it: &Correction| it.undone.is_none());
        while find(&self.said(&known).await?, from, said).is_some_and(is_there) != holds
            && patience.lasts().await
        {}
        let path = format!("/m/{}/corrections?{told}", known.meter);
        Ok(reply::see_other(&asked.frame().link(&path)))
    }

    async fn said(&self, known: &RecordedMeter) -> Result<Vec<Correction>, NoAnswer> {
        let known = known.clone();
        Ok(self.ledger.ask(move |ledger| ledger.corrections(&known)).await?)
    }

    /// The form with what was typed in, and what is wrong with it.
    async fn correct_again(
        &self,
        known: &RecordedMeter,
        asked: &Asked<'_>,
        fields: CorrectionFields,
        notice: CorrectionNotice,
    ) -> Result<Reply, NoAnswer> {
        let page = self.corrections_filled(known, asked, fields, Some(&notice)).await?;
        not_kept(page, asked, status_of(notice == CorrectionNotice::NotSent))
    }

    /// The page of a meter's corrections; `from` and `to` fill the form in. It is made anew for each who asks: who has
    /// said something looks at once whether it is there.
    pub(super) async fn corrections_page(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let (known, ..) = self.reach(meter).await?;
        let minute = |name| asked.query.get(name).and_then(|at| at.parse::<Minute>().ok());
        let said_at = asked.query.get("said").and_then(|at| at.parse::<Timestamp>().ok());
        let said = self.said(&known).await?;
        let of = |from| said_at.and_then(|said_at| find(&said, from, said_at));
        let notice = match (minute("entered"), minute("undone")) {
            (Some(from), _) => Some(CorrectionNotice::of_saying(of(from).is_some())),
            (None, Some(from)) => {
                Some(CorrectionNotice::of_undoing(of(from).is_some_and(|it| it.undone.is_none())))
            }
            (None, None) => None,
        };
        let hour_ago = Minute::nearest(minute_in_progress().epoch_minutes() - 60);
        let from = minute("from").unwrap_or(hour_ago);
        let to = minute("to").unwrap_or_else(minute_in_progress);
        let fields = CorrectionFields::of_span(from, to, self.ledger.zone());
        let page = self.corrections_filled(&known, asked, fields, notice.as_ref()).await?;
        Ok(Prepared::html(page).reply(asked.headers, reply::ASK_AGAIN))
    }

    async fn corrections_filled(
        &self,
        known: &RecordedMeter,
        asked: &Asked<'_>,
        fields: CorrectionFields,
        notice: Option<&CorrectionNotice>,
    ) -> Result<String, NoAnswer> {
        let words = asked.texts().correcting;
        let form = self.form_or_why_not(asked.visitor.may_correct(), asked).map(|()| fields);
        let form = form.map_err(|lacking| match lacking {
            Lacking::Right => words.needs_right,
            Lacking::Login => words.needs_login,
            Lacking::Users => words.needs_users,
        });
        let notice = notice.filter(|_| form.is_ok());
        let (said, names) = (self.said(known).await?, asked.visitor.may_see_all());
        let page =
            CorrectionsPage::new(asked.frame(), known, (&said, names), (form, notice), self.ledger.zone());
        filled(&page)
    }
}

fn find(known: &[Correction], from: Minute, said: Timestamp) -> Option<&Correction> {
    let mut same = known.iter().filter(|it| it.span.start == from && it.said == said);
    same.next_back()
}
