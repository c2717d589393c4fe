//! A year as a map: a column for each day, a row for each hour.

use std::fmt::Write;

use super::hatch;

/// Shades, from the quietest hours to the strongest.
pub(crate) const SHADES: usize = 8;

/// The map of a year.
pub(crate) struct HeatMap {
    /// Mean power or flow for each day and local hour; `None` where nobody watched.
    pub(crate) days: Vec<[Option<f64>; 24]>,
    /// Days before this one and from the second one on are not the recording's.
    pub(crate) recorded: std::ops::Range<usize>,
    /// The first day and the name of each month.
    pub(crate) months: Vec<(usize, &'static str)>,
}

impl HeatMap {
    /// The lowest power of each shade but the first: each has as many hours.
    pub(crate) fn bounds(&self) -> [f64; SHADES - 1] {
        let mut known: Vec<f64> = self.days.iter().flatten().flatten().copied().collect();
        known.sort_by(f64::total_cmp);
        std::array::from_fn(|shade| {
            known.get(known.len() * (shade + 1) / SHADES).copied().unwrap_or_default()
        })
    }

    /// The whole drawing.
    pub(crate) fn svg(&self) -> String {
        let bounds = self.bounds();
        let mut paths = vec![String::new(); SHADES];
        for (day, hours) in self.days.iter().enumerate() {
            let shades =
                hours.map(|watts| watts.map(|watts| bounds.partition_point(|bound| *bound <= watts)));
            let mut hour = 0;
            while hour < 24 {
                let run = shades[hour..].iter().take_while(|shade| **shade == shades[hour]).count();
                if let Some(path) = shades[hour].and_then(|shade| paths.get_mut(shade)) {
                    // Writing into memory does not fail.
                    let _ = write!(path, "M{day} {hour}h1v{run}h-1z");
                }
                hour += run;
            }
        }
        let days = self.days.len().max(1);
        let mut svg = format!(
            "<svg class=\"heat\" width=\"100%\" height=\"240\" aria-hidden=\"true\">{}",
            hatch("heat-unwatched")
        );
        let percent = |day: usize| (day as f64 / days as f64 * 10_000.0).round() / 100.0;
        let (x, width) = (percent(self.recorded.start), percent(self.recorded.len()));
        let _ = write!(
            svg,
            "<rect class=\"gap\" fill=\"url(#heat-unwatched)\" x=\"{x}%\" width=\"{width}%\" height=\"216\"/>"
        );
        let _ = write!(
            svg,
            "<svg width=\"100%\" height=\"216\" viewBox=\"0 0 {days} 24\" preserveAspectRatio=\"none\">"
        );
        for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let _ = write!(svg, "<path class=\"heat-{shade}\" d=\"{path}\"/>");
        }
        svg.push_str("</svg>");
        for (index, (day, name)) in self.months.iter().enumerate() {
            let class = if index % 2 == 0 { "month" } else { "month fine" };
            let _ = write!(svg, "<text class=\"{class}\" x=\"{}%\" y=\"233\">{name}</text>", percent(*day));
        }
        svg.push_str("</svg>");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_alike_are_one_piece_and_shades_have_as_many_hours() {
        let days = (0..8).map(|day| [Some(f64::from(day) * 100.0); 24]).collect();
        let mut map = HeatMap { days, recorded: 0..8, months: vec![(0, "Jan")] };
        assert_eq!(map.bounds(), [100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0]);
        map.days[1][3] = None;
        let svg = map.svg();
        for piece in ["M0 0h1v24h-1z", "M1 0h1v3h-1z", "M1 4h1v20h-1z"] {
            assert!(svg.contains(piece), "{piece} is not in {svg}");
        }
    }
}
