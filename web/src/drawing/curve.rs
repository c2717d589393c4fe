//! Power over time, with the day before behind it.

use std::fmt::Write;

use super::{FOOT, HEIGHT, beside, escaped, hatch, hatch_coarse, hatch_corrected, round_above};

/// What to draw: points a fixed time apart.
pub(crate) struct Curve<'a> {
    /// Power in W or flow in l/h; `None` where nobody watched.
    pub(crate) values: &'a [Option<f64>],
    /// The point before which there was nothing to watch.
    pub(crate) begun: usize,
    /// Times that somebody has corrected, in points.
    pub(crate) corrected: &'a [(f64, f64)],
    /// Times of which only the sum is known, in points.
    pub(crate) coarse: &'a [(f64, f64)],
    /// Times that are tinted, in points, and the class of each.
    pub(crate) bands: &'a [(f64, f64, &'static str)],
    /// The day before.
    pub(crate) ghost: &'a [Option<f64>],
    /// What is to be expected.
    pub(crate) expected: &'a [Option<f64>],
    /// Places (in points) and labels on the time axis; every other one only
    /// where there is room.
    pub(crate) ticks: Vec<(f64, String, bool)>,
    /// A value with its unit.
    pub(crate) rate: &'a dyn Fn(f64) -> String,
    /// Whether it is as high as the room there is, as on a wall.
    pub(crate) fills: bool,
}

impl Curve<'_> {
    /// The whole drawing.
    pub(crate) fn svg(&self) -> String {
        self.of(self.values.len())
    }

    /// The same with room for so many points.
    pub(crate) fn of(&self, count: usize) -> String {
        let known = self.values.iter().chain(self.ghost).chain(self.expected).flatten().copied();
        let top = round_above(known.fold(100.0, f64::max));
        let count = count.max(1);
        let mut svg = format!(
            "<svg class=\"curve\" width=\"100%\" height=\"{}\" aria-hidden=\"true\">{}",
            if self.fills { "100%".to_owned() } else { (HEIGHT + FOOT).to_string() },
            hatch("unwatched")
        );
        let height = self.y(HEIGHT);
        for (from, to, class) in self.bands {
            let (x, width) = (percent(*from, count), percent(to - from, count));
            push(
                &mut svg,
                format_args!("<rect class=\"{class}\" x=\"{x}%\" width=\"{width}%\" height=\"{height}\"/>"),
            );
        }
        for gap in gaps(self.values, self.begun) {
            let (x, width) = (percent(gap.start as f64, count), percent(gap.len() as f64, count));
            push(
                &mut svg,
                format_args!(
                    "<rect class=\"gap\" fill=\"url(#unwatched)\" x=\"{x}%\" width=\"{width}%\" height=\"{height}\"/>"
                ),
            );
        }
        if !self.corrected.is_empty() {
            svg.push_str(&hatch_corrected("corrected"));
        }
        if !self.coarse.is_empty() {
            svg.push_str(&hatch_coarse("coarse"));
        }
        self.mark(&mut svg, self.corrected, "corrected", count);
        self.mark(&mut svg, self.coarse, "coarse", count);
        for part in [1.0, 0.5, 0.0] {
            let y = self.y(HEIGHT * (1.0 - part));
            push(&mut svg, format_args!("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>"));
        }
        push(
            &mut svg,
            format_args!(
                "<svg width=\"100%\" height=\"{height}\" viewBox=\"0 0 {count} {HEIGHT}\" preserveAspectRatio=\"none\">"
            ),
        );
        let (ghost, _) = path(self.ghost, top);
        let (line, area) = path(self.values, top);
        let expected = match path(self.expected, top) {
            (none, _) if none.is_empty() => String::new(),
            (line, _) => format!("<path class=\"expected\" d=\"{line}\"/>"),
        };
        push(
            &mut svg,
            format_args!(
                "<path class=\"ghost\" d=\"{ghost}\"/><path class=\"area\" d=\"{area}\"/><path class=\"line\" d=\"{line}\"/>{expected}</svg>"
            ),
        );
        for (at, label, always) in &self.ticks {
            let class = if *always { "tick" } else { "tick fine" };
            let x = percent(*at, count);
            push(
                &mut svg,
                format_args!(
                    "<text class=\"{class}\" x=\"{x}%\" y=\"{}\">{}</text>",
                    self.y(HEIGHT + 16.0),
                    escaped(label)
                ),
            );
        }
        svg.push_str("</svg>");
        beside(&svg, &(self.rate)(top), &(self.rate)(top / 2.0))
    }

    /// Hatches times by the pattern of that name.
    fn mark(&self, svg: &mut String, times: &[(f64, f64)], pattern: &str, count: usize) {
        for (from, to) in times {
            let (x, width, height) = (percent(*from, count), percent(to - from, count), self.y(HEIGHT));
            push(
                svg,
                format_args!(
                    "<rect class=\"recount\" fill=\"url(#{pattern})\" x=\"{x}%\" width=\"{width}%\" height=\"{height}\"/>"
                ),
            );
        }
    }

    /// A place from the top, in pixels or in percent.
    fn y(&self, pixels: f64) -> String {
        match self.fills {
            true => format!("{:.1}%", pixels / (HEIGHT + FOOT) * 100.0),
            false => pixels.to_string(),
        }
    }
}

