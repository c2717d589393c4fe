//! Pages of what there is now: all meters, one of them, a wall, the machinery.

use std::sync::Arc;

use meter_figures::{Figures, Glance, implausible};
use meter_ledger::{Reason, RecordedMeter, Space};
use meter_messages::{Meter, Minute};
use web_http::{Lasts, Prepared, Reply};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::health::MeterState;
use crate::live::lacks::Lack;
use crate::live::values::Presence;
use crate::pages::{
    AlarmRow, Frame, HoldingView, ImplausibleView, KioskPage, MeterPage, MeterView, NoteView, OverviewPage,
    PublisherView, SetAsideView, StatusPage, others,
};
use crate::route::{Route, WallRequest};
use crate::texts::Texts;

/// How long it is shown that something was refused, in seconds: a week.
const REFUSED_FOR_S: i64 = 7 * 86_400;

impl Site {
    /// A page, made once a second however many ask.
    pub(super) async fn page(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        self.judge(asked).await;
        let page = Arc::new(Prepared::html(self.filled(route, asked).await?));
        Ok(self.keep(page, Lasts::a_moment(), asked))
    }

    async fn filled(&self, route: Route, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        match route {
            Route::Kiosk => self.kiosk(asked).await,
            Route::Status => self.status(asked).await,
            Route::Meter(meter) => self.meter(meter, asked).await,
            Route::Period(request) => self.period(request, asked).await,
            Route::Profile(request) => self.profile(request, asked).await,
            Route::BaseLoad(meter) => self.base_load(meter, asked).await,
            Route::House(request) => self.house(request, asked).await,
            Route::Bill(request) => self.bill(request, asked).await,
            _ => self.start(asked).await,
        }
    }

    /// Figures and value of now of every meter that the visitor may see.
    async fn everything(&self, asked: &Asked<'_>) -> Result<Vec<(Arc<Figures>, Presence)>, NoAnswer> {
        let known = self.known(asked).await?;
        self.figures_of(known).await
    }

    async fn figures_of(&self, known: Vec<RecordedMeter>) -> Result<Vec<(Arc<Figures>, Presence)>, NoAnswer> {
        let mut all = Vec::new();
        for known in known {
            let presence = self.live.of(&known.meter);
            all.push((self.figures(known.meter).await?, presence));
        }
        Ok(all)
    }

    /// All meters; or the only one, at once.
    async fn start(&self, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let meters = self.known(asked).await?;
        if let [only] = meters.as_slice() {
            return self.meter(only.meter.clone(), asked).await;
        }
        let glances = self.ledger.glances(&meters).await?;
        let now = |glance: Glance| {
            let presence = self.live.of(&glance.meter.meter);
            (glance, presence)
        };
        let meters: Vec<(Glance, Presence)> = glances.into_iter().map(now).collect();
        filled(&OverviewPage::new(asked.frame(), &meters, &self.ledger))
    }

    async fn kiosk(&self, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let wall = WallRequest::parse(asked.query)?;
        let known = wall.chosen(self.known(asked).await?);
        let (meters, frame, zone) = (self.figures_of(known).await?, asked.frame(), self.ledger.zone());
        let view = |(figures, presence): &(Arc<Figures>, Presence)| {
            MeterView::new(figures, presence, frame.texts, &self.ledger)
        };
        let views = meters.iter().map(view).collect();
        let figures: Vec<&Figures> = meters.iter().map(|(figures, _)| figures.as_ref()).collect();
        filled(&KioskPage::new(frame, &figures, views, wall.cycle_s, zone))
    }

