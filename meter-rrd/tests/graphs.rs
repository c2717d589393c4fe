//! Pictures of every kind, whatever the meter is called.
#![allow(clippy::unwrap_used)]

mod household;

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use meter_messages::{Colour, Meter, MeterConstant, Minute, PeriodKind, Unit};
use meter_rrd::{Graph, GraphRenderer, MeterDatabase, Picture, Rgba, Shaded, Shades, Size, Theme, Words};
use tempfile::TempDir;

const WORDS: Words = Words {
    corrected: "korrigiert",
    coarse: "nur die Summe",
    peak: "Spitze",
    latest: "zuletzt",
    mean: "Ø",
    highest: "höchste",
    total: "gesamt",
    day: "Tag: 100 %",
    today: "heute\\morgen",
    trend: "Mittel <14>",
    per_day: "/Tag",
    number: |value, decimals| format!("{value:.decimals$}").replace('.', ","),
    weekday_format: "%a %-d.%-m.",
    day_format: "%-d.%-m.",
    month_format: "%b",
};

fn now() -> Minute {
    "2026-04-02T17:23:00Z".parse().unwrap()
}

/// Ten days with a gap.
fn database(dir: &Path) -> MeterDatabase {
    let meter: Meter = "hq/main".parse().unwrap();
    let first = now().epoch_minutes() - 10 * 1440;
    let minutes = (first..now().epoch_minutes()).filter(|at| !(100..400).contains(&(at - first)));
    let minutes = minutes.map(Minute::nearest).map(|at| (at, household::pulses(at)));
    MeterDatabase::rebuild(dir, &meter, Minute::nearest(first), minutes).unwrap()
}

fn graph(kind: PeriodKind, picture: Picture) -> Graph<'static> {
    Graph {
        kind,
        theme: Theme::Light,
        colour: Colour::default(),
        size: Size::Wide,
        picture,
        words: &WORDS,
        title: "",
        unit: Unit::KilowattHour,
        rate: "Leistung",
        constant: MeterConstant::try_from(1000).unwrap(),
        earlier: &[],
        rates: None,
        corrected: &[],
        coarse: &[],
        total: Some(15.648),
        amount: "",
        now: now(),
        range: None,
    }
}

