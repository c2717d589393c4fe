//! The tariffs of all meters. Pure, but for the question which meter of a site was the first.

use std::sync::Arc;

use meter_ledger::{Ledger, LedgerError};
use meter_messages::{Currency, Measures, Medium, Meter, Minute, SiteId};

use crate::House;

use super::Tariffs;
use super::holidays::Holiday;
use super::rates::{Payer, Tariff};
use super::scope::Scope;
use super::settings::{TariffError, TariffSettings};

/// All tariffs there are.
#[derive(Debug, Clone, Default)]
pub struct SiteTariffs {
    currency: String,
    /// The same for prices of the day, where it has three letters.
    letters: Option<Currency>,
    /// Those for a site after those for all, and those for a meter last; of one scope ascending.
    tariffs: Vec<Arc<Tariff>>,
    holidays: Arc<[Holiday]>,
}

impl SiteTariffs {
    /// Checks what the settings say.
    pub fn new(
        currency: &str,
        settings: &[TariffSettings],
        holidays: &[Holiday],
    ) -> Result<Self, TariffError> {
        let letters = if currency == "€" { "EUR" } else { currency }.parse().ok();
        let currency = if currency == "EUR" { "€" } else { currency };
        let mut tariffs = settings.iter().map(Tariff::new).collect::<Result<Vec<_>, _>>()?;
        if let Some(tariff) = tariffs.iter().find(|tariff| tariff.names_holidays() && holidays.is_empty()) {
            let from = tariff.from;
            return Err(TariffError(format!(
                "the tariff from {from} has a price for holidays, but there are none; \
                 write them like holidays = [\"12-25\", \"easter+1\", \"2026-10-30\"]"
            )));
        }
        if letters.is_none() && tariffs.iter().any(|tariff| tariff.day_price.is_some()) {
            return Err(TariffError(format!(
                "for prices of the day the currency must be three capital letters like EUR, not \"{currency}\""
            )));
        }
        tariffs.sort_by(|one, other| one.scope.cmp(&other.scope).then(one.from.cmp(&other.from)));
        for (at, tariff) in tariffs.iter().enumerate() {
            let is_same = |other: &Tariff| {
                (other.medium, &other.scope, other.from) == (tariff.medium, &tariff.scope, tariff.from)
            };
            if tariffs[..at].iter().any(is_same) {
                let (scope, from) = (&tariff.scope, tariff.from);
                return Err(TariffError(format!(
                    "two tariffs for {scope} begin on {from}; leave one of them out"
                )));
            }
        }
        let tariffs = tariffs.into_iter().map(Arc::new).collect();
        Ok(Self { currency: currency.to_owned(), letters, tariffs, holidays: holidays.into() })
    }

    /// What stands behind an amount.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// What a meter costs. A base fee is part of it where its tariff names the meter, or names none and the meter is
    /// the first of its site.
    pub fn of(&self, meter: &Meter, medium: Medium, is_first: bool) -> Tariffs {
        let mut all: Vec<&Arc<Tariff>> = Vec::new();
        for tariff in
            self.tariffs.iter().filter(|tariff| tariff.medium == medium && tariff.scope.contains(meter))
        {
            // From its first day on the more specific one holds.
            all.retain(|other| other.scope == tariff.scope || other.from < tariff.from);
            all.push(tariff);
        }
        let is_paid_here = |tariff: &Tariff| match tariff.payer() {
            Payer::One(one) => one == meter,
            Payer::First => is_first,
        };
        let all = all.into_iter().map(|tariff| (tariff.clone(), is_paid_here(tariff))).collect();
        let day_prices = self.letters.map(|letters| (meter.site.clone(), letters));
        Tariffs::new(&self.currency, all, self.holidays.clone(), day_prices)
    }

    /// What is paid for what a meter feeds in: by tariffs that name it alone.
    pub fn of_feed_in(&self, meter: &Meter, medium: Medium) -> Tariffs {
        let names_it = |scope: &Scope| matches!(scope, Scope::Meter(one) if one == meter);
        let its = self.tariffs.iter().filter(|tariff| tariff.medium == medium && names_it(&tariff.scope));
        let its = its.map(|tariff| (tariff.clone(), true)).collect();
        let day_prices = self.letters.map(|letters| (meter.site.clone(), letters));
        Tariffs::new(&self.currency, its, self.holidays.clone(), day_prices)
    }

    /// Whether a base fee depends on which meter of its site is the first.
    pub fn depend_on_first(&self, meter: &Meter, medium: Medium) -> bool {
        let tariffs = self.tariffs.iter().filter(|tariff| tariff.medium == medium);
        let mut of_site = tariffs.filter(|tariff| tariff.scope.contains(meter) && tariff.has_fee());
        of_site.any(|tariff| tariff.payer() == Payer::First)
    }

    /// The meter of a site at which base fees are paid whose tariff names no meter: of those that measure a use and are
    /// no others' part, the one that was recorded first, apart from those with tariffs of their own. `None` before
    /// anything was recorded.
    pub fn first_meter(
        &self,
        ledger: &Ledger,
        house: &House,
        site: &SiteId,
        medium: Medium,
    ) -> Result<Option<Meter>, LedgerError> {
        // Nobody pays a fee for what is made here or fed in.
        let places = [Measures::Import, Measures::Consumption].map(|measures| house.roots(medium, measures));
        let roots = places.iter().flatten().filter_map(|place| house.meters().get(*place));
        let mut first: Option<(Minute, Meter)> = None;
        for known in roots.filter(|known| known.meter.site == *site && !self.is_single(&known.meter, medium))
        {
            let began = match ledger.first(known) {
                // What one meter's rows say is no matter of the others.
                Err(error) if error.is_of_rows() => None,
                began => began?,
            };
            let began = began.map(|began| (began, known.meter.clone()));
            first = first.into_iter().chain(began).min();
        }
        Ok(first.map(|(_, meter)| meter))
    }

    /// Whether a meter has a tariff of its own.
    fn is_single(&self, meter: &Meter, medium: Medium) -> bool {
        let is_its_own = |scope: &Scope| matches!(scope, Scope::Meter(one) if one == meter);
        self.tariffs.iter().any(|tariff| tariff.medium == medium && is_its_own(&tariff.scope))
    }
}
