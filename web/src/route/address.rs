//! What a browser can ask for. Pure.

use meter_figures::SeriesRequest;
use meter_messages::Meter;

use super::bill::BillRequest;
use super::energy::{EnergyRequest, StatisticsRequest};
use super::house::{HouseRequest, HouseRowsRequest};
use super::periods::PeriodRequest;
use super::pictures::PictureRequest;
use super::settings::SettingsPlace;

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: all meters, or the only one.
    Start,
    /// `/kiosk`: for a wall.
    Kiosk,
    /// `/status`: how the machinery does.
    Status,
    /// `/login`: the form for name and password.
    Login,
    /// `/logout`: where its counterpart is sent to.
    Logout,
    /// `/settings` and what lies below: for admins.
    Settings(SettingsPlace),
    /// `/invitation/<number>.<secret>`: where somebody who is invited sets a password.
    Invitation(String),
    /// `/manifest.webmanifest`: makes it installable.
    Manifest,
    /// `/offline`: what browsers show while the server cannot be reached.
    Offline,
    /// `/worker.js`: the script that shows it.
    Worker,
    /// `/m/<site>/<meter>`: a meter's page.
    Meter(Meter),
    /// `/m/<site>/<meter>/day/2026-11-24` and the like.
    Period(PeriodRequest),
    /// `/m/<site>/<meter>/go?kind=…&date=…`: what a date picker asks for.
    Go(PeriodRequest),
    /// `/m/<site>/<meter>/profile/month/2026-11` and the like: how its days go.
    Profile(PeriodRequest),
    /// `/m/<site>/<meter>/base-load`: what flows even at night.
    BaseLoad(Meter),
    /// `/site/day/2026-11-24` and the like: all meters together.
    House(HouseRequest),
    /// `/site/go?kind=…&date=…`: what a date picker there asks for.
    GoHouse(HouseRequest),
    /// `/api/v1/site/day/2026-11-24`, `/api/v1/sites/home/day/2026-11-24` and the like: the same for programs.
    HouseData(HouseRequest),
    /// `/api/v1/site/energy.csv` or of one site, also `.json` and `.xlsx`
    HouseRows(HouseRowsRequest),
    /// `/m/<site>/<meter>/<span>.svg` or `.png`, or the same of a period.
    Picture(PictureRequest),
    /// `/m/<site>/<meter>/bill?from=…&to=…`: what a time costs, line by line.
    Bill(BillRequest),
    /// `/m/<site>/<meter>/readings`: what people read off the meter, and the form for it.
    Readings(Meter),
    /// `/m/<site>/<meter>/corrections`: what people say of times that were counted wrongly, and the form for it.
    CorrectionsPage(Meter),
    /// `/api/v1/meters/<site>/<meter>/readings`: the same for programs.
    ReadingsData(Meter),
    /// `/api/v1/meters/<site>/<meter>/corrections`: what people say of times that were counted wrongly.
    Corrections(Meter),
    /// `/api/v1/meters`
    Meters,
    /// `/api/v1/meters/<site>/<meter>`
    Figures(Meter),
    /// `/api/v1/meters/<site>/<meter>/trust`
    Trust(Meter),
    /// `/api/v1/meters/<site>/<meter>/energy`, also with `.csv`, `.json` or `.xlsx`.
    Energy(EnergyRequest),
    /// `/api/v1/meters/<site>/<meter>/statistics.csv`
    Statistics(StatisticsRequest),
    /// `/api/v1/meters/<site>/<meter>/series`: data of the interactive chart.
    Series(SeriesRequest),
    /// `/api/v1/meters/<site>/<meter>/live`: server-sent events.
    Live(Meter),
    /// `/api/v1/live`: server-sent events of all meters, or of `?meter=`.
    Lives(Option<Meter>),
    /// `/health`
    Health,
    /// `/metrics`: figures for Prometheus.
    Metrics,
    /// `/spaceapi.json`: what a hackerspace says of itself.
    SpaceApi,
    /// `/assets/<name>`
    Asset(String),
}

impl Route {
    /// The one meter that it is about.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        match self {
            Self::Meter(meter)
            | Self::BaseLoad(meter)
            | Self::Readings(meter)
            | Self::ReadingsData(meter)
            | Self::Corrections(meter)
            | Self::CorrectionsPage(meter)
            | Self::Figures(meter)
            | Self::Trust(meter)
            | Self::Live(meter) => Some(meter),
            Self::Period(request) | Self::Go(request) | Self::Profile(request) => Some(&request.meter),
            Self::Bill(request) => Some(&request.meter),
            Self::Picture(request) => Some(&request.meter),
            Self::Energy(request) => Some(&request.meter),
            Self::Statistics(request) => Some(&request.meter),
            Self::Series(request) => Some(&request.meter),
            Self::Lives(meter) => meter.as_ref(),
            Self::Start
            | Self::Kiosk
            | Self::Status
            | Self::Login
            | Self::Logout
            | Self::Settings(_)
            | Self::Invitation(_)
            | Self::Manifest
            | Self::Offline
            | Self::Worker
            | Self::House(_)
            | Self::GoHouse(_)
            | Self::HouseData(_)
            | Self::HouseRows(_)
            | Self::Meters
            | Self::Health
            | Self::Metrics
            | Self::SpaceApi
            | Self::Asset(_) => None,
        }
    }

    /// Whether it says nothing of any meter that is not public, so that it is for everybody.
    pub(crate) fn is_for_everybody(&self) -> bool {
        let is_of_program = matches!(self, Self::Manifest | Self::Offline | Self::Worker | Self::Asset(_));
        is_of_program || matches!(self, Self::Health | Self::SpaceApi)
    }
}
