//! Settings in the browser: pages and forms for those who may set what holds, on top of the store of versions.

mod alarm_tests;
mod history;
mod lists;
mod saving;
mod trial;
mod users;

use hyper::StatusCode;
use meter_ledger::RecordedMeter;
use site_settings::{Applied, SiteSettings, StoreError};
use web_http::reply::Reply;

use super::asked::Asked;
use super::entering::not_kept;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::pages::{FormPage, Notice};
use crate::route::{RouteError, SettingsPlace};
use crate::site_forms::{AlarmForm, Form, MeterForm, NoteForm, Offered, SiteForm, TariffForm, Values, Wrong};

/// What is saved now: somebody may have saved something since this site was made.
pub(super) struct Saved {
    pub(super) applied: Applied,
    /// The newest version, whether it fits or not; 0 for none.
    pub(super) newest: u64,
    /// The text of the one that holds.
    pub(super) text: String,
}

impl Saved {
    pub(super) fn stored(&self) -> &SiteSettings {
        &self.applied.stored
    }
}

/// What a form is made of.
pub(super) struct Known {
    pub(super) saved: Saved,
    /// As their publishers call them.
    pub(super) said: Vec<RecordedMeter>,
    /// As they are called here.
    pub(super) meters: Vec<RecordedMeter>,
}

impl Known {
    pub(super) fn offered<'a>(&'a self, site: &Site, asked: &Asked<'_>) -> Offered<'a> {
        Offered {
            texts: asked.texts(),
            meters: &self.meters,
            fixed: &self.saved.applied.fixed,
            stored: self.saved.stored(),
            is_restricted: site.access.is_restricted(),
        }
    }

    /// The form of a place; `None` where what it is of is not there.
    fn form<'a>(&'a self, place: &SettingsPlace, offered: Offered<'a>) -> Option<Form<'a>> {
        let stored = self.saved.stored();
        Some(match place {
            SettingsPlace::All => Form::Site(SiteForm { offered }),
            SettingsPlace::Meter(meter) => {
                let known = self.said.iter().find(|known| known.meter == *meter)?;
                Form::Meter(MeterForm { known, offered })
            }
            SettingsPlace::Tariff(None) => Form::Tariff(TariffForm { place: None, offered }),
            SettingsPlace::Tariff(Some(key)) => {
                let place = Some(stored.tariff.iter().position(|tariff| tariff.key() == *key)?);
                Form::Tariff(TariffForm { place, offered })
            }
            SettingsPlace::Alarm(None) => Form::Alarm(AlarmForm { place: None, offered }),
            SettingsPlace::Alarm(Some(name)) => {
                let place = Some(stored.alarm.iter().position(|alarm| alarm.name == *name)?);
                Form::Alarm(AlarmForm { place, offered })
            }
            SettingsPlace::Note(None) => Form::Note(NoteForm { place: None, offered }),
            SettingsPlace::Note(Some(key)) => {
                let place = Some(stored.note.iter().position(|note| note.key() == *key)?);
                Form::Note(NoteForm { place, offered })
            }
            SettingsPlace::History | SettingsPlace::Users => return None,
        })
    }
}

/// A form that is shown: what stands in it, and what is to be said.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) values: Values,
    pub(super) wrong: Wrong,
    pub(super) notice: Option<Notice>,
}

impl Site {
    /// A page, for those who may set something.
    pub(super) async fn settings_page(
        &self,
        place: SettingsPlace,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        if asked.visitor.may_set().is_none() {
            return Err(self.may_not_set(asked));
        }
        match place {
            SettingsPlace::History => self.history_page(asked, None).await,
            SettingsPlace::Users => self.users_page(asked, None, StatusCode::OK),
            _ => {
                let known = self.known_for_forms().await?;
                let offered = known.offered(self, asked);
                let form = known.form(&place, offered).ok_or(RouteError::NotFound)?;
                let saved = asked.query.get("saved").map(|_| Notice::good(asked.texts().settings.saved));
                let values = match &place {
                    SettingsPlace::Note(None) => self.note_begun(asked),
                    _ => form.stored(),
                };
                let shown = Shown { values, notice: saved, ..Shown::default() };
                self.form_page(&place, &known, &form, shown, asked, StatusCode::OK).await
            }
        }
    }

    /// A new note: of now, or of what the link names that led here.
    fn note_begun(&self, asked: &Asked<'_>) -> Values {
        let now = self.ledger.zone().to_datetime(daemon_runtime::now());
        let at = asked.query.get("at").and_then(|at| at.parse().ok()).unwrap_or(now);
        NoteForm::begun(asked.query.get("for").as_deref().unwrap_or_default(), at)
    }

    /// Why a visitor gets no form.
    pub(super) fn may_not_set(&self, asked: &Asked<'_>) -> NoAnswer {
        match (asked.visitor.name(), self.access.is_restricted()) {
            (None, true) => NoAnswer::LoginNeeded,
            (None, false) => NoAnswer::NotLocal,
            (Some(_), _) => NoAnswer::NoRight,
        }
    }

    /// What becomes of a form of `by`, who may set something.
    pub(super) async fn settings_sent(
        &self,
        place: SettingsPlace,
        asked: &Asked<'_>,
        body: &[u8],
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let values = Values::of(body);
        match place {
            SettingsPlace::History => self.put_back(&values, asked, by).await,
            SettingsPlace::Users => self.users_sent(&values, asked, by).await,
            _ => self.form_sent(place, values, asked, by).await,
        }
    }

    /// What is saved, and the meters that it may be said of.
    pub(super) async fn known_for_forms(&self) -> Result<Known, NoAnswer> {
        let (store, fixed) = (self.store.clone(), self.applied.fixed.clone());
        let read = tokio::task::spawn_blocking(move || -> Result<Saved, StoreError> {
            // In this order: what is saved in between makes a form stale, and never unseen.
            let newest = store.newest()?;
            let applied = Applied::now(fixed, &store);
            let text = match applied.version {
                0 => String::new(),
                number => store.version(number)?.text,
            };
            Ok(Saved { applied, newest, text })
        });
        let saved = read.await.map_err(|_| NoAnswer::Unfilled)??;
        let said = self.ledger.ask(|ledger| ledger.meters()).await?;
        let of_now = saved.applied.settings.meters().unwrap_or_default();
        let mut meters: Vec<_> = said.iter().map(|known| of_now.as_set(known.clone())).collect();
        of_now.sort(&mut meters);
        Ok(Known { saved, said, meters })
    }

    pub(super) async fn form_page(
        &self,
        place: &SettingsPlace,
        known: &Known,
        form: &Form<'_>,
        shown: Shown,
        asked: &Asked<'_>,
        status: StatusCode,
    ) -> Result<Reply, NoAnswer> {
        let Shown { values, wrong, notice } = shown;
        let groups = form.groups(&values, &wrong);
        if let SettingsPlace::All = place {
            return self.lists_page(known, groups, notice, asked, status);
        }
        let page =
            FormPage::new(asked.frame(), place, (groups, form.can_be_deleted()), known.saved.newest, notice);
        not_kept(filled(&page)?, asked, status)
    }
}