    async fn status(&self, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let (frame, zone) = (asked.frame(), self.ledger.zone());
        let texts = frame.texts;
        let facts = self.facts(asked).await?;
        let (away, now) = (facts.broker_away.is_some(), daemon_runtime::now());
        let machine = |(figures, _): &(Arc<Figures>, Presence)| {
            let meter = &figures.meter.meter;
            let machine = self.live.publisher(meter);
            let known = facts.meters.iter().find(|(of, _)| of == meter);
            let state = known.map_or(MeterState::Unknown, |(_, known)| known.state(away, now));
            PublisherView::new(figures, state, machine.info.as_ref(), machine.diag.as_ref(), texts, zone)
        };
        let everything = self.everything(asked).await?;
        let (machines, troubled): (Vec<_>, Vec<_>) =
            everything.iter().map(machine).partition(PublisherView::is_well);
        let well = match machines.len() {
            1 => texts.health.well_meters.0.to_owned(),
            many => texts.health.well_meters.1.replace("{n}", &texts.number(many as f64, 0)),
        };
        let alarms = facts.alarms.into_iter().map(|alarm| AlarmRow::new(alarm, texts, zone)).collect();
        // Of the server as of all meters, or not at all.
        let mut server = if asked.visitor.may_see_all() { self.server(texts) } else { Vec::new() };
        if asked.visitor.may_see_all() {
            server.extend(self.ledger_checked(texts).await?);
        }
        let holdings = if asked.visitor.may_administer() { self.live.broker().holdings } else { Vec::new() };
        let holdings = holdings.iter().map(|holding| HoldingView::new(holding, texts)).collect();
        let unheard = self.unheard(asked).await?;
        let refused = if asked.visitor.may_see_all() { self.refused(texts).await? } else { Vec::new() };
        let set_aside = self.set_aside(asked).await?;
        filled(&StatusPage {
            frame,
            troubled,
            machines,
            well,
            alarms,
            set_aside,
            unheard,
            refused,
            server,
            holdings,
        })
    }

    /// What was not taken for the meters that the visitor may see; what was refused long ago is over.
    async fn set_aside(&self, asked: &Asked<'_>) -> Result<Vec<SetAsideView>, NoAnswer> {
        let (texts, zone) = (asked.frame().texts, self.ledger.zone());
        let since = daemon_runtime::now().as_second() - REFUSED_FOR_S;
        let all = self.ledger.ask(|ledger| ledger.set_aside()).await?;
        let is_kept = |reason| matches!(reason, Reason::Future | Reason::Contradiction);
        let seen = all.iter().filter(|it| asked.visitor.may_see(&it.meter));
        let of_now = seen.filter(|it| is_kept(it.reason) || it.last.as_second() > since);
        Ok(of_now.map(|it| SetAsideView::new(it, texts, zone)).collect())
    }

    /// What the recorder's own check of the ledger has found.
    async fn ledger_checked(
        &self,
        texts: &'static Texts,
    ) -> Result<Option<(&'static str, String)>, NoAnswer> {
        let Some(checked) = self.ledger.ask(|ledger| ledger.checked()).await? else { return Ok(None) };
        let at = texts.moment(self.ledger.zone().to_datetime(checked.at));
        let found = match (checked.faults, checked.first) {
            (0, _) => texts.machinery.is_sound.to_owned(),
            (faults, first) => {
                format!(
                    "{} {} ({})",
                    texts.number(faults as f64, 0),
                    texts.machinery.faults,
                    first.unwrap_or_default()
                )
            }
        };
        Ok(Some((texts.machinery.ledger_checked, format!("{at}: {found}"))))
    }

    /// What is said of meters and does not fit.
    async fn refused(&self, texts: &'static Texts) -> Result<Vec<String>, NoAnswer> {
        let house = self.ledger.house().await?;
        let unclear = house.meters().iter().filter_map(|known| {
            let info = self.live.publisher(&known.meter).info?;
            Some(format!("{}: {}", known.meter, info.unclear?))
        });
        let known = self.ledger.ask(|ledger| ledger.names()).await?;
        // Before the first meter every name is unknown.
        let unknown = if known.is_empty() { Vec::new() } else { self.names.unknown(&known) };
        let unknown = unknown.iter().map(|unknown| texts.house.unknown_name(unknown));
        Ok(house.tree().refused().iter().map(texts.house.refused).chain(unclear).chain(unknown).collect())
    }

