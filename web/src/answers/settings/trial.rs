//! What last month would have cost with a tariff that is not saved yet.

use std::sync::Arc;

use jiff::ToSpan;
use meter_figures::{Period, SiteTariffs, TariffSettings, Tariffs};
use meter_ledger::RecordedMeter;
use meter_messages::{Measures, PeriodKind};
use site_settings::SiteSettings;

use super::super::asked::Asked;
use super::super::refusals::NoAnswer;
use super::super::site::Site;
use super::Known;
use crate::pages::{Notice, TrialRow};
use crate::site_forms::{TariffForm, Values, Wrong};

/// So many meters are reckoned at most.
const MOST_METERS: usize = 20;

impl Site {
    /// What it would have cost, or what is wrong with the tariff.
    pub(super) async fn tried(
        &self,
        form: &TariffForm<'_>,
        values: &Values,
        known: &Known,
        asked: &Asked<'_>,
    ) -> Result<(Notice, Wrong), NoAnswer> {
        let words = asked.texts().settings;
        let typed = match form.typed(values) {
            Ok(typed) => typed,
            Err(wrong) => return Ok((Notice::bad(words.look_below), wrong)),
        };
        let zone = self.ledger.zone();
        let today = zone.to_datetime(daemon_runtime::now()).date();
        let last = today.first_of_month().saturating_sub(1.day());
        let month = Period::containing(PeriodKind::Month, meter_figures::midnight(last, zone), zone);
        let name = asked.texts().title(&month, zone);
        let draft = with_tariff(form, &typed, known, last.first_of_month());
        let tariffs = match draft.tariffs() {
            Ok(tariffs) => Arc::new(tariffs),
            Err(error) => {
                return Ok((Notice::bad(words.cannot_be).with_detail(error.to_string()), Wrong::default()));
            }
        };
        let is_meant = |meter: &&RecordedMeter| {
            meter.medium == typed.medium
                && typed.scope.contains(&meter.meter)
                && asked.visitor.may_see(&meter.meter)
        };
        let mut rows = Vec::new();
        for meter in known.meters.iter().filter(is_meant).take(MOST_METERS) {
            let (meter, first, until) = self.reach(meter.meter.clone()).await?;
            let now = self.ledger.tariffs(&meter).await?;
            let then = self.tariffs_by(&tariffs, &meter).await?;
            let (sum, cost) = self.amounts(&meter, (first, until), &month.span, &now).await?;
            let (_, would_be) = self.amounts(&meter, (first, until), &month.span, &then).await?;
            if let Some(quantity) = sum.quantity() {
                let amount = |bill: Option<meter_figures::Bill>, tariffs: &Tariffs| {
                    bill.map(|bill| {
                        asked.texts().amount(bill.total_cents() as f64 / 100.0, tariffs.currency())
                    })
                };
                let unit = meter.medium.unit().symbol();
                rows.push(TrialRow {
                    name: meter.name.clone(),
                    quantity: format!("{}\u{a0}{unit}", asked.texts().number(quantity, 1)),
                    now: amount(cost, &now),
                    then: amount(would_be, &then),
                });
            }
        }
        let heading = words.trial.replace("{month}", &name);
        Ok((Notice::trial(&heading, rows), Wrong::default()))
    }

    /// What a meter costs by tariffs that are not those of the site.
    async fn tariffs_by(
        &self,
        tariffs: &Arc<SiteTariffs>,
        known: &RecordedMeter,
    ) -> Result<Tariffs, NoAnswer> {
        let (meter, medium) = (known.meter.clone(), known.medium);
        match known.relation.measures() {
            Measures::Export => return Ok(tariffs.of_feed_in(&meter, medium)),
            Measures::Production => return Ok(Tariffs::default()),
            Measures::Import | Measures::Consumption => {}
        }
        let (all, site) = (tariffs.clone(), meter.site.clone());
        let first = self.ledger.ask(move |ledger| all.first_meter(ledger, &site, medium)).await?;
        Ok(tariffs.of(&meter, medium, first.as_ref() == Some(&meter)))
    }
}

/// The settings with the tariff as if it had held all month; nothing of the same scope takes its place in it.
fn with_tariff(
    form: &TariffForm<'_>,
    typed: &TariffSettings,
    known: &Known,
    first: jiff::civil::Date,
) -> SiteSettings {
    let mut stored = known.saved.stored().clone();
    if let Some(place) = form.place {
        stored.tariff.remove(place);
    }
    let mut all = known.saved.applied.fixed.clone().before(stored);
    let is_its = |other: &TariffSettings| (other.medium, &other.scope) == (typed.medium, &typed.scope);
    all.tariff.retain(|other| !is_its(other) || other.from.is_none_or(|from| from < first));
    let from = typed.from.map(|from| from.min(first));
    all.tariff.retain(|other| !is_its(other) || other.from != from);
    all.tariff.push(TariffSettings { from, ..typed.clone() });
    all
}
