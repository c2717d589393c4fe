//! From a path and a query to what is asked for. Pure.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use meter_messages::Meter;
use meter_rrd::{Picture, Size, Span, Theme};

use crate::calendar::Kind;
use crate::energy::StatisticId;
use crate::series::SeriesRequest;
use crate::texts::Language;

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: all meters, or the only one.
    Start,
    /// `/kiosk`: for a wall.
    Kiosk,
    /// `/status`: how the machinery does.
    Status,
    /// `/login`: has the browser ask for name and password.
    Login,
    /// `/manifest.webmanifest`: makes it installable.
    Manifest,
    /// `/m/<site>/<meter>`: a meter's page.
    Meter(Meter),
    /// `/m/<site>/<meter>/day/2026-11-24` and the like.
    Period(PeriodRequest),
    /// `/m/<site>/<meter>/go?kind=…&date=…`: what a date picker asks for.
    Go(PeriodRequest),
    /// `/m/<site>/<meter>/<span>.svg` or `.png`, or the same of a period.
    Picture(PictureRequest),
    /// `/m/<site>/<meter>/readings`: what people read off the meter, and the form for it.
    Readings(Meter),
    /// `/api/v1/meters/<site>/<meter>/readings`: the same for programs.
    ReadingsData(Meter),
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
    /// `/assets/<name>`
    Asset(String),
}

/// A period; its names are read where the time zone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeriodRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How long; `None` for everything.
    pub(crate) kind: Option<Kind>,
    /// Its name; of a date picker any day in it. The one of now without.
    pub(crate) name: Option<String>,
    /// A day in the period that it is to be compared with.
    pub(crate) with: Option<Date>,
}

/// A picture, but for the language where the address names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PictureRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How much time.
    pub(crate) span: Span,
    /// The name of a period of that length, instead of the time up to now.
    pub(crate) period: Option<String>,
    /// Its format.
    pub(crate) picture: Picture,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Its layout.
    pub(crate) size: Size,
}

/// The energy of each step of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnergyRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// From then on; from today's beginning where it is not said.
    pub(crate) from: Option<Moment>,
    /// Up to then; up to now where it is not said.
    pub(crate) to: Option<Moment>,
    /// The length of a row.
    pub(crate) step: Step,
    /// What the address asks for; `None` where it does not say.
    pub(crate) form: Option<Form>,
}

/// The hours of a time for Home Assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatisticsRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// From then on; from the first minute where it is not said.
    pub(crate) from: Option<Moment>,
    /// Up to then; up to the last whole hour where it is not said.
    pub(crate) to: Option<Moment>,
    /// What they are called there; by the meter's name where it is not said.
    pub(crate) id: Option<StatisticId>,
}

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Comma-separated values.
    Csv,
    /// One object.
    Json,
    /// A workbook.
    Xlsx,
}

/// The length of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A minute.
    Minute,
    /// An hour of the site's clock.
    Hour,
    /// A local day.
    Day,
    /// A local month.
    Month,
}

impl Step {
    /// All of them, the shortest first.
    pub(crate) const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// Its name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// With its offset: `2026-10-03T12:00:00Z`.
    At(Timestamp),
    /// The beginning of a local day: `2026-10-03`.
    Day(Date),
}

/// Why an address is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    /// Nothing is there.
    #[error("there is nothing at this address")]
    NotFound,
    /// A parameter cannot be what it says.
    #[error("{parameter}: {why}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong.
        why: Cow<'static, str>,
    },
}

impl RouteError {
    /// A parameter that cannot be what it says.
    pub(crate) fn parameter(parameter: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Parameter { parameter, why: why.into() }
    }
}

/// The parameters after the question mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(pub &'a str);

impl<'a> Query<'a> {
    /// The value of a parameter; the first, if it is there twice.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The language that `lang` names, if any.
    pub(crate) fn language(self) -> Option<Language> {
        Language::of_code(&self.get("lang")?)
    }

    /// The value of a parameter as one of several words.
    fn word<T: Copy>(self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, RouteError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == given);
        known.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            RouteError::parameter(name, format!("must be one of {}", words.join(", ")))
        })
    }
}

/// The name of a span in addresses.
pub(crate) fn span_name(span: Span) -> &'static str {
    match span {
        Span::Hour => "hour",
        Span::Day => "day",
        Span::Week => "week",
        Span::Month => "month",
        Span::Year => "year",
    }
}

