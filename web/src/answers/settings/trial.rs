//! What last month would have cost with a tariff that is not saved yet.

use std::sync::Arc;

use jiff::ToSpan;
use meter_figures::{Period, TariffSettings, Tariffs};
use meter_ledger::RecordedMeter;
use meter_messages::PeriodKind;
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
        let draft = with_tariff(form, &typed, known);
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
            let then = self.ledger.tariffs_by(tariffs.clone(), &meter).await?;
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
}

/// The settings with the tariff as if it had always held: nothing of the same scope takes its place.
fn with_tariff(form: &TariffForm<'_>, typed: &TariffSettings, known: &Known) -> SiteSettings {
    let mut stored = known.saved.stored().clone();
    if let Some(place) = form.place {
        stored.tariff.remove(place);
    }
    let mut all = known.saved.applied.fixed.clone().before(stored);
    all.tariff.retain(|other| (other.medium, &other.scope) != (typed.medium, &typed.scope));
    all.tariff.push(TariffSettings { from: None, ..typed.clone() });
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Saved;
    use super::*;
    use crate::site_forms::Offered;
    use crate::texts::Language;
    use site_settings::Applied;

    #[test]
    fn another_tariff_of_the_same_meters_does_not_hold_in_its_place() {
        let stored: SiteSettings = daemon_runtime::parse(
            "[[tariff]]\nprice_per_kwh = 0.1\n[[tariff]]\nfor = 'hq'\nfrom = '2024-01-01'\nprice_per_kwh = 0.2\n\
             [[tariff]]\nfor = 'hq'\nfrom = '2026-05-01'\nprice_per_kwh = 0.3\n",
        )
        .unwrap();
        let fixed = SiteSettings::default();
        let applied =
            Applied { settings: stored.clone(), fixed: fixed.clone(), stored: stored.clone(), version: 1 };
        let saved = Saved { applied, newest: 1, text: String::new() };
        let known = Known { saved, said: Vec::new(), meters: Vec::new() };
        let texts = Language::default().texts();
        let offered = Offered { texts, meters: &[], fixed: &fixed, stored: &stored, is_restricted: false };
        let form = TariffForm { place: Some(1), offered };
        let typed = TariffSettings { price_per_kwh: Some(0.9), ..stored.tariff[1].clone() };
        let all = with_tariff(&form, &typed, &known);
        let said: Vec<_> = all.tariff.iter().map(|it| (it.scope.to_string(), it.price_per_kwh)).collect();
        assert_eq!(said, [("all meters".to_owned(), Some(0.1)), ("hq".to_owned(), Some(0.9))]);
    }
}