/// A small line without axes.
pub(crate) fn sparkline(values: &[Option<f64>]) -> String {
    let top = round_above(values.iter().flatten().copied().fold(10.0, f64::max)) * HEIGHT / 100.0;
    let (line, area) = path(values, top);
    // `path` draws down from HEIGHT.
    let (least, height) = (HEIGHT - 100.0, 100.0);
    format!(
        "<svg class=\"spark\" width=\"100%\" height=\"40\" viewBox=\"0 {least} {} {height}\" \
         preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"area\" d=\"{area}\"/><path class=\"line\" d=\"{line}\"/></svg>",
        values.len().max(1)
    )
}

/// The line, and what lies below it. Where nobody watched it is broken off.
fn path(values: &[Option<f64>], top: f64) -> (String, String) {
    let (mut line, mut area) = (String::new(), String::new());
    let y = |rate: f64| HEIGHT - rate / top * HEIGHT;
    let mut before: Option<usize> = None;
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 + 0.5;
        match (value, before) {
            (Some(rate), None) => {
                push(&mut line, format_args!("M{x} {:.1}", y(*rate)));
                push(&mut area, format_args!("M{x} {HEIGHT}V{:.1}", y(*rate)));
                before = Some(index);
            }
            (Some(rate), Some(_)) => {
                push(&mut line, format_args!("L{x} {:.1}", y(*rate)));
                push(&mut area, format_args!("L{x} {:.1}", y(*rate)));
            }
            (None, Some(_)) => {
                push(&mut area, format_args!("V{HEIGHT}Z"));
                before = None;
            }
            (None, None) => {}
        }
    }
    if before.is_some() {
        push(&mut area, format_args!("V{HEIGHT}Z"));
    }
    (line, area)
}

fn gaps(values: &[Option<f64>], begun: usize) -> Vec<std::ops::Range<usize>> {
    let mut gaps: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, _) in values.iter().enumerate().skip(begun).filter(|(_, value)| value.is_none()) {
        match gaps.last_mut().filter(|gap| gap.end == index) {
            Some(gap) => gap.end = index + 1,
            None => gaps.push(index..index + 1),
        }
    }
    gaps
}

fn percent(at: f64, count: usize) -> f64 {
    (at / count as f64 * 10_000.0).round() / 100.0
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_the_line_and_is_hatched() {
        let values = [Some(100.0), Some(50.0), None, None, Some(0.0)];
        assert_eq!((gaps(&values, 0).len(), gaps(&values, 0).first()), (1, Some(&(2..4))));
        assert_eq!((gaps(&values, 3).first(), gaps(&values, 4).first()), (Some(&(3..4)), None));
        let (line, area) = path(&values, 100.0);
        assert_eq!(line, "M0.5 0.0L1.5 84.0M4.5 168.0");
        assert_eq!(area, "M0.5 168V0.0L1.5 84.0V168ZM4.5 168V168.0V168Z");
        let rate = |rate: f64| format!("{rate} W");
        let svg = Curve {
            values: &values,
            begun: 0,
            corrected: &[(1.0, 2.5)],
            coarse: &[(3.0, 4.0)],
            bands: &[(0.0, 1.0, "dear")],
            ghost: &[],
            expected: &[],
            ticks: vec![(2.5, "12:00".into(), true)],
            rate: &rate,
            fills: false,
        }
        .svg();
        assert!(
            svg.contains("url(#corrected)\" x=\"20%\" width=\"30%\"")
                && svg.contains("url(#coarse)\" x=\"60%\" width=\"20%\"")
                && svg.contains("<rect class=\"dear\" x=\"0%\" width=\"20%\" height=\"168\"/>")
                && svg.contains("x=\"40%\" width=\"40%\"")
                && svg.contains("x=\"50%\" y=\"184\">12:00<"),
            "{svg}"
        );
    }
}
