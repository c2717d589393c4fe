//! From a route to its answer.

mod readings;
mod refusals;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use daemon_runtime::MqttSettings;
use hyper::{HeaderMap, StatusCode, Uri, header};
use jiff::tz::TimeZone;
use meter_ledger::RecordedMeter;
use meter_messages::{Meter, Minute};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Visitor};
use crate::answers::refusals::{Refusal, refused};
use crate::calendar::Period;
use crate::energy::{self, Notation, Rows, StatisticId, Statistics, Text};
use crate::figures::Figures;
use crate::finished::{Finished, Key, Lasts};
use crate::graphs::{Graphs, PictureError, PictureKey};
use crate::history::{History, Question};
use crate::hours::Hours;
use crate::ledger_thread::{LedgerReader, ReadError, minute_in_progress};
use crate::live::{LiveValues, Presence};
use crate::pages::{
    self, Address, Frame, KioskPage, Machine, MeterPage, MeterView, OverviewPage, PeriodPage, StatusPage,
};
use crate::proxies::{Proxies, Visit};
use crate::reply::{self, Reply};
use crate::route::{
    EnergyRequest, Form, PeriodRequest, PictureRequest, Query, Route, RouteError, StatisticsRequest, Step,
};
use crate::series::{SeriesRequest, SeriesStore};
use crate::texts::{Language, Texts};
use crate::{api, assets, disk, events, manifest};

/// The oldest minute that pictures can show: RRD files hold a leap year.
const DRAWN_MINUTES: i64 = 366 * 1440;

/// Everything answers are made from.
#[derive(Debug)]
pub(crate) struct Site {
    /// Who may see what.
    pub(crate) access: Arc<Access>,
    /// Where readings go that somebody types in.
    pub(crate) mqtt: MqttSettings,
    /// What was recorded.
    pub(crate) ledger: LedgerReader,
    /// Sums of it that are asked for often.
    pub(crate) hours: Hours,
    /// Data of the interactive charts.
    pub(crate) series: SeriesStore,
    /// Its pictures.
    pub(crate) graphs: Graphs,
    /// What the meters say of now.
    pub(crate) live: LiveValues,
    /// How browsers come here.
    pub(crate) proxies: Proxies,
    /// What is finished and still true.
    pub(crate) kept: Finished,
    /// Whose turn it is to have a workbook written.
    pub(crate) workbooks: Arc<Semaphore>,
    /// The ledger's file, on the disk that people worry about.
    pub(crate) disk: PathBuf,
    /// Ends streams of events.
    pub(crate) shutdown: CancellationToken,
}

/// A request: its address, who sends it and what their browser can do.
struct Asked<'a> {
    visitor: Visitor,
    /// Their turns to have something worked out.
    turns: &'a Semaphore,
    /// Path and query.
    address: &'a str,
    path: &'a str,
    query: Query<'a>,
    headers: &'a HeaderMap,
    visit: Visit,
}

