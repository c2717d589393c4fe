//! Lines over something that grows, both axes logarithmic: a cost that grows as fast as what it is of rises by a
//! decade with each decade, and one that does not grow is level.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::fastest_to_slowest;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
/// Room for numbers and names: left, right, above, below.
const ROOM: [f64; 4] = [64.0, 176.0, 34.0, 44.0];
/// Told apart without colours, too: by their names at their ends.
const COLOURS: [&str; 6] = ["#1f6fb2", "#c2571a", "#3c8d40", "#8a4fa3", "#a88a00", "#555555"];

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is of.
    pub name: String,
    /// From left to right; both above 0.
    pub points: Vec<(f64, f64)>,
}

/// A plot for a document.
#[derive(Debug, Clone)]
pub struct Plot<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What grows, with its unit.
    pub across: &'a str,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Plot<'_> {
    /// The whole drawing. It has a background of its own, because documents are read on dark ones, too.
    pub fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let (left, right) = fastest_to_slowest(all().map(|point| point.0));
        let (low, high) = fastest_to_slowest(all().map(|point| point.1));
        let bottom = 10_f64.powf(low.max(1e-9).log10().floor());
        let top = 10_f64.powf(high.max(bottom * 1.01).log10().ceil());
        let place = Place { across: left..=right.max(left * 1.01), up: bottom..=top };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{0}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"{1}\" y=\"20\" font-size=\"14\">{0}</text>\n",
            escaped(self.title),
            ROOM[0]
        );
        self.grid(&mut svg, &place);
        let mut free = f64::NEG_INFINITY;
        for (line, colour) in self.in_order().into_iter().zip(COLOURS.into_iter().cycle()) {
            free = draw(&mut svg, line, colour, &place, free);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// By where they end, from above: their names stand there.
    fn in_order(&self) -> Vec<&Line> {
        let end = |line: &Line| line.points.last().map_or(0.0, |point| point.1);
        let mut lines: Vec<&Line> = self.lines.iter().filter(|line| !line.points.is_empty()).collect();
        lines.sort_by(|one, other| end(other).total_cmp(&end(one)));
        lines
    }

    /// Each decade upwards, and across where something was measured.
    fn grid(&self, svg: &mut String, place: &Place) {
        let (right, bottom) = (WIDTH - ROOM[1], HEIGHT - ROOM[3]);
        let decades = place.up.start().log10().round() as i32..=place.up.end().log10().round() as i32;
        for value in decades.map(|decade| 10_f64.powi(decade)) {
            let y = place.y(value);
            push(svg, format_args!("<path d=\"M{} {y:.1}H{right}\" stroke=\"#dddddd\"/>\n", ROOM[0]));
            let (x, y) = (ROOM[0] - 6.0, y + 4.0);
            push(
                svg,
                format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>\n", number(value)),
            );
        }
        let mut measured: Vec<f64> =
            self.lines.iter().flat_map(|line| &line.points).map(|point| point.0).collect();
        measured.sort_by(f64::total_cmp);
        measured.dedup();
        for value in measured {
            let (x, y) = (place.x(value), bottom + 16.0);
            push(
                svg,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n",
                    number(value)
                ),
            );
        }
        let (x, y) = ((ROOM[0] + right) / 2.0, HEIGHT - 8.0);
        push(
            svg,
            format_args!(
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n",
                escaped(self.across)
            ),
        );
    }
}

/// Where values lie.
struct Place {
    across: RangeInclusive<f64>,
    up: RangeInclusive<f64>,
}

impl Place {
    fn x(&self, value: f64) -> f64 {
        ROOM[0] + part(&self.across, value) * (WIDTH - ROOM[0] - ROOM[1])
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - ROOM[3] - part(&self.up, value) * (HEIGHT - ROOM[2] - ROOM[3])
    }
}

/// How far along a logarithmic axis a value lies, from 0 to 1.
fn part(axis: &RangeInclusive<f64>, value: f64) -> f64 {
    (value.max(*axis.start()) / axis.start()).ln() / (axis.end() / axis.start()).ln()
}

/// A line with its name at its end, below `free`; returns what is free below that.
fn draw(svg: &mut String, line: &Line, colour: &str, place: &Place, free: f64) -> f64 {
    let points: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| (place.x(*x), place.y(*y))).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    push(
        svg,
        format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
            path.join(" ")
        ),
    );
    for (x, y) in &points {
        push(svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\n"));
    }
    let Some((_, end)) = points.last() else { return free };
    let (x, y) = (WIDTH - ROOM[1] + 8.0, (end + 4.0).max(free));
    let value = line.points.last().map_or(0.0, |point| point.1);
    push(
        svg,
        format_args!(
            "<text x=\"{x}\" y=\"{y:.1}\" fill=\"{colour}\">{}: {}</text>\n",
            escaped(&line.name),
            number(value)
        ),
    );
    y + 15.0
}

/// As people write it: `1,000`, `0.05`, `3.7`.
fn number(value: f64) -> String {
    if value < 10.0 {
        let text = format!("{value:.*}", if value < 0.1 { 3 } else { 2 });
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_write_them() {
        let written = [0.001, 0.05, 0.5, 1.0, 3.7, 10.0, 999.6, 5_256_000.0].map(number);
        assert_eq!(written, ["0.001", "0.05", "0.5", "1", "3.7", "10", "1,000", "5,256,000"]);
    }

    #[test]
    fn what_is_ten_times_as_much_is_a_decade_higher_and_names_do_not_cover_each_other() {
        let line = |name: &str, points: &[(f64, f64)]| Line { name: name.into(), points: points.into() };
        let plot = Plot {
            title: "<cost>",
            across: "meters",
            lines: vec![
                line("level", &[(1.0, 10.0), (100.0, 10.0)]),
                line("same", &[(1.0, 1.0), (100.0, 10.0)]),
                line("none", &[]),
            ],
        };
        let svg = plot.svg();
        // From 1 to 10 is the whole height of the plot.
        assert!(svg.contains("points=\"64.0,296.0 584.0,34.0\""), "{svg}");
        assert!(svg.contains("points=\"64.0,34.0 584.0,34.0\"") && svg.contains("&lt;cost&gt;"), "{svg}");
        assert!(svg.contains("y=\"38.0\" fill=\"#1f6fb2\">level: 10<"), "{svg}");
        assert!(svg.contains("y=\"53.0\" fill=\"#c2571a\">same: 10<"), "{svg}");
    }
}
