//! Draws graphs with librrd.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use rrd::ops::graph::elements::TextAlign;
use rrd::ops::graph::graph as draw;
use rrd::ops::graph::props::{
    FontParams, FontTag, GraphProps, ImageFormat, Labels, Limits, Misc, Size as PixelSize, TimeRange,
    UnitsExponent, XAxis, YAxis, Zoom,
};
use tempfile::TempDir;

use crate::database::MeterDatabase;
use crate::drawing::{Drawing, value_grid};
use crate::error::DatabaseError;
use crate::graph::{Graph, Picture, shown};
use crate::lock::FolderLock;
use crate::palette::Palette;
use crate::{header, quantity_graph, rate_graph};

/// librrd before 1.8 crashes when two threads draw at once.
static LIBRRD: Mutex<()> = Mutex::new(());

/// The first of these that the system has.
const FONT: &str = "Inter, DejaVu Sans";

/// Draws graphs, one at a time however many renderers a process has.
///
/// The time axis is librrd's, which reads the environment variable `TZ` of the
/// process: it must name the renderer's zone when the process starts.
#[derive(Debug)]
pub struct GraphRenderer {
    zone: TimeZone,
    /// Holds the day bars of the graph being drawn, or its power between pulses.
    scratch: TempDir,
}

impl GraphRenderer {
    /// A renderer for pages of a site in `zone`; it makes itself a folder for
    /// intermediate files.
    pub fn new(zone: TimeZone) -> Result<Self, DatabaseError> {
        let scratch = TempDir::with_prefix("powerpi-").map_err(DatabaseError::io(&std::env::temp_dir()))?;
        Ok(Self { zone, scratch })
    }

    /// Draws a graph. Takes 5 to 30 ms of CPU, and waits for a writer of the
    /// same site.
    pub fn render(&self, database: &MeterDatabase, graph: &Graph<'_>) -> Result<Vec<u8>, DatabaseError> {
        let _alone = LIBRRD.lock().unwrap_or_else(PoisonError::into_inner);
        let drawing = match graph.kind.days_up_to_now() {
            None => rate_graph::drawing(database, graph, &self.scratch.path().join("rates.rrd"))?,
            Some(days) => {
                let scratch = self.scratch.path().join("days.rrd");
                quantity_graph::drawing(database, graph, days, &self.zone, &scratch)?
            }
        };
        let _reading = FolderLock::to_read(database.file())?;
        header::check(database.file())?;
        image(database.file(), graph, drawing)
    }
}

fn image(file: &Path, graph: &Graph<'_>, drawing: Drawing) -> Result<Vec<u8>, DatabaseError> {
    let format = match graph.picture {
        Picture::Svg => ImageFormat::Svg,
        Picture::Png => ImageFormat::Png,
    };
    let props = props(graph, &drawing);
    let mut elements = vec![TextAlign::Left.into()];
    elements.extend(drawing.elements);
    let (image, _) = draw(format, &props, &elements).map_err(DatabaseError::librrd(file))?;
    Ok(image)
}

fn props(graph: &Graph<'_>, drawing: &Drawing) -> GraphProps {
    let at = |seconds: i64| -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64))
    };
    let (width, height) = graph.size.laid_out();
    let title = shown(graph.title);
    GraphProps {
        time_range: TimeRange {
            start: at(drawing.edges.0),
            end: at(drawing.edges.1),
            step_seconds: Some(drawing.step),
        },
        labels: Labels {
            title: (!title.is_empty()).then_some(title),
            vertical_label: Some(drawing.unit.clone()),
        },
        size: PixelSize { width: Some(width), height: Some(height), full_size_mode: true, only_graph: false },
        limits: Limits { lower_limit: Some(0.0), ..Limits::default() },
        x_axis: XAxis { grid: Some(drawing.time_axis.clone()), week_format: None },
        y_axis: YAxis {
            grid: value_grid(drawing.highest),
            format: Some("%lg".to_owned()),
            units_exponent: UnitsExponent::new(0).ok(),
            units_length: Some(5),
            ..YAxis::default()
        },
        misc: dress(graph, drawing.slopes),
        ..GraphProps::default()
    }
}

fn dress(graph: &Graph<'_>, slopes: bool) -> Misc {
    let font = |size, style: &str| FontParams { size, font: Some(format!("{FONT}{style}")) };
    Misc {
        colors: Palette::of(graph.theme, graph.colour).tags().into_iter().collect(),
        // FontTag::Default would override all the others.
        fonts: [
            (FontTag::Title, font(11, " Semi-Bold")),
            (FontTag::Axis, font(8, "")),
            (FontTag::Unit, font(8, "")),
            (FontTag::Legend, font(9, "")),
            (FontTag::Watermark, font(1, "")),
        ]
        .into(),
        border: Some(0),
        grid_dash: Some((1, 0)),
        slope_mode: slopes,
        zoom: Zoom::new(graph.size.zoom().into()).ok(),
        ..Misc::default()
    }
}