impl Asked<'_> {
    fn text(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn language(&self) -> Language {
        let preferred = || Language::preferred(self.text(header::ACCEPT_LANGUAGE));
        self.query.language().unwrap_or_else(preferred)
    }

    /// What a finished answer depends on. Data and pictures are the same for all who may see them.
    fn key(&self) -> Key<'_> {
        let (address, language) = (self.address, self.language());
        let drawn = self.by_a_program() || self.path.ends_with(".svg") || self.path.ends_with(".png");
        match drawn {
            true => Key { address, language, origin: "", base_path: "", visitor: None },
            false => Key {
                address,
                language,
                origin: &self.visit.origin,
                base_path: self.visit.base_path.as_str(),
                visitor: Some(&self.visitor),
            },
        }
    }

    fn frame(&self) -> Frame {
        let others = form_urlencoded::parse(self.query.0.as_bytes()).filter(|(key, _)| key != "lang");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(others);
        let mut query = query.finish();
        if !query.is_empty() {
            query.push('&');
        }
        let address = Address {
            path: self.path.to_owned(),
            query,
            chosen: self.query.language(),
            origin: self.visit.origin.clone(),
            base_path: self.visit.base_path.clone(),
            login: (&self.visitor).into(),
        };
        Frame::new(self.language(), &address)
    }

    fn by_a_program(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

impl Site {
    /// The answer to a request of an address; what is not finished waits for one of the `turns`
    /// of who asks.
    pub(crate) async fn answer(
        &self,
        peer: IpAddr,
        uri: &Uri,
        headers: &HeaderMap,
        turns: &Semaphore,
    ) -> Reply {
        let visit = self.proxies.visit(peer, headers);
        let (path, query) = (visit.base_path.strip(uri.path()), Query(uri.query().unwrap_or_default()));
        let address = uri.path_and_query().map_or("/", |address| address.as_str());
        let visitor = self.access.stranger();
        let mut asked = Asked { visitor, turns, address, path, query, headers, visit };
        let route = Route::parse(path, query);
        if route.as_ref().is_ok_and(Route::is_for_everybody) {
            let answer = async { self.route(route?, &asked).await };
            return answer.await.unwrap_or_else(|refusal| refused(&refusal, &asked));
        }
        let answer = match self.access.visitor(headers, asked.visit.address).await {
            Ok(visitor) => {
                asked.visitor = visitor;
                self.permitted(route, &asked).await
            }
            Err(denied) => Err(denied.into()),
        };
        self.finished(answer, &asked)
    }

    /// The answer, or why there is none; where there are users it is for nobody else.
    fn finished(&self, answer: Result<Reply, Refusal>, asked: &Asked<'_>) -> Reply {
        let mut reply = answer.unwrap_or_else(|refusal| refused(&refusal, asked));
        if self.access.is_restricted() {
            reply::keep_private(&mut reply);
        }
        reply
    }

    /// The answer to those who may have it. A meter that a visitor may not see is answered
    /// before anybody looks whether it is there.
    async fn permitted(&self, route: Result<Route, RouteError>, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let route = route?;
        let visitor = &asked.visitor;
        let permitted = match route.meter() {
            Some(meter) => visitor.may_see(meter),
            None => visitor.may_see_some(),
        };
        if !permitted {
            return Err(Refusal::LoginNeeded);
        }
        if let Some(reply) = self.kept.reply(asked.key(), asked.headers) {
            return Ok(reply);
        }
        // Never closed.
        let _turn = asked.turns.acquire().await;
        // Somebody else may have asked for the same meanwhile.
        match self.kept.reply(asked.key(), asked.headers) {
            Some(reply) => Ok(reply),
            None => self.route(route, asked).await,
        }
    }

    /// The meters that the visitor may see.
    async fn known(&self, asked: &Asked<'_>) -> Result<Vec<RecordedMeter>, Refusal> {
        let mut meters = self.ledger.ask(|ledger| ledger.meters()).await?;
        meters.retain(|known| asked.visitor.may_see(&known.meter));
        Ok(meters)
    }

    async fn route(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        match route {
            Route::Login if !asked.visitor.may_see_all() => Err(Refusal::LoginNeeded),
            Route::Login => Ok(reply::see_other(&asked.frame().link("/"))),
            Route::Start
            | Route::Kiosk
            | Route::Status
            | Route::Meter(_)
            | Route::Readings(_)
            | Route::Period(_) => self.page(route, asked).await,
            Route::Manifest => {
                let mut reply = reply::json(StatusCode::OK, &manifest::manifest(&asked.frame()));
                reply::set(&mut reply, header::CONTENT_TYPE, "application/manifest+json");
                Ok(reply)
            }
            Route::ReadingsData(meter) => self.readings_data(meter, asked).await,
            Route::Go(request) => self.go(request, asked).await,
            Route::Picture(picture) => self.picture(picture, asked).await,
            Route::Meters => self.meters(asked).await,
            Route::Figures(meter) => {
                let figures = self.figures(meter.clone()).await?;
                let state =
                    api::meter_state(&figures, &self.live.of(&meter), &self.ledger, &asked.visit.base_path);
                Ok(reply::json(StatusCode::OK, &state))
            }
            Route::Trust(meter) => {
                let figures = self.figures(meter).await?;
                let trust = figures.trust.as_ref().map(api::TrustState::from);
                Ok(reply::json(StatusCode::OK, &trust))
            }
            Route::Energy(request) => self.energy(request, asked).await,
            Route::Statistics(request) => self.statistics(request).await,
            Route::Series(request) => self.series(request, asked).await,
            Route::Live(meter) => {
                self.figures(meter.clone()).await?;
                let presence = self.live.watch(&meter);
                Ok(events::events(
                    meter,
                    presence,
                    self.ledger.clone(),
                    asked.visit.base_path.clone(),
                    self.shutdown.clone(),
                ))
            }
            Route::Lives(meter) => self.lives(meter, asked).await,
            Route::Health => Ok(self.health().await),
            Route::Asset(name) => {
                let version = asked.query.get("v");
                assets::reply(&name, version.as_deref(), asked.headers).ok_or(RouteError::NotFound.into())
            }
        }
    }

    /// A page, made once a second however many ask.
    async fn page(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let page = Arc::new(reply::html(self.filled(route, asked).await?));
        Ok(self.kept.keep(asked.key(), page, Lasts::a_moment(), asked.headers))
    }

    async fn filled(&self, route: Route, asked: &Asked<'_>) -> Result<String, Refusal> {
        match route {
            Route::Kiosk => self.kiosk(asked).await,
            Route::Status => self.status(asked).await,
            Route::Meter(meter) => self.meter(meter, asked).await,
            Route::Readings(meter) => self.readings(meter, asked).await,
            Route::Period(request) => self.period(request, asked).await,
            _ => self.start(asked).await,
        }
    }

    async fn figures(&self, meter: Meter) -> Result<Arc<Figures>, Refusal> {
        self.ledger.figures(meter).await?.ok_or(Refusal::UnknownMeter)
    }

    /// Figures and value of now of every meter that the visitor may see.
    async fn everything(&self, asked: &Asked<'_>) -> Result<Vec<(Arc<Figures>, Presence)>, Refusal> {
        let mut all = Vec::new();
        for known in self.known(asked).await? {
            let presence = self.live.of(&known.meter);
            all.push((self.figures(known.meter).await?, presence));
        }
        Ok(all)
    }

    /// All meters; or the only one, at once.
    async fn start(&self, asked: &Asked<'_>) -> Result<String, Refusal> {
        let meters = self.everything(asked).await?;
        if let [(only, _)] = meters.as_slice() {
            return self.meter(only.meter.meter.clone(), asked).await;
        }
        let frame = asked.frame();
        let meters: Vec<(&Figures, &Presence)> =
            meters.iter().map(|(figures, it)| (figures.as_ref(), it)).collect();
        let view = |(figures, presence): &(&Figures, &Presence)| {
            MeterView::new(figures, presence, frame.texts, &self.ledger)
        };
        let views = meters.iter().map(view).collect();
        filled(&OverviewPage::new(frame, &meters, views))
    }

    async fn kiosk(&self, asked: &Asked<'_>) -> Result<String, Refusal> {
        let (meters, frame, zone) = (self.everything(asked).await?, asked.frame(), self.ledger.zone());
        let view = |(figures, presence): &(Arc<Figures>, Presence)| {
            MeterView::new(figures, presence, frame.texts, &self.ledger)
        };
        let views = meters.iter().map(view).collect();
        let figures: Vec<&Figures> = meters.iter().map(|(figures, _)| figures.as_ref()).collect();
        filled(&KioskPage::new(frame, &figures, views, zone))
    }

    async fn status(&self, asked: &Asked<'_>) -> Result<String, Refusal> {
        let (frame, zone) = (asked.frame(), self.ledger.zone());
        let texts = frame.texts;
        let machine = |(figures, _): &(Arc<Figures>, Presence)| {
            let meter = &figures.meter.meter;
            let (status, machine) = (self.live.status(&meter.site), self.live.machine(meter));
            Machine::new(figures, status, machine.info.as_ref(), machine.diag.as_ref(), texts, zone)
        };
        let machines = self.everything(asked).await?.iter().map(machine).collect();
        // Of the server as of all meters, or not at all.
        let server = if asked.visitor.may_see_all() { self.server(texts) } else { Vec::new() };
        filled(&StatusPage { frame, machines, server })
    }

    /// What is known of the server: names and values.
    fn server(&self, texts: &'static Texts) -> Vec<(&'static str, String)> {
        let broker = self.live.broker();
        let connected = if self.live.is_connected() { texts.connected } else { texts.away };
        let space = disk::Space::around(&self.disk);
        let gigabytes = |bytes: u64| format!("{}\u{a0}GB", texts.number(bytes as f64 / 1e9, 1));
        let megabytes = |bytes: u64| format!("{}\u{a0}MB", texts.number(bytes as f64 / 1e6, 1));
        let mut server = vec![(texts.broker, connected.to_owned())];
        if let Some(version) = broker.version {
            server.push((texts.broker, version));
        }
        server.extend(broker.store.map(|store| (texts.broker_store, store)));
        server.extend(space.ledger_bytes.map(|bytes| (texts.ledger, megabytes(bytes))));
        server.extend(space.free_bytes.map(|bytes| (texts.disk_free, gigabytes(bytes))));
        server.push((texts.version, format!("powerpi-web {}", env!("CARGO_PKG_VERSION"))));
        server
    }

    async fn meter(&self, meter: Meter, asked: &Asked<'_>) -> Result<String, Refusal> {
        let figures = self.figures(meter.clone()).await?;
        let others = self.known(asked).await?.len() > 1;
        let (frame, zone) = (asked.frame(), self.ledger.zone());
        let view = MeterView::new(&figures, &self.live.of(&meter), frame.texts, &self.ledger);
        filled(&MeterPage::new(frame, view, &figures, zone, others))
    }

    /// A meter, its first minute, and the first that is not recorded yet.
    async fn reach(&self, meter: Meter) -> Result<(RecordedMeter, Minute, Minute), Refusal> {
        let now = minute_in_progress();
        let known = self.ledger.ask(move |ledger| {
            let Some(known) = ledger.meter(&meter)? else { return Ok(None) };
            let (first, newest) = (ledger.first(&known)?, ledger.newest(&known)?);
            Ok(Some((known, first, newest)))
        });
        let (known, first, newest) = known.await?.ok_or(Refusal::UnknownMeter)?;
        let until = crate::figures::until(newest.as_ref(), now);
        Ok((known, first.unwrap_or(until), until))
    }

    async fn period(&self, request: PeriodRequest, asked: &Asked<'_>) -> Result<String, Refusal> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let period = match (request.kind, &request.name) {
            (Some(kind), Some(name)) => Some(Period::parse(kind, name, zone).ok_or(RouteError::NotFound)?),
            _ => None,
        };
        let with =
            period.as_ref().zip(request.with).map(|(period, day)| Period::with_day(period.kind, day, zone));
        let compared = with.is_some();
        let question = Question { meter, period, with, first, until };
        let history = History::read(&self.hours, question, &self.ledger).await?;
        let drawable = history.span.start.epoch_minutes() > until.epoch_minutes() - DRAWN_MINUTES;
        let drawable = drawable && history.period.is_some() && history.whole.minutes > 0;
        filled(&PeriodPage::new(asked.frame(), &history, compared, drawable, &self.ledger))
    }

    /// From what a date picker says to the page that it means.
    async fn go(&self, request: PeriodRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone();
        let (meter, _, until) = self.reach(request.meter).await?;
        let path = meter.meter;
        let Some(kind) = request.kind else {
            return Ok(reply::see_other(&asked.frame().link(&format!("/m/{path}/all"))));
        };
        let day = request.name.and_then(|name| name.parse().ok());
        let period = match day {
            Some(day) => Period::with_day(kind, day, zone),
            None => Period::containing(kind, Minute::nearest(until.epoch_minutes() - 1), zone),
        };
        let address = format!("/m/{path}/{}/{}", kind.name(), period.name(zone));
        Ok(reply::see_other(&asked.frame().link(&address)))
    }

    async fn picture(&self, asked_for: PictureRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let PictureRequest { meter, span, period, picture, theme, size } = asked_for;
        let period = match period {
            Some(name) => {
                let kind = crate::calendar::Kind::of_name(crate::route::span_name(span));
                let period = kind.and_then(|kind| Period::parse(kind, &name, self.ledger.zone()));
                Some(
                    period
                        .filter(|period| period.span.start < minute_in_progress())
                        .ok_or(RouteError::NotFound)?,
                )
            }
            None => None,
        };
        let key = PictureKey { meter, span, period, picture, theme, size, language: asked.language() };
        match self.graphs.picture(key).await {
            Ok(drawn) => Ok(self.kept.keep(asked.key(), drawn.file.clone(), drawn.lasts(), asked.headers)),
            Err(error) if matches!(*error, PictureError::NotFound) => Err(Refusal::UnknownMeter),
            Err(error) => {
                tracing::warn!(%error, path = asked.path, "a picture could not be drawn");
                let mut reply = reply::reply(StatusCode::SERVICE_UNAVAILABLE, "");
                reply::set(&mut reply, header::RETRY_AFTER, "60");
                Ok(reply)
            }
        }
    }

    async fn meters(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let meters = self.known(asked).await?;
        let entry = |known| api::MeterEntry::new(known, &asked.visit.base_path);
        let entries: Vec<api::MeterEntry> = meters.iter().map(entry).collect();
        Ok(reply::json(StatusCode::OK, &serde_json::json!({ "meters": entries })))
    }

    async fn energy(&self, request: EnergyRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone().clone();
        let span = energy::span(&request, minute_in_progress(), &zone)?;
        let form = api::form(&request, asked.headers);
        let file = energy::file_name(&request, &span, &zone);
        let (meter, first, until) = self.reach(request.meter).await?;
        let first = request.step.beginning(first, &zone);
        let rest = span.start.max(first)..span.end;
        let rows = Rows { meter, step: request.step, zone, tariffs: self.ledger.tariffs(), rest, until };
        let notation = match form {
            Form::Csv => Notation::Csv,
            Form::Json => Notation::Json,
            Form::Xlsx => return self.workbook(rows, &file, asked).await,
        };
        Ok(api::rows(Text::new(rows, notation), &file, notation, self.ledger.clone()))
    }

    /// One at a time: each keeps a processor busy for seconds, if it is large.
    async fn workbook(&self, rows: Rows, file: &str, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        // Never closed.
        let turn = self.workbooks.clone().acquire_owned().await.map_err(|_| ReadError::Stopped)?;
        let (answer, written) = oneshot::channel();
        let (texts, ledger) = (asked.language().texts(), self.ledger.clone());
        tokio::task::spawn_blocking(move || {
            let workbook = energy::workbook(rows, texts, &ledger, || !answer.is_closed());
            drop(turn);
            let _ = answer.send(workbook);
        });
        let workbook = written.await.map_err(|_| ReadError::Stopped)??;
        Ok(api::workbook(workbook, file))
    }

    /// All hours that are over, unless others are asked for.
    async fn statistics(&self, request: StatisticsRequest) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let from = request.from.map_or(first, |from| from.minute(zone));
        let to = request.to.map_or(until, |to| to.minute(zone));
        if request.from.is_some() && to < from {
            return Err(RouteError::parameter("to", "must not lie before from").into());
        }
        let (from, to) = (from.max(first), to.min(until));
        let hour = |at: Minute| Step::Hour.beginning(at, &TimeZone::UTC);
        let id = request.id.unwrap_or_else(|| StatisticId::of(&meter.meter));
        let file = format!("{}-{}-statistics", meter.meter.site, meter.meter.meter);
        let text = Statistics::new(meter, hour(from)..hour(to), id);
        Ok(api::csv(text, &file, self.ledger.clone()))
    }

    async fn series(&self, request: SeriesRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let (meter, _, until) = self.reach(request.meter.clone()).await?;
        let points = request.points(until, self.ledger.zone())?;
        let over = request.to <= until.start();
        let file = self.series.answer(request, meter, points, until).await?;
        let lasts = if over { Lasts::closed() } else { Lasts::a_moment() };
        Ok(self.kept.keep(asked.key(), file, lasts, asked.headers))
    }

    async fn lives(&self, only: Option<Meter>, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let meters = self.known(asked).await?;
        let wanted = meters
            .into_iter()
            .map(|known| known.meter)
            .filter(|meter| only.as_ref().is_none_or(|only| only == meter));
        let watched: Vec<_> = wanted.map(|meter| (meter.clone(), self.live.watch(&meter))).collect();
        if watched.is_empty() && only.is_some() {
            return Err(Refusal::UnknownMeter);
        }
        Ok(events::of_all(watched, self.shutdown.clone()))
    }

    /// Whether there is anything to show; live values may be missing.
    async fn health(&self) -> Reply {
        let meters = self.ledger.ask(|ledger| ledger.meters()).await;
        let (status, ledger) = match &meters {
            Ok(_) => (StatusCode::OK, "readable".to_owned()),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        let broker = if self.live.is_connected() { "connected" } else { "away" };
        reply::json(status, &serde_json::json!({ "ledger": ledger, "broker": broker }))
    }
}

fn filled(page: &impl Template) -> Result<String, Refusal> {
    pages::filled(page).ok_or(Refusal::Unfilled)
}
