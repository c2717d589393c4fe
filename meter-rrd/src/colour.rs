//! What the colours of meters look like.
//!
//! Named ones instead of arbitrary values: a colour has to be visible on light and on dark pages,
//! and no single value is. So each name stands for a palette for each theme, and a test of the
//! pages checks that all have a contrast of at least 3:1 with their background.

use std::fmt;

use meter_messages::Colour;

/// Dark on light or light on dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Theme {
    /// For light pages, mails and paper.
    Light,
    /// For dark pages.
    Dark,
}

/// A colour with its transparency; shown as style sheets have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgba(pub(crate) [u8; 4]);

/// What a curve, bars and a heat map are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// The line of power.
    pub line: Rgba,
    /// Below the line.
    pub fill: Rgba,
    /// What single minutes reached.
    pub peak: Rgba,
    /// The energy of a day.
    pub bar: Rgba,
    /// The energy of the current day.
    pub unfinished: Rgba,
    /// The trend in front of the bars.
    pub(crate) trend: Rgba,
    /// The hours of a heat map, from the lowest to the highest.
    pub heat: [Rgba; 8],
}

/// What a [`Colour`] stands for in pictures and pages.
pub trait Shaded {
    /// Its palette in a theme.
    fn shades(self, theme: Theme) -> Shades;
}

impl Shaded for Colour {
    fn shades(self, theme: Theme) -> Shades {
        let (line, bar) = line_and_bar(self, theme);
        let (paper, grades) = match theme {
            Theme::Light => (Rgba::opaque(0xFF_FFFF), [0.08, 0.2, 0.36, 0.6]),
            Theme::Dark => (Rgba::opaque(0x15_1D1C), [0.14, 0.28, 0.46, 0.78]),
        };
        let strong = if is_warm(self) { darker_or_brighter(line, bar, theme) } else { amber(theme) };
        let [low, lower, middle, high] = grades.map(|part| paper.towards(bar, part));
        Shades {
            line,
            fill: bar.with_alpha(0x33),
            peak: if is_warm(self) { line.with_alpha(0x66) } else { strong[1].with_alpha(0x5C) },
            bar,
            unfinished: paper.towards(bar, 0.45),
            trend: trend(self, theme),
            heat: [low, lower, middle, high, strong[0], strong[1], strong[2], strong[3]],
        }
    }
}

fn line_and_bar(colour: Colour, theme: Theme) -> (Rgba, Rgba) {
    let (light, dark) = match colour {
        Colour::Blue => ((0x1D_5FC4, 0x4C_8AE8), (0x7A_B0FF, 0x4A_86E0)),
        Colour::Teal => ((0x0B_7A70, 0x27_9B90), (0x3F_D6C4, 0x24_A395)),
        Colour::Green => ((0x2B_7A1F, 0x4C_9A3E), (0x86_DB72, 0x55_A845)),
        Colour::Amber => ((0x8A_6200, 0xB0_8009), (0xFF_D04A, 0xC9_951A)),
        Colour::Orange => ((0xB0_4A00, 0xDB_6A12), (0xFF_9F52, 0xD9_742A)),
        Colour::Red => ((0xB3_261E, 0xDB_5049), (0xFF_8A80, 0xD9_5C53)),
        Colour::Pink => ((0xA8_246F, 0xD6_559B), (0xFF_8FC8, 0xCF_5C9B)),
        Colour::Violet => ((0x6A_3FC0, 0x8F_6BDB), (0xBB_A0FF, 0x8C_6EDC)),
        Colour::Grey => ((0x52_5F5D, 0x7B_8886), (0xC3_CFCC, 0x8A_9895)),
    };
    let (line, bar) = if theme == Theme::Light { light } else { dark };
    (Rgba::opaque(line), Rgba::opaque(bar))
}

/// Peaks and high values are amber, except beside colours that look like amber.
fn is_warm(colour: Colour) -> bool {
    matches!(colour, Colour::Amber | Colour::Orange | Colour::Red)
}

fn trend(colour: Colour, theme: Theme) -> Rgba {
    Rgba::opaque(match (theme, is_warm(colour)) {
        (Theme::Light, false) => 0xC2_640A,
        (Theme::Light, true) => 0x13_211F,
        (Theme::Dark, false) => 0xFB_BF24,
        (Theme::Dark, true) => 0xE9_F1EF,
    })
}

fn amber(theme: Theme) -> [Rgba; 4] {
    match theme {
        Theme::Light => [0xF7_DC9C, 0xF2_B24A, 0xDD_7B1F, 0xA8_430F],
        Theme::Dark => [0x7D_7234, 0xB9_8A2B, 0xE0_9A2C, 0xFF_CF6B],
    }
    .map(Rgba::opaque)
}

fn darker_or_brighter(line: Rgba, bar: Rgba, theme: Theme) -> [Rgba; 4] {
    let end = Rgba::opaque(if theme == Theme::Light { 0 } else { 0xFF_FFFF });
    [bar, bar.towards(line, 0.5), line, line.towards(end, 0.4)]
}

impl Rgba {
    /// `0xRRGGBB`.
    const fn opaque(colour: u32) -> Self {
        Self([(colour >> 16) as u8, (colour >> 8) as u8, colour as u8, 0xFF])
    }

    fn with_alpha(self, alpha: u8) -> Self {
        let [red, green, blue, _] = self.0;
        Self([red, green, blue, alpha])
    }

    /// A mixture with another colour.
    fn towards(self, other: Self, part: f64) -> Self {
        let between = |index: usize| {
            let (one, other) = (f64::from(self.0[index]), f64::from(other.0[index]));
            (one + (other - one) * part).round() as u8
        };
        Self([0, 1, 2, 3].map(between))
    }
}

impl fmt::Display for Rgba {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue, alpha] = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")?;
        if alpha == 0xFF { Ok(()) } else { write!(formatter, "{alpha:02x}") }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_written_as_style_sheets_have_them() {
        let shades = Colour::Teal.shades(Theme::Light);
        assert_eq!(
            (shades.line.to_string(), shades.fill.to_string()),
            ("#0b7a70".into(), "#279b9033".into())
        );
        assert_eq!(Rgba::opaque(0).towards(Rgba::opaque(0xFF_FFFF), 0.5).to_string(), "#808080");
    }
}