impl Route {
    /// Reads a path and its query.
    pub(crate) fn parse(path: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let parts: Vec<&str> = path.strip_prefix('/').ok_or(RouteError::NotFound)?.split('/').collect();
        match parts.as_slice() {
            [""] => Ok(Self::Start),
            ["health"] => Ok(Self::Health),
            ["assets", name] => Ok(Self::Asset((*name).to_owned())),
            ["kiosk"] => Ok(Self::Kiosk),
            ["status"] => Ok(Self::Status),
            ["login"] => Ok(Self::Login),
            ["manifest.webmanifest"] => Ok(Self::Manifest),
            ["m", site, id] => Ok(Self::Meter(meter(site, id)?)),
            ["m", site, id, "go"] => go(meter(site, id)?, query).map(Self::Go),
            ["m", site, id, "readings"] => Ok(Self::Readings(meter(site, id)?)),
            ["m", site, id, "all"] => Ok(Self::Period(PeriodRequest {
                meter: meter(site, id)?,
                kind: None,
                name: None,
                with: None,
            })),
            ["m", site, id, kind] if Kind::of_name(kind).is_some() => Ok(Self::Go(PeriodRequest {
                meter: meter(site, id)?,
                kind: Kind::of_name(kind),
                name: None,
                with: None,
            })),
            ["m", site, id, file] => picture(meter(site, id)?, None, file, query).map(Self::Picture),
            ["m", site, id, kind, file] if file.contains('.') => {
                picture(meter(site, id)?, Some(kind), file, query).map(Self::Picture)
            }
            ["m", site, id, kind, name] => period(meter(site, id)?, kind, name, query).map(Self::Period),
            ["api", "v1", "live"] => lives(query).map(Self::Lives),
            ["api", "v1", "meters"] => Ok(Self::Meters),
            ["api", "v1", "meters", site, id] => Ok(Self::Figures(meter(site, id)?)),
            ["api", "v1", "meters", site, id, "readings"] => Ok(Self::ReadingsData(meter(site, id)?)),
            ["api", "v1", "meters", site, id, "trust"] => Ok(Self::Trust(meter(site, id)?)),
            ["api", "v1", "meters", site, id, "statistics.csv"] => {
                statistics(meter(site, id)?, query).map(Self::Statistics)
            }
            ["api", "v1", "meters", site, id, "series"] => series(meter(site, id)?, query).map(Self::Series),
            ["api", "v1", "meters", site, id, "live"] => Ok(Self::Live(meter(site, id)?)),
            ["api", "v1", "meters", site, id, what] => {
                energy(meter(site, id)?, what, query).map(Self::Energy)
            }
            _ => Err(RouteError::NotFound),
        }
    }

    /// The one meter that it is about.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        match self {
            Self::Meter(meter)
            | Self::Readings(meter)
            | Self::ReadingsData(meter)
            | Self::Figures(meter)
            | Self::Trust(meter)
            | Self::Live(meter) => Some(meter),
            Self::Period(request) | Self::Go(request) => Some(&request.meter),
            Self::Picture(request) => Some(&request.meter),
            Self::Energy(request) => Some(&request.meter),
            Self::Statistics(request) => Some(&request.meter),
            Self::Series(request) => Some(&request.meter),
            Self::Lives(meter) => meter.as_ref(),
            Self::Start
            | Self::Kiosk
            | Self::Status
            | Self::Login
            | Self::Manifest
            | Self::Meters
            | Self::Health
            | Self::Asset(_) => None,
        }
    }

    /// Whether it says nothing of any meter, so that it is for everybody.
    pub(crate) fn is_for_everybody(&self) -> bool {
        matches!(self, Self::Manifest | Self::Health | Self::Asset(_))
    }
}

fn meter(site: &str, id: &str) -> Result<Meter, RouteError> {
    let meter = |site: &str, id: &str| Some(Meter { site: site.parse().ok()?, meter: id.parse().ok()? });
    meter(site, id).ok_or(RouteError::NotFound)
}

fn period(meter: Meter, kind: &str, name: &str, query: Query<'_>) -> Result<PeriodRequest, RouteError> {
    let kind = Kind::of_name(kind).ok_or(RouteError::NotFound)?;
    // A form whose field was left empty asks for no comparison.
    let with = query.get("with").filter(|with| !with.is_empty());
    let with =
        with.map(|text| date(&text).ok_or_else(|| RouteError::parameter("with", A_DAY))).transpose()?;
    Ok(PeriodRequest { meter, kind: Some(kind), name: Some(name.to_owned()), with })
}

