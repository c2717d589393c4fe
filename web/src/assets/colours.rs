//! The meters' colours as a style sheet, so that pages and pictures have the same ones.

use std::fmt::Write;

use meter_messages::Colour;
use meter_rrd::{Shaded, Shades, Theme};

/// Properties for each colour and theme. Without a class, everything is in the default one.
pub(crate) fn style() -> String {
    let mut style = String::new();
    // The default first: rules of the same weight hold in their order.
    let others = Colour::ALL.into_iter().filter(|colour| *colour != Colour::default());
    for colour in std::iter::once(Colour::default()).chain(others) {
        let (here, on_a_wall) = match colour == Colour::default() {
            true => (":root".to_owned(), ".kiosk".to_owned()),
            false => (format!(".colour-{}", colour.name()), format!(".kiosk .colour-{}", colour.name())),
        };
        let (light, dark) = (colour.shades(Theme::Light), colour.shades(Theme::Dark));
        let (light, all, few) = (properties(&light), properties(&dark), of_curve(&dark));
        // Writing into memory does not fail. A wall has nothing but curves.
        let _ = writeln!(
            style,
            "{here}{{{light}}}@media screen and (prefers-color-scheme:dark){{{here}{{{all}}}}}{on_a_wall}{{{few}}}"
        );
    }
    style
}

fn of_curve(shades: &Shades) -> String {
    format!("--line:{};--wash:{}", shades.line, shades.fill)
}

fn properties(shades: &Shades) -> String {
    let mut all = of_curve(shades);
    let Shades { peak, bar, unfinished, heat, .. } = shades;
    let _ = write!(all, ";--peak:{peak};--bar:{bar};--unfinished:{unfinished}");
    for (shade, colour) in heat.iter().enumerate() {
        let _ = write!(all, ";--heat-{shade}:{colour}");
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHEET: &str = include_str!("../../assets/style.css");

    /// The relative luminance of `#rrggbb`, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// What the style sheet gives a property: in bright pages, in dark ones, on a wall.
    fn backgrounds(property: &str) -> Vec<String> {
        let property = format!("--{property}: ");
        let values = SHEET.split(&property).skip(1);
        let hex = |value: &str| value.split(';').next().unwrap_or_default().to_owned();
        values.map(hex).filter(|value| value.len() == 7).collect()
    }

    #[test]
    fn contrast_is_what_wcag_says_it_is() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.005);
    }

    #[test]
    fn every_colour_is_seen_on_page_and_card_in_both_themes() {
        let (ground, paper) = (backgrounds("ground"), backgrounds("paper"));
        assert_eq!((ground.len(), paper.len()), (2, 2), "{ground:?} {paper:?}");
        for colour in Colour::ALL {
            for (index, theme) in [Theme::Light, Theme::Dark].into_iter().enumerate() {
                let Shades { line, bar, .. } = colour.shades(theme);
                for (shade, behind) in [(line, &paper), (line, &ground), (bar, &paper), (bar, &ground)] {
                    let contrast = contrast(&shade.to_string(), &behind[index]);
                    assert!(contrast >= 3.0, "{colour:?} {shade} on {}: {contrast:.2}", behind[index]);
                }
            }
            // A wall is black.
            assert!(contrast(&colour.shades(Theme::Dark).line.to_string(), "#000000") >= 3.0);
        }
    }

    #[test]
    fn a_wall_has_everything_that_dark_pages_have() {
        let block = |after: &str| SHEET.split(after).nth(1).unwrap().split('}').next().unwrap();
        let dark = block("@media screen and (prefers-color-scheme: dark) {\n  :root {");
        let names = dark.split("--").skip(1).filter_map(|rest| rest.split(':').next());
        let missing = names.filter(|name| !block("\n.kiosk {").contains(&format!("--{name}: ")));
        assert_eq!(missing.collect::<Vec<_>>(), ["shadow"], "there are no cards on it");
    }

    #[test]
    fn each_colour_has_its_rules_and_the_default_needs_no_class() {
        let style = style();
        assert!(style.starts_with(":root{--line:#0b7a70;--wash:"), "before all others: {style}");
        assert!(style.contains("\n.colour-violet{--line:#6a3fc0;"), "{style}");
        assert!(style.contains(".kiosk .colour-violet{--line:#bba0ff;"), "{style}");
    }
}
