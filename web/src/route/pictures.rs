//! Pictures: `/m/<site>/<meter>/day.svg`, or the same of a period.

use meter_messages::Meter;
use meter_rrd::{Picture, Size, Span, Theme};

use super::{Query, RouteError};

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

impl PictureRequest {
    /// The file of a period of that kind, or of the time up to now.
    pub(super) fn parse(
        meter: Meter,
        kind: Option<&str>,
        file: &str,
        query: Query<'_>,
    ) -> Result<Self, RouteError> {
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
        Ok(Self {
            meter,
            span,
            period: kind.map(|_| name.to_owned()),
            picture,
            theme: theme.unwrap_or(Theme::Light),
            size: size.unwrap_or(Size::Wide),
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
            span: Span::Week,
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
