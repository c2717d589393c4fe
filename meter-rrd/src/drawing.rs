//! The parts that graphs of power and of energy have in common.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use meter_messages::Minute;
use rrd::ConsolidationFn;
use rrd::error::RrdResult;
use rrd::ops::graph::Color;
use rrd::ops::graph::elements::{
    Area, AreaColor, CDef, ColorWithLegend, Comment, Def, GraphElement, Legend, Line, VarName,
};
use rrd::ops::graph::props::{AxisGridTimeUnit, XAxisGrid, YAxisGrid};

use crate::graph::{Graph, Size, shown};
use crate::palette::Palette;

/// Space between two figures of the legend.
fn apart(size: Size) -> &'static str {
    match size {
        Size::Wide => "     ",
        Size::Card => "   ",
        Size::Narrow => "  ",
    }
}

/// What librrd shall draw, without the style that all graphs share.
pub(crate) struct Drawing {
    pub(crate) size: Size,
    /// Unix time of its left and right edge.
    pub(crate) edges: (i64, i64),
    /// Seconds between two points.
    pub(crate) step: u32,
    pub(crate) time_axis: XAxisGrid,
    /// Unit of the value axis.
    pub(crate) unit: String,
    /// The highest value there is.
    pub(crate) highest: f64,
    /// Whether points are joined by slopes instead of steps.
    pub(crate) slopes: bool,
    pub(crate) elements: Vec<GraphElement>,
}

/// How times are marked, and what that means.
pub(crate) struct Mark<'a> {
    /// What librrd calls it: any name that nothing else has.
    pub(crate) name: &'static str,
    pub(crate) color: Color,
    pub(crate) legend: &'a str,
    /// By stripes, instead of throughout.
    pub(crate) is_striped: bool,
}

/// So many times are marked at most: librrd reckons with them at each point.
const MOST_MARKS: usize = 30;

impl Drawing {
    /// Reads a data source into `name`, a point every `step` seconds.
    pub(crate) fn read(
        &mut self,
        name: &str,
        (path, source): (&Path, &str),
        reduce: ConsolidationFn,
    ) -> RrdResult<()> {
        let def = Def {
            var_name: VarName::new(name)?,
            rrd: escaped(path),
            ds_name: source.to_owned(),
            consolidation_fn: ConsolidationFn::Avg,
            step: Some(self.step),
            start: None,
            end: None,
            reduce: Some(reduce),
        };
        self.elements.push(def.into());
        Ok(())
    }

    /// Calculates `name` by an RPN expression.
    pub(crate) fn work_out(&mut self, name: &str, rpn: String) -> RrdResult<()> {
        self.elements.push(CDef { var_name: VarName::new(name)?, rpn }.into());
        Ok(())
    }

    /// An area from the axis, or from the area before where `stacked`.
    pub(crate) fn area(&mut self, name: &str, color: Color, legend: &str, stacked: bool) -> RrdResult<()> {
        self.push_area(name, (color, legend), stacked, false)
    }

    /// How many seconds a stripe and the space beside it have.
    fn stripe(&self) -> i64 {
        ((self.edges.1 - self.edges.0) / 160).max(2 * i64::from(self.step))
    }

    /// Hatches the times in which `name` is unknown, from top to bottom.
    pub(crate) fn hatch(&mut self, name: &str, palette: &Palette) -> RrdResult<()> {
        let stripe = self.stripe();
        self.work_out("gap", format!("{name},UN,INF,UNKN,IF"))?;
        self.work_out("stripe", format!("TIME,{stripe},%,{},LT,gap,UNKN,IF", stripe / 2))?;
        for (name, color) in [("gap", palette.gap.0), ("stripe", palette.gap.1)] {
            self.push_area(name, (color, ""), false, true)?;
        }
        Ok(())
    }

