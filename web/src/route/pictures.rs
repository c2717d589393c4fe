//! Pictures: `/m/<site>/<meter>/day.svg`, or the same of a period.

use meter_messages::{Meter, PeriodKind};
use meter_rrd::{Picture, Size, Theme};

use super::query::{Query, RouteError};

/// A picture, but for the language where the address names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PictureRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How much time.
    pub(crate) kind: PeriodKind,
    /// The name of a period of that length, instead of the time up to now.
    pub(crate) period: Option<String>,
    /// Its format.
    pub(crate) picture: Picture,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Its layout.
    pub(crate) size: Size,
}

impl PictureRequest {
    /// The file of a period of a kind, or of the time up to now.
    pub(super) fn parse(
        meter: Meter,
        period: Option<&str>,
        file: &str,
        query: Query<'_>,
    ) -> Result<Self, RouteError> {
        let (name, extension) = file.split_once('.').ok_or(RouteError::NotFound)?;
        let picture = match extension {
            "svg" => Picture::Svg,
            "png" => Picture::Png,
            _ => return Err(RouteError::NotFound),
        };
        let theme = query.word("theme", &[("light", Theme::Light), ("dark", Theme::Dark)])?;
        let sizes = [("wide", Size::Wide), ("narrow", Size::Narrow), ("card", Size::Card)];
        let size = query.word("size", &sizes)?;
        Ok(Self {
            meter,
            kind: PeriodKind::of_name(period.unwrap_or(name)).ok_or(RouteError::NotFound)?,
            period: period.map(|_| name.to_owned()),
            picture,
            theme: theme.unwrap_or(Theme::Light),
            size: size.unwrap_or(Size::Wide),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::route::Route;

    fn route(query: &str) -> Result<Route, RouteError> {
        Route::parse("/m/hq/main/week.png", Query(query))
    }

    #[test]
    fn pictures_have_a_theme_and_a_size() {
        let expected = PictureRequest {
            meter: "hq/main".parse().unwrap(),
            kind: PeriodKind::Week,
            period: None,
            picture: Picture::Png,
            theme: Theme::Dark,
            size: Size::Narrow,
        };
        let parsed = route("at=5&theme=dark&size=narrow&lang=de");
        assert_eq!(parsed, Ok(Route::Picture(expected)));
        let error = route("theme=pink").unwrap_err();
        assert_eq!(error.to_string(), "theme: must be one of light, dark");
    }
}
