//! The colours of graphs; those of paper and ink are the style sheet's of the pages, too.

use rrd::ops::graph::Color;
use rrd::ops::graph::props::ColorTag;

use meter_messages::Colour;

use crate::colour::{Rgba, Shaded, Shades, Theme};

/// One theme's colours.
pub(crate) struct Palette {
    /// Paper, and everything that should not be seen.
    paper: Color,
    /// Text.
    ink: Color,
    axis: Color,
    minor_grid: Color,
    major_grid: Color,
    /// What belongs to the meter.
    pub(crate) shades: Shades,
    /// Time that nobody watched: ground and stripes.
    pub(crate) gap: (Color, Color),
}

/// `0xRRGGBBAA`.
const fn rgba(value: u32) -> Color {
    let [red, green, blue, alpha] = value.to_be_bytes();
    Color { red, green, blue, alpha: Some(alpha) }
}

impl From<Rgba> for Color {
    fn from(Rgba(bytes): Rgba) -> Self {
        rgba(u32::from_be_bytes(bytes))
    }
}

fn light(shades: Shades) -> Palette {
    Palette {
        paper: rgba(0xFFFF_FFFF),
        ink: rgba(0x4A56_54FF),
        axis: rgba(0xC9D2_CFFF),
        minor_grid: rgba(0x1027_2308),
        major_grid: rgba(0x1027_2314),
        shades,
        gap: (rgba(0x5A6B_6814), rgba(0x5A6B_6818)),
    }
}

fn dark(shades: Shades) -> Palette {
    Palette {
        paper: rgba(0x151D_1CFF),
        ink: rgba(0xB4C4_C0FF),
        axis: rgba(0x3E4C_49FF),
        minor_grid: rgba(0xFFFF_FF07),
        major_grid: rgba(0xFFFF_FF12),
        shades,
        gap: (rgba(0xA8BD_B814), rgba(0xA8BD_B812)),
    }
}

impl Palette {
    pub(crate) fn of(theme: Theme, colour: Colour) -> Self {
        let shades = colour.shades(theme);
        match theme {
            Theme::Light => light(shades),
            Theme::Dark => dark(shades),
        }
    }

    /// What librrd wants to know for its own elements.
    pub(crate) fn tags(&self) -> [(ColorTag, Color); 10] {
        [
            (ColorTag::Back, self.paper),
            (ColorTag::Canvas, self.paper),
            (ColorTag::ShadeA, self.paper),
            (ColorTag::ShadeB, self.paper),
            (ColorTag::Frame, self.paper),
            (ColorTag::Arrow, self.paper),
            (ColorTag::Font, self.ink),
            (ColorTag::Axis, self.axis),
            (ColorTag::Grid, self.minor_grid),
            (ColorTag::MGrid, self.major_grid),
        ]
    }
}
