//! What becomes of a form: a new version, or the form again with what is wrong.

use hyper::StatusCode;
use site_settings::{Draft, Editing, SiteSettings, StoreError};
use web_http::reply::{self, Reply};

use super::super::asked::Asked;
use super::super::refusals::NoAnswer;
use super::super::site::Site;
use super::{Known, Shown};
use crate::pages::Notice;
use crate::route::SettingsPlace;
use crate::site_forms::{Form, Values, Wrong};

impl Site {
    /// A form that was sent.
    pub(super) async fn form_sent(
        &self,
        place: SettingsPlace,
        values: Values,
        asked: &Asked<'_>,
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let words = asked.texts().settings;
        let known = self.known_for_forms().await?;
        let Some(form) = known.form(&place, known.offered(self, asked)) else {
            let notice = Notice::bad(words.not_there);
            return self.all_settings(&known, Some(notice), asked, StatusCode::CONFLICT).await;
        };
        let after: u64 = values.get("after").parse().map_err(|_| NoAnswer::Form(StatusCode::BAD_REQUEST))?;
        let wanted = values.get("do").to_owned();
        if let ("test", SettingsPlace::Alarm(Some(name))) = (wanted.as_str(), &place) {
            let notice = self.test_alarm(name, &known, asked).await;
            let shown = Shown { values: form.stored(), notice: Some(notice), ..Shown::default() };
            return self.form_page(&place, &known, &form, shown, asked, StatusCode::OK).await;
        }
        if let ("try", Form::Tariff(tariff)) = (wanted.as_str(), &form) {
            let (notice, wrong) = self.tried(tariff, &values, &known, asked).await?;
            let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            let shown = Shown { values, wrong, notice: Some(notice) };
            return self.form_page(&place, &known, &form, shown, asked, status).await;
        }
        if after != known.saved.newest {
            let notice = self.meanwhile(after, &known, asked).await;
            let shown = Shown { values, notice: Some(notice), ..Shown::default() };
            return self.form_page(&place, &known, &form, shown, asked, StatusCode::CONFLICT).await;
        }
        let mut editing = Editing::of(&known.saved.text).map_err(StoreError::from)?;
        let edited = match wanted == "delete" {
            true => {
                form.delete(&mut editing);
                Ok(())
            }
            false => form.apply(&values, &mut editing),
        };
        if let Err(wrong) = edited {
            let shown = Shown { values, wrong, notice: Some(Notice::bad(words.look_below)) };
            return self.form_page(&place, &known, &form, shown, asked, StatusCode::BAD_REQUEST).await;
        }
        let text = editing.text();
        if text == known.saved.text {
            let shown = Shown { values, notice: Some(Notice::good(words.nothing_new)), ..Shown::default() };
            return self.form_page(&place, &known, &form, shown, asked, StatusCode::OK).await;
        }
        match self.save(text, after, &place.path(), by).await {
            Ok(number) => {
                self.saved.taken_over(number).await;
                Ok(reply::see_other(&asked.frame().link(&format!("/settings?saved={number}"))))
            }
            Err(error) => self.not_saved(&place, (&known, &form, values), &error, asked).await,
        }
    }

    /// Saves a version, away from the threads that answer.
    async fn save(&self, text: String, after: u64, why: &str, by: &str) -> Result<u64, StoreError> {
        let (store, fixed) = (self.store.clone(), self.applied.fixed.clone());
        let (why, by) = (why.to_owned(), by.to_owned());
        let saved = tokio::task::spawn_blocking(move || {
            let draft = Draft { text: &text, by: &by, why: Some(&why), after };
            store.save(&draft, &fixed, daemon_runtime::now())
        });
        saved.await.unwrap_or(Err(StoreError::Busy))
    }

    /// The form again, with why it was not saved.
    async fn not_saved(
        &self,
        place: &SettingsPlace,
        (known, form, values): (&Known, &Form<'_>, Values),
        error: &StoreError,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        let (words, mut wrong) = (asked.texts().settings, Wrong::default());
        if !matches!(error, StoreError::Wrong(_)) {
            tracing::warn!("settings were not saved: {error}");
        }
        let (notice, status) = match error {
            StoreError::Wrong(refused) => {
                let refused = refused.to_string();
                let refused = refused.strip_prefix("settings: ").unwrap_or(&refused).to_owned();
                let notice = match form.field_of(&refused) {
                    Some((field, what)) => {
                        wrong.say(field, what);
                        Notice::bad(words.look_below)
                    }
                    None => Notice::bad(words.cannot_be).with_detail(refused),
                };
                (notice, StatusCode::BAD_REQUEST)
            }
            StoreError::Superseded { .. } => {
                // Between our look and the lock: the page is made anew, with the newest version below it.
                let known = self.known_for_forms().await?;
                let notice = self.meanwhile(values.get("after").parse().unwrap_or(0), &known, asked).await;
                return match known.form(place, known.offered(self, asked)) {
                    Some(form) => {
                        let shown = Shown { values, notice: Some(notice), wrong };
                        self.form_page(place, &known, &form, shown, asked, StatusCode::CONFLICT).await
                    }
                    None => self.all_settings(&known, Some(notice), asked, StatusCode::CONFLICT).await,
                };
            }
            StoreError::Busy => (Notice::bad(words.busy), StatusCode::CONFLICT),
            _ => (Notice::bad(words.disk), StatusCode::SERVICE_UNAVAILABLE),
        };
        let shown = Shown { values, notice: Some(notice), wrong };
        self.form_page(place, known, form, shown, asked, status).await
    }

    /// Who has saved something since a form was made, and what.
    pub(super) async fn meanwhile(&self, after: u64, known: &Known, asked: &Asked<'_>) -> Notice {
        let (texts, words) = (asked.texts(), asked.texts().settings);
        let (store, newest) = (self.store.clone(), known.saved.newest);
        let read = tokio::task::spawn_blocking(move || {
            let before: Option<SiteSettings> = match after {
                0 => Some(SiteSettings::default()),
                number => store.version(number).ok().and_then(|it| daemon_runtime::parse(&it.text).ok()),
            };
            Some((store.version(newest).ok()?, before))
        });
        let Some((newest, before)) = read.await.ok().flatten() else {
            return Notice::bad(words.stale_unknown);
        };
        let at = texts.moment(self.ledger.zone().to_datetime(newest.at));
        let said = words.stale.replace("{by}", &newest.by).replace("{at}", &at);
        let changes = before.map(|before| known.saved.stored().changes_since(&before)).unwrap_or_default();
        let list = changes.iter().map(|change| words.change(change, texts)).collect();
        Notice::bad(&said).with_list(words.changed, list)
    }
}