fn go(meter: Meter, query: Query<'_>) -> Result<PeriodRequest, RouteError> {
    let kinds = Kind::ALL.map(|kind| (kind.name(), Some(kind)));
    let kind = match query.get("kind").as_deref() {
        Some("all") => None,
        _ => query.word("kind", &kinds)?.unwrap_or(Some(Kind::Day)),
    };
    let day = query.get("date").unwrap_or_default();
    let day = date(&day).ok_or_else(|| RouteError::parameter("date", A_DAY))?;
    Ok(PeriodRequest { meter, kind, name: Some(day.to_string()), with: None })
}

const A_DAY: &str = "must be a day like 2026-10-03";

fn date(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| text.len() == "2026-10-03".len())
}

fn series(meter: Meter, query: Query<'_>) -> Result<SeriesRequest, RouteError> {
    let time = |name: &'static str| {
        let text = query.get(name).unwrap_or_default();
        let seconds = text.parse::<i64>().ok().filter(|seconds| (0..=253_402_300_799).contains(seconds));
        seconds.ok_or_else(|| RouteError::parameter(name, "must be a Unix time in seconds"))
    };
    let points = query.get("points").map_or(Ok(1000), |text| {
        text.parse()
            .ok()
            .filter(|points| *points > 0)
            .ok_or_else(|| RouteError::parameter("points", "must be a number above 0"))
    })?;
    Ok(SeriesRequest { meter, from: time("from")?, to: time("to")?, points })
}

fn lives(query: Query<'_>) -> Result<Option<Meter>, RouteError> {
    let read = |text: Cow<'_, str>| {
        text.parse().map_err(|_| RouteError::parameter("meter", "must be like site/meter"))
    };
    query.get("meter").map(read).transpose()
}

fn picture(
    meter: Meter,
    kind: Option<&str>,
    file: &str,
    query: Query<'_>,
) -> Result<PictureRequest, RouteError> {
    let (name, extension) = file.split_once('.').ok_or(RouteError::NotFound)?;
    let of_name = |name: &str| Span::ALL.into_iter().find(|span| span_name(*span) == name);
    let span = of_name(kind.unwrap_or(name)).ok_or(RouteError::NotFound)?;
    let picture = match extension {
        "svg" => Picture::Svg,
        "png" => Picture::Png,
        _ => return Err(RouteError::NotFound),
    };
    let theme = query.word("theme", &[("light", Theme::Light), ("dark", Theme::Dark)])?;
    let size = query.word("size", &[("wide", Size::Wide), ("narrow", Size::Narrow)])?;
    Ok(PictureRequest {
        meter,
        span,
        period: kind.map(|_| name.to_owned()),
        picture,
        theme: theme.unwrap_or(Theme::Light),
        size: size.unwrap_or(Size::Wide),
    })
}

fn energy(meter: Meter, what: &str, query: Query<'_>) -> Result<EnergyRequest, RouteError> {
    let form = match what {
        "energy" => None,
        "energy.csv" => Some(Form::Csv),
        "energy.json" => Some(Form::Json),
        "energy.xlsx" => Some(Form::Xlsx),
        _ => return Err(RouteError::NotFound),
    };
    let steps = Step::ALL.map(|step| (step.name(), step));
    Ok(EnergyRequest {
        meter,
        from: moment("from", query)?,
        to: moment("to", query)?,
        step: query.word("step", &steps)?.unwrap_or(Step::Hour),
        form,
    })
}

fn statistics(meter: Meter, query: Query<'_>) -> Result<StatisticsRequest, RouteError> {
    let id = |text: Cow<'_, str>| {
        let said = "must be like sensor.haus_energy or powerpi:haus";
        text.parse().map_err(|()| RouteError::parameter("statistic_id", said))
    };
    Ok(StatisticsRequest {
        meter,
        from: moment("from", query)?,
        to: moment("to", query)?,
        id: query.get("statistic_id").map(id).transpose()?,
    })
}

