//! Bars of energy, each of which may lead somewhere.

use std::fmt::Write;

use super::{FOOT, HEIGHT, beside, escaped, hatch, hatch_coarse, hatch_corrected, round_above};

/// One bar.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    /// Energy or volume; `None` where nobody watched.
    pub(crate) quantity: Option<f64>,
    /// What it is compared with.
    pub(crate) ghost: Option<f64>,
    /// Whether a good part of it was not watched.
    pub(crate) partly: bool,
    /// Whether somebody has corrected a part of it.
    pub(crate) corrected: bool,
    /// Whether only the sum of more than this bar is known.
    pub(crate) coarse: bool,
    /// Whether it is not over.
    pub(crate) unfinished: bool,
    /// Whether it lies ahead: nothing is missing there.
    pub(crate) ahead: bool,
    /// What somebody has noted of its time.
    pub(crate) note: Option<String>,
    /// Where it leads.
    pub(crate) href: Option<String>,
    /// What it is, with its value.
    pub(crate) title: String,
    /// Below it; the second only where there is room.
    pub(crate) tick: Option<(String, bool)>,
}

/// The whole drawing. `id` is the page's only one of that name; `quantity` writes a
/// number with its unit.
pub(crate) fn svg(id: &str, bars: &[Bar], quantity: &dyn Fn(f64) -> String) -> String {
    let highest = bars.iter().flat_map(|bar| [bar.quantity, bar.ghost]).flatten().fold(0.0, f64::max);
    // Up to 1 where there is nothing.
    let top = round_above(if highest > 0.0 { highest.max(0.01) } else { 0.0 });
    let mut svg = format!(
        "<svg class=\"bars\" width=\"100%\" height=\"{}\" aria-hidden=\"true\">{}",
        HEIGHT + FOOT,
        hatch(&format!("{id}-unwatched"))
    );
    if bars.iter().any(|bar| bar.corrected) {
        svg.push_str(&hatch_corrected(&format!("{id}-corrected")));
    }
    if bars.iter().any(|bar| bar.coarse) {
        svg.push_str(&hatch_coarse(&format!("{id}-coarse")));
    }
    for part in [1.0, 0.5, 0.0] {
        let y = HEIGHT * (1.0 - part);
        push(&mut svg, format_args!("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>"));
    }
    let slot = 100.0 / bars.len().max(1) as f64;
    for (index, bar) in bars.iter().enumerate() {
        one(&mut svg, bar, (index as f64 * slot, slot), top, id);
    }
    svg.push_str("</svg>");
    beside(&svg, &quantity(top), &quantity(top / 2.0))
}

fn one(svg: &mut String, bar: &Bar, (left, slot): (f64, f64), top: f64, id: &str) {
    // By mouse and touch; by keyboard and screen reader the table below leads there.
    if let Some(href) = &bar.href {
        push(svg, format_args!("<a href=\"{}\" tabindex=\"-1\">", escaped(href)));
    }
    let noted = bar.note.as_ref().map(|note| format!(" · {note}")).unwrap_or_default();
    push(svg, format_args!("<g class=\"slot\"><title>{}</title>", escaped(&format!("{}{noted}", bar.title))));
    rect(svg, "hit", (left, slot), (HEIGHT + FOOT, 0.0));
    if (bar.quantity.is_none() || bar.partly) && !bar.ahead {
        striped(svg, "gap", &format!("{id}-unwatched"), (left, slot));
    }
    if let Some(quantity) = bar.ghost {
        rect(svg, "ghost", (left + slot * 0.04, slot * 0.92), upright(quantity, top));
    }
    if let Some(quantity) = bar.quantity {
        let class = if bar.unfinished { "bar unfinished" } else { "bar" };
        rect(svg, class, (left + slot * 0.14, slot * 0.72), upright(quantity, top));
    }
    if bar.corrected {
        striped(svg, "recount", &format!("{id}-corrected"), (left, slot));
    }
    if bar.coarse {
        striped(svg, "recount", &format!("{id}-coarse"), (left, slot));
    }
    if bar.note.is_some() {
        let x = round(left + slot / 2.0);
        push(svg, format_args!("<circle class=\"note\" cx=\"{x}%\" cy=\"5\" r=\"4\"/>"));
    }
    svg.push_str("</g>");
    if bar.href.is_some() {
        svg.push_str("</a>");
    }
    if let Some((label, always)) = &bar.tick {
        let class = match (always, left + slot > 99.9 && slot < 7.0) {
            (_, true) => "tick end",
            (true, _) => "tick",
            (false, _) => "tick fine",
        };
        let x = if class == "tick end" { 100.0 } else { round(left + slot / 2.0) };
        push(
            svg,
            format_args!(
                "<text class=\"{class}\" x=\"{x}%\" y=\"{}\">{}</text>",
                HEIGHT + 16.0,
                escaped(label)
            ),
        );
    }
}

/// Height and top of a value, in pixels.
fn upright(quantity: f64, top: f64) -> (f64, f64) {
    let height = round(quantity / top * HEIGHT);
    (height, round(HEIGHT - height))
}

/// Stripes from top to bottom.
fn striped(svg: &mut String, class: &str, pattern: &str, (left, slot): (f64, f64)) {
    let (x, width) = (round(left), round(slot));
    push(
        svg,
        format_args!(
            "<rect class=\"{class}\" fill=\"url(#{pattern})\" x=\"{x}%\" width=\"{width}%\" height=\"{HEIGHT}\"/>"
        ),
    );
}

fn rect(svg: &mut String, class: &str, (x, width): (f64, f64), (height, y): (f64, f64)) {
    let (x, width) = (round(x), round(width));
    push(
        svg,
        format_args!("<rect class=\"{class}\" x=\"{x}%\" width=\"{width}%\" y=\"{y}\" height=\"{height}\"/>"),
    );
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_leads_somewhere_and_a_missing_one_is_hatched() {
        let there =
            Bar { quantity: Some(5.0), href: Some("/day?a&b".into()), title: "<1>".into(), ..Bar::default() };
        let svg = svg(
            "days",
            &[
                there,
                Bar::default(),
                Bar { ahead: true, ..Bar::default() },
                Bar {
                    quantity: Some(10.0),
                    corrected: true,
                    note: Some("<party>".into()),
                    title: "10".into(),
                    ..Bar::default()
                },
            ],
            &|quantity| format!("{quantity} kWh"),
        );
        assert!(
            svg.contains(
                "<a href=\"/day?a&amp;b\" tabindex=\"-1\"><g class=\"slot\"><title>&lt;1&gt;</title>"
            ),
            "{svg}"
        );
        assert!(svg.contains("class=\"bar\" x=\"3.5%\" width=\"18%\" y=\"84\" height=\"84\""), "{svg}");
        assert_eq!(svg.matches("class=\"gap\"").count(), 1);
        assert_eq!(svg.matches("fill=\"url(#days-corrected)\" x=\"75%\"").count(), 1);
        assert!(svg.contains("10 kWh"));
        assert!(svg.contains("<title>10 · &lt;party&gt;</title>"), "{svg}");
        assert_eq!(svg.matches("<circle class=\"note\" cx=\"87.5%\"").count(), 1, "{svg}");
    }
}
