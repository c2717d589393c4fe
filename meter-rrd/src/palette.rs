//! The colours of graphs; the pages' style sheet uses the same ones.

use rrd::ops::graph::Color;
use rrd::ops::graph::props::ColorTag;

use crate::graph::Theme;

/// One theme's colours.
pub(crate) struct Palette {
    /// Paper, and everything that should not be seen.
    paper: Color,
    /// Text.
    ink: Color,
    axis: Color,
    minor_grid: Color,
    major_grid: Color,
    /// The line of power.
    pub(crate) line: Color,
    /// Below the line.
    pub(crate) fill: Color,
    /// What single minutes reached.
    pub(crate) peak: Color,
    /// A day's bar.
    pub(crate) bar: Color,
    /// The bar of a day that is not over.
    pub(crate) unfinished: Color,
    /// The mean of 14 days.
    pub(crate) trend: Color,
    /// Time that nobody watched: ground and stripes.
    pub(crate) gap: (Color, Color),
}

/// `0xRRGGBBAA`.
const fn rgba(value: u32) -> Color {
    let [red, green, blue, alpha] = value.to_be_bytes();
    Color { red, green, blue, alpha: Some(alpha) }
}

const LIGHT: Palette = Palette {
    paper: rgba(0xFFFF_FFFF),
    ink: rgba(0x4A56_54FF),
    axis: rgba(0xC9D2_CFFF),
    minor_grid: rgba(0x1027_2308),
    major_grid: rgba(0x1027_2314),
    line: rgba(0x0B7A_70FF),
    fill: rgba(0x14A8_9A33),
    peak: rgba(0xF0A0_2066),
    bar: rgba(0x2BA8_9CFF),
    unfinished: rgba(0xA5DB_D5FF),
    trend: rgba(0xC264_0AFF),
    gap: (rgba(0x5A6B_6814), rgba(0x5A6B_6818)),
};

const DARK: Palette = Palette {
    paper: rgba(0x151D_1CFF),
    ink: rgba(0xB4C4_C0FF),
    axis: rgba(0x3E4C_49FF),
    minor_grid: rgba(0xFFFF_FF07),
    major_grid: rgba(0xFFFF_FF12),
    line: rgba(0x3FD6_C4FF),
    fill: rgba(0x2DC9_B633),
    peak: rgba(0xFBBF_2454),
    bar: rgba(0x24A3_95FF),
    unfinished: rgba(0x1B5F_58FF),
    trend: rgba(0xFBBF_24FF),
    gap: (rgba(0xA8BD_B814), rgba(0xA8BD_B812)),
};

impl Palette {
    pub(crate) fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
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