    /// Marks times from top to bottom, beside a known `name`: the first of those that are many.
    pub(crate) fn mark(&mut self, name: &str, times: &[(Minute, Minute)], mark: &Mark<'_>) -> RrdResult<()> {
        let (first, last) = self.edges;
        let seen = times.iter().map(|(from, to)| (from.start(), to.start()));
        let seen: Vec<_> = seen.filter(|(from, to)| *from < last && first < *to).take(MOST_MARKS).collect();
        if seen.is_empty() {
            return Ok(());
        }
        // A value belongs to the step before its own time.
        let step = i64::from(self.step);
        let within = seen.iter().map(|(from, to)| format!("TIME,{from},GT,TIME,{},LT,*", to + step));
        let any = within.reduce(|some, one| format!("{some},{one},+")).unwrap_or_default();
        let stripe = self.stripe();
        let any = if mark.is_striped { format!("{any},TIME,{stripe},%,{},LT,*", stripe / 2) } else { any };
        // Both branches read `name`, so that librrd knows how many points there are.
        self.work_out(mark.name, format!("{any},INF,{name},UN,UNKN,UNKN,IF,IF"))?;
        self.push_area(mark.name, (mark.color, mark.legend), false, true)
    }

    fn push_area(
        &mut self,
        name: &str,
        (color, legend): (Color, &str),
        stack: bool,
        skip_scale: bool,
    ) -> RrdResult<()> {
        let color = ColorWithLegend { color: AreaColor::Color(color), legend: self.legend(legend) };
        let area = Area { value: VarName::new(name)?, color: Some(color), stack, skip_scale };
        self.elements.push(area.into());
        Ok(())
    }

    /// A line `width` pixels wide.
    pub(crate) fn line(&mut self, name: &str, width: f64, color: Color, legend: &str) -> RrdResult<()> {
        let color = Some(ColorWithLegend { color, legend: self.legend(legend) });
        let value = VarName::new(name)?;
        self.elements
            .push(Line { width, value, color, stack: false, skip_scale: false, dashes: None }.into());
        Ok(())
    }

    /// A figure in the legend.
    pub(crate) fn say(&mut self, text: &str) {
        let text = format!("{text}{}", apart(self.size));
        self.elements.push(Comment { text }.into());
    }

    /// What it costs, where that is known.
    pub(crate) fn say_amount(&mut self, graph: &Graph<'_>) {
        // In a legend a backslash means something.
        let amount = shown(graph.amount).replace('\\', "");
        if !amount.is_empty() {
            self.say(&amount);
        }
    }

    fn legend(&self, text: &str) -> Option<Legend> {
        (!text.is_empty()).then(|| format!(" {text}{}", apart(self.size)).into())
    }
}

/// librrd takes a colon for the end of the path.
fn escaped(path: &Path) -> PathBuf {
    path.to_string_lossy().replace(':', "\\:").into()
}

/// A time axis with fine lines, and labels on strong lines.
pub(crate) fn time_axis(
    fine: (AxisGridTimeUnit, u32),
    strong: (AxisGridTimeUnit, u32),
    label_covers_s: u32,
    format: &str,
) -> XAxisGrid {
    XAxisGrid::Custom {
        base_grid_time: fine.0,
        base_grid_step: fine.1,
        major_grid_time: strong.0,
        major_grid_step: strong.1,
        labels_time: strong.0,
        labels_step: strong.1,
        label_placement: label_covers_s,
        label_format: format.to_owned(),
    }
}

/// Horizontal lines for values up to `highest`: four to eight, at round numbers.
/// `None` if these are not whole numbers; librrd then chooses its own.
pub(crate) fn value_grid(highest: f64) -> Option<YAxisGrid> {
    let decade = 10_f64.powf((highest / 5.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| step * 5.0 >= highest)?;
    let whole = (1.0..1e6).contains(&step).then_some(step as u32)?;
    Some(YAxisGrid::Custom { grid_step: whole, label_factor: 1 })
}

/// A date for the legend by a `strftime` format; empty if that is invalid.
pub(crate) fn date(format: &str, date: Date) -> String {
    jiff::fmt::strtime::format(format, date).unwrap_or_default()
}
