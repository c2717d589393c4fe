//! All meters together: what comes in, is made, goes out, and what takes it.

mod bar;
mod branch;
mod branches;
mod links;
mod now;
mod rows;
mod view;

use askama::Template;

use self::links::{Links, date};
pub(crate) use self::links::{base, here};
pub(crate) use self::now::RatesNow;
use self::view::MediumView;
use super::Frame;
use crate::ledger::house::{HouseHistory, RecordedHouse};
use crate::ledger::reader::LedgerReader;

/// The page.
#[derive(Template)]
#[template(path = "house.html")]
pub(crate) struct HousePage {
    frame: Frame,
    /// The site's name; `None` of all meters.
    site: Option<String>,
    /// Where its date picker leads to.
    go: String,
    title: String,
    in_progress: bool,
    /// Whether the visitor sees all meters.
    is_whole: bool,
    media: Vec<MediumView>,
    links: Links,
    /// Whether what takes how much is shown in money, and whether it can be.
    in_money: bool,
    has_prices: bool,
    currency: String,
    /// What its first medium comes to, to be shared.
    sentence: String,
    shared: Option<String>,
    kind: &'static str,
    /// The first day of the period, and the first and last that are recorded.
    dates: (String, String, String),
}

impl HousePage {
    /// The page of what was read, and of what meters say of now.
    pub(crate) fn new(
        frame: Frame,
        house: &RecordedHouse,
        history: &HouseHistory,
        (site, rates): (&LedgerReader, &RatesNow),
        in_money: bool,
    ) -> Self {
        let (texts, zone) = (frame.texts, site.zone());
        let span = &history.whole.span;
        let shown = span.start.min(house.until).max(house.first);
        let in_progress = house.until < span.end && span.start < house.until;
        let title = history.period.as_ref().map(|period| texts.title(period, zone));
        let title = title.unwrap_or_else(|| texts.everything.to_owned());
        let media = view::media(&frame, house, history, (site, in_progress.then_some(rates)), in_money);
        let said = media.first().map(MediumView::said).unwrap_or_default();
        let whose = house.site.as_ref().map(|site| format!(" {site}")).unwrap_or_default();
        Self {
            sentence: format!("{}{whose}, {title}: {said}", texts.house.title),
            shared: None,
            has_prices: media.iter().any(|medium| medium.is_priced),
            currency: site.currency().to_owned(),
            in_money,
            media,
            site: house.site.as_ref().map(ToString::to_string),
            go: format!("{}/go", base(house.site.as_ref())),
            title,
            in_progress,
            is_whole: house.is_whole,
            links: links::links(&frame, house, history, in_money, zone),
            kind: history.period.as_ref().map_or("all", |period| period.kind.name()),
            dates: (date(shown, zone), date(house.first, zone), date(house.until, zone)),
            frame,
        }
    }
}
