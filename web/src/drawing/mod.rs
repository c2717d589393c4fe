//! Charts that are part of a page: SVG whose colours are the style sheet's.
//!
//! Widths are percentages, so that one drawing suits a telephone and a desk
//! without its letters being stretched. Nothing is styled inline, because the
//! content security policy forbids it.

pub(crate) mod bars;
pub(crate) mod curve;
pub(crate) mod heat;
pub(crate) mod shares;

/// The lowest round number that is not below `highest`.
pub(crate) fn round_above(highest: f64) -> f64 {
    if highest.is_nan() || highest <= 0.0 {
        return 1.0;
    }
    let decade = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * decade).find(|step| *step >= highest * 0.999).unwrap_or(10.0 * decade)
}

/// Text for an attribute or an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The labels beside a drawing whose plot is `height` pixels high: the top, the
/// half, and nothing for zero.
pub(crate) fn beside(svg: &str, top: &str, half: &str) -> String {
    format!(
        "<div class=\"scaled\"><div class=\"scale\" aria-hidden=\"true\"><span>{}</span><span>{}</span><span>0</span></div>{svg}</div>",
        escaped(top),
        escaped(half)
    )
}

/// Height in pixels of the plot of curves and bars, above their labels.
pub(crate) const HEIGHT: f64 = 168.0;

/// Room for these labels.
pub(crate) const FOOT: f64 = 22.0;

/// Stripes for time that nobody watched. `id` must be the page's only one.
pub(crate) fn hatch(id: &str) -> String {
    format!(
        "<defs><pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"hatch\" width=\"2\" height=\"6\"/></pattern></defs>"
    )
}

/// Stripes the other way, for time that somebody has corrected.
pub(crate) fn hatch_corrected(id: &str) -> String {
    format!(
        "<defs><pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(-45)\"><rect width=\"2\" height=\"6\" class=\"corrected\"/></pattern></defs>"
    )
}

/// Stripes that lie, for time of which only the sum is known.
pub(crate) fn hatch_coarse(id: &str) -> String {
    format!(
        "<defs><pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
         <rect class=\"coarse\" width=\"6\" height=\"2\"/></pattern></defs>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_round_numbers() {
        for (highest, end) in
            [(0.0, 1.0), (0.7, 0.8), (1.0, 1.0), (11.3, 15.0), (3600.0, 4000.0), (99.0, 100.0)]
        {
            assert!((round_above(highest) - end).abs() < 1e-9, "{highest}: {}", round_above(highest));
        }
    }

    #[test]
    fn text_is_text() {
        assert_eq!(escaped("<a title=\"&\">"), "&lt;a title=&quot;&amp;&quot;&gt;");
    }
}