fn moment(name: &'static str, query: Query<'_>) -> Result<Option<Moment>, RouteError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let at = text.parse().map(Moment::At).ok();
    // A date may not drag a time without offset along: nobody could say when that is.
    let day = || text.parse().map(Moment::Day).ok().filter(|_| text.len() == "2026-10-03".len());
    at.or_else(day).map(Some).ok_or_else(|| {
        RouteError::parameter(name, "must be a time like 2026-10-03T12:34:00Z or a day like 2026-10-03")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn route(path: &str, query: &str) -> Result<Route, RouteError> {
        Route::parse(path, Query(query))
    }

    #[test]
    fn pictures_have_a_theme_and_a_size() {
        let expected = PictureRequest {
            meter: "hq/main".parse().unwrap(),
            span: Span::Week,
            period: None,
            picture: Picture::Png,
            theme: Theme::Dark,
            size: Size::Narrow,
        };
        let parsed = route("/m/hq/main/week.png", "at=5&theme=dark&size=narrow&lang=de");
        assert_eq!(parsed, Ok(Route::Picture(expected)));
        let error = route("/m/hq/main/week.png", "theme=pink").unwrap_err();
        assert_eq!(error.to_string(), "theme: must be one of light, dark");
    }

    #[test]
    fn energy_takes_times_and_days() {
        let Ok(Route::Energy(request)) = route(
            "/api/v1/meters/hq/main/energy.csv",
            "from=2026-10-03&to=2026-10-04T00%3A00%3A00%2B02:00&step=minute",
        ) else {
            panic!("not an energy request");
        };
        assert_eq!(request.from, Some(Moment::Day("2026-10-03".parse().unwrap())));
        assert_eq!(request.to, Some(Moment::At("2026-10-03T22:00:00Z".parse().unwrap())));
        assert_eq!((request.step, request.form), (Step::Minute, Some(Form::Csv)));
        for bad in
            ["from=yesterday", "to=2026-13-01", "from=2026-10-03T12:00:00", "step=week", "from=", "to=%00"]
        {
            let error = route("/api/v1/meters/hq/main/energy", bad).unwrap_err();
            let name = bad.split('=').next().unwrap();
            assert!(matches!(error, RouteError::Parameter { parameter, .. } if parameter == name), "{bad}");
        }
    }

    #[test]
    fn periods_are_named_and_picked() {
        let request = |kind, name: Option<&str>, with: Option<&str>| PeriodRequest {
            meter: "hq/main".parse().unwrap(),
            kind,
            name: name.map(str::to_owned),
            with: with.map(|day| day.parse().unwrap()),
        };
        let day = request(Some(Kind::Day), Some("2026-11-24"), Some("2025-11-24"));
        assert_eq!(route("/m/hq/main/day/2026-11-24", "with=2025-11-24&lang=de"), Ok(Route::Period(day)));
        assert_eq!(route("/m/hq/main/all", ""), Ok(Route::Period(request(None, None, None))));
        let picked = request(Some(Kind::Week), Some("2026-11-24"), None);
        assert_eq!(route("/m/hq/main/go", "kind=week&date=2026-11-24"), Ok(Route::Go(picked)));
        assert_eq!(route("/m/hq/main/month", ""), Ok(Route::Go(request(Some(Kind::Month), None, None))));
        for (path, query) in [
            ("/m/hq/main/go", "kind=week"),
            ("/m/hq/main/go", "kind=decade&date=2026-11-24"),
            ("/m/hq/main/day/2026-11-24", "with=yesterday"),
            ("/api/v1/meters/hq/main/series", "from=0&to=-1"),
            ("/api/v1/meters/hq/main/series", "from=0&to=1&points=0"),
            ("/api/v1/live", "meter=x"),
        ] {
            assert!(matches!(route(path, query), Err(RouteError::Parameter { .. })), "{path}?{query}");
        }
    }

    #[test]
    fn nothing_is_where_nothing_is() {
        for path in [
            "",
            "//",
            "/m",
            "/m/hq",
            "/m/hq/main/",
            "/m/../main",
            "/m/hq/MAIN",
            "/m/hq/main/decade",
            "/m/hq/main/decade/2026",
            "/m/hq/main/day/2026-11-24/x",
            "/m/hq/main/day.gif",
            "/m/hq/main/day.svg/x",
            "/api",
            "/api/v1/meters/hq",
            "/api/v1/meters/hq/main/x",
            "/assets/a/b",
            "/health/",
            "/m/hq/ma%2Fin",
            "/api/v2/meters",
        ] {
            assert_eq!(route(path, ""), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn a_language_is_named_or_not() {
        assert_eq!(Query("x=1&lang=de").language().map(|it| it.texts().code), Some("de"));
        assert_eq!(Query("lang=fr").language(), None);
    }
}