    /// The meters without details that the visitor may see, and their last minutes.
    async fn unheard(&self, asked: &Asked<'_>) -> Result<Vec<(String, String)>, NoAnswer> {
        let (texts, zone) = (asked.frame().texts, self.ledger.zone());
        let meters = self.ledger.ask(|ledger| ledger.unheard_meters()).await?;
        let seen = meters.into_iter().filter(|unheard| asked.visitor.may_see(&unheard.meter));
        let last = |newest: Minute| texts.moment(zone.to_datetime(newest.timestamp()));
        Ok(seen.map(|it| (it.meter.to_string(), it.newest.map_or_else(|| "–".to_owned(), last))).collect())
    }

    /// What is known of the server: names and values.
    fn server(&self, texts: &'static Texts) -> Vec<(&'static str, String)> {
        let broker = self.live.broker();
        let connected =
            if self.live.is_connected() { texts.machinery.connected } else { texts.machinery.away };
        let space = Space::around(&self.home);
        let gigabytes = |bytes: u64| format!("{}\u{a0}GB", texts.number(bytes as f64 / 1e9, 1));
        let megabytes = |bytes: u64| format!("{}\u{a0}MB", texts.number(bytes as f64 / 1e6, 1));
        let mut server = vec![(texts.machinery.broker, connected.to_owned())];
        // What it said last says nothing of now.
        if self.live.is_connected() {
            server.extend(broker.version.map(|version| (texts.machinery.broker_version, version)));
            server.extend(broker.store.map(|store| (texts.machinery.broker_store, store)));
            let lacks = broker.lacks.into_iter().map(|lack| match lack {
                Lack::Itself => texts.machinery.broker_tells_nothing,
                Lack::Retained => texts.machinery.broker_retains_nothing,
            });
            server.extend(lacks.map(|said| (texts.machinery.broker, said.to_owned())));
        }
        server.extend(space.ledger_bytes.map(|bytes| (texts.machinery.ledger, megabytes(bytes))));
        server.extend(space.free_bytes.map(|bytes| (texts.machinery.disk_free, gigabytes(bytes))));
        server.push((texts.machinery.version, format!("powerpi-web {}", env!("CARGO_PKG_VERSION"))));
        server
    }

    /// Minutes of the last days that cannot be.
    async fn implausible(
        &self,
        figures: &Figures,
        asked_for: (&Frame, bool),
    ) -> Result<Option<ImplausibleView>, NoAnswer> {
        let (meter, zone) = (figures.meter.clone(), self.ledger.zone());
        let most = self.ledger.meters().highest_plausible(&meter);
        let Some((first, _)) = figures.days.first() else { return Ok(None) };
        let (span, asked) = (first.span.start..figures.until, meter.clone());
        let found = self.ledger.ask(move |ledger| implausible(ledger, &asked, span, most)).await?;
        Ok(ImplausibleView::new(&meter, &found, most, asked_for, zone))
    }

    /// What people have noted of a meter: what they say to each other is not for everybody.
    pub(super) fn notes(&self, meter: &Meter, asked: &Asked<'_>) -> Vec<NoteView> {
        match asked.visitor.may_see_all() {
            true => NoteView::of(&self.applied.settings.note, meter, asked.texts(), self.ledger.zone()),
            false => Vec::new(),
        }
    }

    async fn meter(&self, meter: Meter, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let figures = self.figures(meter.clone()).await?;
        let known = self.known(asked).await?;
        let others = others(&known, &figures.meter, &self.ledger);
        let (frame, zone, notes) = (asked.frame(), self.ledger.zone(), self.notes(&meter, asked));
        let view = MeterView::new(&figures, &self.live.of(&meter), frame.texts, &self.ledger);
        let implausible = self.implausible(&figures, (&frame, asked.visitor.may_correct().is_some())).await?;
        filled(&MeterPage::new(frame, view, &figures, zone, (others, notes), (known.len() < 2, implausible)))
    }
}
