//! The first page of settings: meters, tariffs, alarms, and the form for the whole site.

use hyper::StatusCode;
use meter_figures::{Scope, TariffSettings};
use site_settings::{AlarmSettings, NoteSettings};
use web_http::reply::Reply;

use super::super::asked::Asked;
use super::super::entering::not_kept;
use super::super::refusals::NoAnswer;
use super::super::site::{Site, filled};
use super::Known;
use crate::pages::{ListedSetting, Notice, SettingsPage};
use crate::route::SettingsPlace;
use crate::site_forms::{Form, Group, SiteForm, Wrong};

impl Site {
    /// The page, with the form for the site as it is saved.
    pub(super) async fn all_settings(
        &self,
        known: &Known,
        notice: Option<Notice>,
        asked: &Asked<'_>,
        status: StatusCode,
    ) -> Result<Reply, NoAnswer> {
        let form = Form::Site(SiteForm { offered: known.offered(self, asked) });
        self.lists_page(known, form.groups(&form.stored(), &Wrong::default()), notice, asked, status)
    }

    pub(super) fn lists_page(
        &self,
        known: &Known,
        groups: Vec<Group>,
        notice: Option<Notice>,
        asked: &Asked<'_>,
        status: StatusCode,
    ) -> Result<Reply, NoAnswer> {
        let (frame, applied) = (asked.frame(), &known.saved.applied);
        let meters = known.meters.iter().map(|meter| ListedSetting {
            path: Some(SettingsPlace::Meter(meter.meter.clone()).path()),
            name: meter.name.clone(),
            detail: meter.meter.to_string(),
        });
        let tariff = |tariff: &TariffSettings, is_fixed: bool| ListedSetting {
            path: (!is_fixed).then(|| SettingsPlace::Tariff(Some(tariff.key())).path()),
            name: tariff_name(tariff, asked),
            detail: tariff_detail(tariff, known, asked),
        };
        let fixed = applied.fixed.tariff.iter().map(|it| tariff(it, true));
        let tariffs = fixed.chain(applied.stored.tariff.iter().map(|it| tariff(it, false))).collect();
        let alarm = |alarm: &AlarmSettings| ListedSetting {
            path: Some(SettingsPlace::Alarm(Some(alarm.name.clone())).path()),
            name: alarm.name.to_string(),
            detail: alarm.meter.to_string(),
        };
        let note = |note: &NoteSettings, is_fixed: bool| ListedSetting {
            path: (!is_fixed).then(|| SettingsPlace::Note(Some(note.key())).path()),
            name: note.text.clone(),
            detail: format!("{}, {}", asked.texts().moment(note.at), scope_name(&note.scope, asked)),
        };
        let fixed = applied.fixed.note.iter().map(|it| (it, true));
        let mut notes: Vec<_> = fixed.chain(applied.stored.note.iter().map(|it| (it, false))).collect();
        notes.sort_by_key(|(note, _)| std::cmp::Reverse(note.at));
        let notes = notes.into_iter().map(|(it, is_fixed)| note(it, is_fixed)).collect();
        // What the alarms say of others stands in their own settings.
        let is_stored = |name: &str| applied.stored.alarm.iter().any(|alarm| alarm.name.as_str() == name);
        let others = self.live.alarms().into_iter().filter(|said| !is_stored(&said.name));
        let others =
            others.map(|said| ListedSetting { path: None, detail: said.meter.to_string(), name: said.name });
        let page = SettingsPage {
            words: frame.texts.settings,
            notice,
            groups,
            after: known.saved.newest,
            meters: meters.collect(),
            tariffs,
            notes,
            alarms: applied.stored.alarm.iter().map(alarm).chain(others).collect(),
            frame,
        };
        not_kept(filled(&page)?, asked, status)
    }
}

/// What it is for, and since when.
fn tariff_name(tariff: &TariffSettings, asked: &Asked<'_>) -> String {
    let (texts, words) = (asked.texts(), asked.texts().settings);
    let scope = scope_name(&tariff.scope, asked);
    let medium = texts.house.medium(tariff.medium);
    match tariff.from {
        Some(from) => format!("{medium}, {scope}, {} {}", words.from_short, texts.short_date(from)),
        None => format!("{medium}, {scope}"),
    }
}

/// Which meters something is for.
fn scope_name(scope: &Scope, asked: &Asked<'_>) -> String {
    let words = asked.texts().settings;
    match scope {
        Scope::All => words.all_meters.to_owned(),
        Scope::Site(site) => words.site_meters.replace("{site}", site.as_str()),
        Scope::Meter(meter) => meter.to_string(),
    }
}

/// Its price.
fn tariff_detail(tariff: &TariffSettings, known: &Known, asked: &Asked<'_>) -> String {
    let settings = &known.saved.applied.settings;
    let currency = settings.currency.as_deref().unwrap_or("EUR");
    match tariff.price_per_kwh.or(tariff.price_per_m3) {
        Some(price) => {
            let unit = tariff.medium.unit().symbol();
            format!("{} {currency}/{unit}", asked.texts().number(price, 4))
        }
        None => asked.texts().settings.day_price.to_owned(),
    }
}