/// A colour as cairo writes it: `rgb(29.019608%,33.72549%,100%)`.
fn percent(colour: Rgba) -> String {
    let hex = colour.to_string();
    let part = |at: usize| {
        let part = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 2.55;
        format!("{part:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    format!("rgb({}%,{}%,{}%)", part(1), part(3), part(5))
}

fn renderer() -> GraphRenderer {
    GraphRenderer::new(TimeZone::get("Europe/Berlin").unwrap()).unwrap()
}

#[test]
fn a_meter_is_drawn_in_its_colour() {
    let dir = TempDir::new().unwrap();
    let (database, renderer) = (database(dir.path()), renderer());
    for theme in [Theme::Light, Theme::Dark] {
        let shades = |colour: Colour| colour.shades(theme);
        for (span, of) in [
            (PeriodKind::Day, (|colour| colour.line) as fn(Shades) -> Rgba),
            (PeriodKind::Month, |colour| colour.bar),
        ] {
            for colour in Colour::ALL {
                let graph = Graph { theme, colour, ..graph(span, Picture::Svg) };
                let drawn = String::from_utf8(renderer.render(&database, &graph).unwrap()).unwrap();
                let in_it = Colour::ALL.into_iter().filter(|it| drawn.contains(&percent(of(shades(*it)))));
                assert_eq!(in_it.collect::<Vec<_>>(), [colour], "{span:?} {theme:?}");
            }
        }
    }
}

#[test]
fn every_span_theme_size_and_format_is_drawn() {
    let dir = TempDir::new().unwrap();
    let (database, renderer) = (database(dir.path()), renderer());
    for span in PeriodKind::ALL {
        for theme in [Theme::Light, Theme::Dark] {
            for size in [Size::Wide, Size::Narrow, Size::Card] {
                let svg = Graph { theme, size, amount: "5:40 \\l€", ..graph(span, Picture::Svg) };
                let (width, height) = size.pixels();
                let drawn = String::from_utf8(renderer.render(&database, &svg).unwrap()).unwrap();
                assert!(drawn.contains(&format!("viewBox=\"0 0 {width} {height}\"")), "{}", &drawn[..300]);
                let png = Graph { picture: Picture::Png, ..svg };
                let drawn = renderer.render(&database, &png).unwrap();
                assert_eq!(&drawn[..8], b"\x89PNG\r\n\x1a\n");
                let pixels = |at: usize| u32::from_be_bytes(drawn[at..at + 4].try_into().unwrap());
                assert_eq!((pixels(16), pixels(20)), (width, height));
            }
        }
    }
}

#[test]
fn a_name_is_shown_as_it_is_and_never_understood() {
    let dir = TempDir::new().unwrap();
    let (database, renderer) = (database(dir.path()), renderer());
    let plain = renderer.render(&database, &graph(PeriodKind::Hour, Picture::Svg)).unwrap();
    for name in [
        "Haus: links",
        "100 %s %n %lf%%",
        "a\\nb\\",
        "<b>fett</b> & \"so\"",
        "--title",
        "zwei\nZeilen\0",
        "日本語 🦀",
        &"lang ".repeat(40),
    ] {
        let named =
            renderer.render(&database, &Graph { title: name, ..graph(PeriodKind::Hour, Picture::Svg) });
        assert!(named.unwrap().len() > plain.len(), "{name}");
    }
}

#[test]
fn a_folder_may_be_called_anything() {
    let dir = TempDir::new().unwrap();
    for name in ["C:", "a\\b", "with space", "50%", "é"] {
        let database = database(&dir.path().join(name));
        for span in [PeriodKind::Day, PeriodKind::Month] {
            let drawn = renderer().render(&database, &graph(span, Picture::Svg));
            assert!(drawn.is_ok(), "{name}: {:?}", drawn.err());
        }
    }
}

#[test]
fn a_meter_without_minutes_and_one_silent_for_a_year_have_pictures() {
    let dir = TempDir::new().unwrap();
    let meter: Meter = "hq/new".parse().unwrap();
    let new = MeterDatabase::create(dir.path(), &meter, now()).unwrap();
    let silent = database(dir.path());
    let later = Minute::nearest(now().epoch_minutes() + 400 * 1440);
    for span in PeriodKind::ALL {
        let nothing = Graph { total: None, ..graph(span, Picture::Svg) };
        renderer().render(&new, &nothing).unwrap();
        renderer().render(&silent, &Graph { now: later, ..nothing }).unwrap();
    }
}

#[test]
fn a_damaged_file_is_an_error() {
    let dir = TempDir::new().unwrap();
    let database = database(dir.path());
    let file = MeterDatabase::path(dir.path(), &"hq/main".parse().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(10_000);
    fs::write(&file, bytes).unwrap();
    for span in PeriodKind::ALL {
        assert!(renderer().render(&database, &graph(span, Picture::Svg)).is_err());
    }
}

#[test]
fn threads_that_draw_at_once_take_turns() {
    let dir = TempDir::new().unwrap();
    let database = database(dir.path());
    std::thread::scope(|scope| {
        for span in PeriodKind::ALL {
            scope.spawn({
                let database = &database;
                move || {
                    let renderer = renderer();
                    for _ in 0..5 {
                        renderer.render(database, &graph(span, Picture::Svg)).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn a_time_that_is_over_has_its_own_picture() {
    let dir = TempDir::new().unwrap();
    let (database, renderer) = (database(dir.path()), renderer());
    let minute = |text: &str| -> Minute { text.parse().unwrap() };
    // The day of 23 hours, a month that is not over, and one before the first minute.
    let day = (minute("2026-03-28T23:00:00Z"), minute("2026-03-29T22:00:00Z"));
    let month = (minute("2026-03-31T22:00:00Z"), minute("2026-04-30T22:00:00Z"));
    let before = (minute("2025-11-30T23:00:00Z"), minute("2025-12-31T23:00:00Z"));
    for (span, range) in [(PeriodKind::Day, day), (PeriodKind::Month, month), (PeriodKind::Month, before)] {
        let rolling = renderer.render(&database, &graph(span, Picture::Png)).unwrap();
        let of_range = Graph { range: Some(range), ..graph(span, Picture::Png) };
        let drawn = renderer.render(&database, &of_range).unwrap();
        assert_ne!(drawn, rolling, "{span:?} {range:?}");
        // SVG would not do: cairo numbers its surfaces. It does not change with the time.
        let later = Graph { now: Minute::nearest(now().epoch_minutes() + 1), ..of_range };
        assert_eq!(renderer.render(&database, &later).unwrap(), drawn, "{span:?} {range:?}");
    }
}

#[test]
fn the_time_before_another_meter_is_drawn_with_its_constant() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    let drawn = |graph: Graph<'_>| renderer().render(&database, &graph).unwrap();
    let half = [(Minute::nearest(now().epoch_minutes() - 30), MeterConstant::try_from(500).unwrap())];
    let long_ago = [(Minute::nearest(29_000_000), MeterConstant::try_from(500).unwrap())];
    for span in PeriodKind::ALL {
        let plain = graph(span, Picture::Png);
        assert!(drawn(plain) == drawn(plain), "{span:?}");
        assert!(drawn(plain) != drawn(Graph { earlier: &half, ..plain }), "{span:?}");
        assert!(drawn(plain) == drawn(Graph { earlier: &long_ago, ..plain }), "{span:?}");
    }
}

#[test]
fn the_power_between_few_pulses_is_drawn_instead_of_them() {
    let folder = TempDir::new().unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let first = now().epoch_minutes() - 8 * 1440;
    let constant = MeterConstant::try_from(75).unwrap();
    let minutes = || (first..now().epoch_minutes()).filter(move |at| !(9000..9060).contains(&(at - first)));
    let counted = |every: i64| minutes().map(move |at| (Minute::nearest(at), u32::from(at % every == 0)));
    let few = MeterDatabase::rebuild(folder.path(), &meter, Minute::nearest(first), counted(4)).unwrap();
    let steady: Meter = "hq/steady".parse().unwrap();
    let steady = MeterDatabase::rebuild(folder.path(), &steady, Minute::nearest(first), counted(1)).unwrap();
    // A pulse in four minutes are 200 W, and so would be one a minute of a meter with 300 per kWh.
    let rates: Vec<_> = minutes().map(|at| (Minute::nearest(at), 200.0)).collect();
    let drawn = |database: &MeterDatabase, graph: Graph<'_>| renderer().render(database, &graph).unwrap();
    for kind in [PeriodKind::Hour, PeriodKind::Day, PeriodKind::Week] {
        for size in [Size::Wide, Size::Narrow] {
            let of_few = Graph { constant, size, ..graph(kind, Picture::Png) };
            let between = drawn(&few, Graph { rates: Some(&rates), ..of_few });
            let constant = MeterConstant::try_from(300).unwrap();
            assert!(between == drawn(&steady, Graph { constant, ..of_few }), "{kind:?} {size:?}");
            assert!(between != drawn(&few, of_few), "{kind:?} {size:?}");
        }
    }
}

#[test]
fn corrected_times_are_marked_and_the_legend_says_so() {
    let dir = TempDir::new().unwrap();
    let database = database(dir.path());
    let minute = |ago: i64| Minute::nearest(now().epoch_minutes() - ago);
    for (span, times) in [
        (PeriodKind::Day, [(minute(300), minute(298))]),
        (PeriodKind::Week, [(minute(3000), minute(2990))]),
        (PeriodKind::Month, [(minute(3000), minute(1500))]),
    ] {
        let drawn = |corrected, coarse| {
            let graph = Graph { corrected, coarse, ..graph(span, Picture::Svg) };
            renderer().render(&database, &graph).unwrap()
        };
        let (plain, marked) = (drawn(&[], &[]), drawn(&times, &[]));
        let shapes = |svg: &[u8]| String::from_utf8_lossy(svg).matches("<path").count();
        assert!(shapes(&marked) > shapes(&plain), "{span:?}: an area and its legend");
        let of_sums = drawn(&[], &times);
        assert!(shapes(&of_sums) > shapes(&plain) && of_sums != marked, "{span:?}: stripes are another mark");
        let outside = drawn(&[(minute(-300), minute(-299))], &[]);
        assert!(shapes(&marked) > shapes(&outside), "{span:?}: what is not seen has no legend");
    }
}
