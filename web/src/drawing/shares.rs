//! One bar that is a whole, and its parts.

use std::fmt::Write;

use super::{escaped, hatch};

/// How high it is, in pixels.
const HIGH: u32 = 40;

/// What a part of the bar is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// What a meter measures; its colour's name.
    Meter(&'static str),
    /// What no meter measures.
    Rest,
    /// Of what nobody knows.
    Unknown,
}

/// A part of the bar.
#[derive(Debug)]
pub(crate) struct Share {
    /// How much of the whole, from 0 to 1.
    pub(crate) part: f64,
    /// What it is.
    pub(crate) of: Part,
    /// Where it leads.
    pub(crate) href: Option<String>,
    /// What it is, with its value.
    pub(crate) title: String,
}

/// The whole drawing. `id` is the page's only one of that name.
pub(crate) fn svg(id: &str, shares: &[Share]) -> String {
    let mut svg = format!(
        "<svg class=\"shares\" width=\"100%\" height=\"{HIGH}\" aria-hidden=\"true\">{}",
        hatch(&format!("{id}-rest"))
    );
    let mut left = 0.0;
    for share in shares {
        one(&mut svg, share, left, id);
        left += share.part;
    }
    svg.push_str("</svg>");
    svg
}

fn one(svg: &mut String, share: &Share, left: f64, id: &str) {
    // By mouse and touch; by keyboard and screen reader the list below leads there.
    if let Some(href) = &share.href {
        let _ = write!(svg, "<a href=\"{}\" tabindex=\"-1\">", escaped(href));
    }
    let percent = |part: f64| (part * 10_000.0).round() / 100.0;
    let (x, width) = (percent(left), percent(share.part));
    let place = format!("x=\"{x}%\" width=\"{width}%\" height=\"{HIGH}\"");
    let class = match share.of {
        Part::Meter(colour) => format!("colour-{colour}"),
        Part::Rest => "rest".to_owned(),
        Part::Unknown => "unknown".to_owned(),
    };
    let _ = write!(svg, "<g class=\"share {class}\"><title>{}</title>", escaped(&share.title));
    // Writing into memory does not fail.
    let _ = match share.of {
        Part::Meter(_) => write!(svg, "<rect class=\"bar\" {place}/>"),
        Part::Rest => write!(svg, "<rect class=\"gap\" fill=\"url(#{id}-rest)\" {place}/>"),
        Part::Unknown => write!(svg, "<rect class=\"unknown\" {place}/>"),
    };
    svg.push_str("</g>");
    if share.href.is_some() {
        svg.push_str("</a>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_side_by_side_and_the_rest_is_hatched() {
        let share = |part, of, href: Option<&str>| Share {
            part,
            of,
            href: href.map(str::to_owned),
            title: "<a>".into(),
        };
        let parts = [
            share(0.25, Part::Meter("red"), Some("/m?a&b")),
            share(0.7, Part::Rest, None),
            share(0.05, Part::Unknown, None),
        ];
        let svg = svg("gas", &parts);
        assert!(svg.contains(
            "<a href=\"/m?a&amp;b\" tabindex=\"-1\"><g class=\"share colour-red\"><title>&lt;a&gt;<"
        ));
        assert!(svg.contains("<rect class=\"bar\" x=\"0%\" width=\"25%\""), "{svg}");
        assert!(svg.contains("fill=\"url(#gas-rest)\" x=\"25%\" width=\"70%\""), "{svg}");
        assert!(svg.contains("class=\"unknown\" x=\"95%\" width=\"5%\""), "{svg}");
    }
}
