//! A meter's figures and its value of now in words.

use jiff::Timestamp;
use meter_figures::{Cost, Costs, Figures};
use meter_ledger::Sum;
use meter_messages::{PeriodKind, Unit};

use crate::ledger::reader::LedgerReader;
use crate::live::values::{Freshness, Presence};
use crate::pages::trust::TrustView;
use crate::pages::{Change, exact};
use crate::texts::Texts;

/// A meter in words.
pub(crate) struct MeterView {
    pub(crate) name: String,
    /// The name of its colour.
    pub(crate) colour: &'static str,
    /// `site/meter`.
    pub(crate) path: String,
    /// What it counts in.
    pub(crate) unit: Unit,
    /// Power or flow of now.
    pub(crate) rate: Option<String>,
    pub(crate) freshness: &'static str,
    /// When the value was worked out: for programs and for people.
    pub(crate) at: Option<(String, String)>,
    pub(crate) today: String,
    pub(crate) yesterday_by_now: String,
    pub(crate) yesterday: String,
    /// Of today against yesterday, and how much of it could be compared, if not all.
    pub(crate) change: Option<(Change, Option<String>)>,
    pub(crate) month: String,
    pub(crate) month_expected: Option<String>,
    /// How much of what the month may take is taken.
    pub(crate) budget: Option<BudgetView>,
    pub(crate) quiet_rate: Option<String>,
    pub(crate) reading: Option<String>,
    pub(crate) recorded_until: Option<(String, String)>,
    /// What an amount of this meter is called, and a list of them.
    pub(crate) amount: &'static str,
    pub(crate) list_of_amounts: &'static str,
    /// What today and the month cost so far, and the whole month.
    pub(crate) cost: Option<CostView>,
    /// How far all of it can be trusted.
    pub(crate) trust: Option<TrustView>,
}

/// A month against its budget.
pub(crate) struct BudgetView {
    /// `62 % of 200 kWh`
    pub(crate) words: String,
    /// In percent, for the bar: at most 100.
    pub(crate) percent: u8,
    pub(crate) is_over: bool,
}

impl BudgetView {
    fn new(taken: f64, of_month: f64, unit: Unit, texts: &Texts) -> Self {
        let percent = taken / of_month * 100.0;
        let budget = texts.number(of_month, if of_month.fract() == 0.0 { 0 } else { 2 });
        // Never "100 %" before it is.
        let shown = texts.number(if percent < 100.0 { percent.floor() } else { percent }, 0);
        Self {
            words: format!("{shown}\u{a0}% {} {budget}\u{a0}{}", texts.meter.of_budget, unit.symbol()),
            percent: percent.clamp(0.0, 100.0) as u8,
            is_over: taken > of_month,
        }
    }
}

/// Amounts with their currency.
pub(crate) struct CostView {
    pub(crate) today: String,
    pub(crate) month: String,
    pub(crate) month_expected: Option<String>,
    /// Carbon dioxide of the month in kg, where it is known.
    pub(crate) co2: Option<String>,
    /// For how much of the month no price is known, in words.
    pub(crate) unpriced: Option<String>,
}

impl CostView {
    fn new(costs: &Costs, texts: &Texts, currency: &str) -> Self {
        let amount = |amount: f64| texts.amount(amount, currency);
        let known = |cost: &Cost| cost.known_total().map_or("–".to_owned(), amount);
        let unpriced = costs.month.unpriced;
        let co2 = (costs.month.co2_g > 0.0).then(|| texts.co2(costs.month.co2_g));
        Self {
            today: known(&costs.today),
            month: known(&costs.month),
            month_expected: costs.month_expected.map(amount),
            unpriced: (unpriced > 0.0).then(|| texts.unpriced(unpriced)),
            co2,
        }
    }
}

impl MeterView {
    /// Where what people read off the meter stands.
    pub(crate) fn readings(&self) -> String {
        format!("/m/{}/readings", self.path)
    }

    /// Where all that was recorded of it can be had.
    pub(crate) fn everything(&self) -> String {
        format!("/m/{}/all", self.path)
    }

    /// Where its last day is.
    pub(crate) fn day(&self) -> String {
        format!("/m/{}/day", self.path)
    }

    /// What it comes to so far, in a sentence.
    pub(crate) fn said(&self, texts: &Texts) -> String {
        let unit = self.unit.symbol();
        let cost = |of: fn(&CostView) -> &String| {
            self.cost.as_ref().map(|cost| format!(", {}", of(cost))).unwrap_or_default()
        };
        let (today, month) = (cost(|cost| &cost.today), cost(|cost| &cost.month));
        format!("{} {} {unit}{today} · {} {} {unit}{month}", texts.today, self.today, texts.month, self.month)
    }

    /// Where it stands how its days go.
    pub(crate) fn profile(&self) -> String {
        format!("/m/{}/profile", self.path)
    }

    /// Where it stands what flows even at night.
    pub(crate) fn base_load(&self) -> String {
        format!("/m/{}/base-load", self.path)
    }

    /// Where it stands what a time costs, line by line.
    pub(crate) fn bill(&self) -> String {
        format!("/m/{}/bill", self.path)
    }

    /// A meter's figures and value as people of a language read them.
    pub(crate) fn new(figures: &Figures, presence: &Presence, texts: &Texts, ledger: &LedgerReader) -> Self {
        let zone = ledger.zone();
        let unit = figures.meter.medium.unit();
        let quantity = |sum: &Sum| exact(sum.quantity(), texts);
        let change = figures.compared.as_ref().and_then(|both| {
            let change = Change::new(both.percent()?, texts);
            Some((change, texts.compared(PeriodKind::Day, both)))
        });
        let moment = |at: Timestamp| (at.to_string(), texts.moment(zone.to_datetime(at)));
        let recorded_until = figures.newest.map(|newest| Timestamp::from_second(newest.minute.end()));
        let value = presence.value.as_ref();
        Self {
            name: figures.meter.name.clone(),
            colour: ledger.meters().colour(&figures.meter.meter).name(),
            path: figures.meter.meter.to_string(),
            unit,
            rate: value.and_then(|live| live.rate_in(unit)).map(|rate| texts.number(rate.into(), 0)),
            freshness: freshness(presence),
            at: value.map(|live| moment(live.at)),
            today: quantity(&figures.today),
            yesterday_by_now: quantity(&figures.yesterday_by_now),
            yesterday: quantity(&figures.yesterday),
            change,
            month: quantity(&figures.month),
            month_expected: figures.month_expected.map(|expected| texts.number(expected, 0)),
            budget: ledger
                .meters()
                .budget(&figures.meter)
                .zip(figures.month.quantity())
                .map(|(budget, taken)| BudgetView::new(taken, budget, unit, texts)),
            quiet_rate: figures.quiet_rate.map(|rate| texts.number(rate, 0)),
            reading: figures.reading.map(|reading| texts.number(reading, 3)),
            amount: texts.amount_of(figures.meter.relation.measures()),
            list_of_amounts: texts.bill_of(figures.meter.relation.measures()),
            cost: figures.costs.as_ref().map(|costs| CostView::new(costs, texts, ledger.currency())),
            trust: figures.trust.as_ref().map(|trust| TrustView::new(trust, texts, zone)),
            recorded_until: recorded_until.and_then(Result::ok).map(moment),
        }
    }
}

/// The class of a value's state.
pub(super) fn freshness(presence: &Presence) -> &'static str {
    match presence.freshness(daemon_runtime::now()) {
        Freshness::Live => "live",
        Freshness::Stale => "stale",
        Freshness::Offline => "offline",
        Freshness::Unknown => "unknown",
    }
}
