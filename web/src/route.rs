//! From a path and a query to what is asked for. Pure.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use meter_messages::Meter;
use meter_rrd::{Picture, Size, Span, Theme};

use crate::texts::Language;

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: all meters.
    Start,
    /// `/m/<site>/<meter>`: a meter's page.
    Meter(Meter),
    /// `/m/<site>/<meter>/<span>.svg` or `.png`.
    Picture(PictureRequest),
    /// `/api/v1/meters`
    Meters,
    /// `/api/v1/meters/<site>/<meter>`
    Figures(Meter),
    /// `/api/v1/meters/<site>/<meter>/energy`, also with `.csv`.
    Energy(EnergyRequest),
    /// `/api/v1/meters/<site>/<meter>/live`: server-sent events.
    Live(Meter),
    /// `/health`
    Health,
    /// `/assets/<name>`
    Asset(String),
}

/// A picture, but for the language where the address names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PictureRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How much time.
    pub(crate) span: Span,
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
    /// Whether the address asks for CSV; `None` where it does not say.
    pub(crate) csv: Option<bool>,
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
            ["m", site, id] => Ok(Self::Meter(meter(site, id)?)),
            ["m", site, id, file] => picture(meter(site, id)?, file, query).map(Self::Picture),
            ["api", "v1", "meters"] => Ok(Self::Meters),
            ["api", "v1", "meters", site, id] => Ok(Self::Figures(meter(site, id)?)),
            ["api", "v1", "meters", site, id, "live"] => Ok(Self::Live(meter(site, id)?)),
            ["api", "v1", "meters", site, id, what] => {
                energy(meter(site, id)?, what, query).map(Self::Energy)
            }
            _ => Err(RouteError::NotFound),
        }
    }
}

fn meter(site: &str, id: &str) -> Result<Meter, RouteError> {
    let meter = |site: &str, id: &str| Some(Meter { site: site.parse().ok()?, meter: id.parse().ok()? });
    meter(site, id).ok_or(RouteError::NotFound)
}

fn picture(meter: Meter, file: &str, query: Query<'_>) -> Result<PictureRequest, RouteError> {
    let (name, extension) = file.split_once('.').ok_or(RouteError::NotFound)?;
    let span = Span::ALL.into_iter().find(|span| span_name(*span) == name).ok_or(RouteError::NotFound)?;
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
        picture,
        theme: theme.unwrap_or(Theme::Light),
        size: size.unwrap_or(Size::Wide),
    })
}

fn energy(meter: Meter, what: &str, query: Query<'_>) -> Result<EnergyRequest, RouteError> {
    let csv = match what {
        "energy" => None,
        "energy.csv" => Some(true),
        "energy.json" => Some(false),
        _ => return Err(RouteError::NotFound),
    };
    let steps = [("minute", Step::Minute), ("hour", Step::Hour), ("day", Step::Day), ("month", Step::Month)];
    Ok(EnergyRequest {
        meter,
        from: moment("from", query)?,
        to: moment("to", query)?,
        step: query.word("step", &steps)?.unwrap_or(Step::Hour),
        csv,
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
        assert_eq!((request.step, request.csv), (Step::Minute, Some(true)));
        for bad in
            ["from=yesterday", "to=2026-13-01", "from=2026-10-03T12:00:00", "step=week", "from=", "to=%00"]
        {
            let error = route("/api/v1/meters/hq/main/energy", bad).unwrap_err();
            let name = bad.split('=').next().unwrap();
            assert!(matches!(error, RouteError::Parameter { parameter, .. } if parameter == name), "{bad}");
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
            "/m/hq/main/day",
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
        assert_eq!(Query("x=1&lang=de").language(), Some(Language::German));
        assert_eq!(Query("lang=fr").language(), None);
    }
}
