#![allow(missing_docs, clippy::unwrap_used)]
#[path = "../tests/household/mod.rs"]
mod household;
use meter_messages::{Minute, PulsesPerKwh};
use meter_rrd::*;
fn number(v: f64, d: usize) -> String {
    format!("{v:.d$}").replace('.', ",")
}
fn main() {
    let dir = std::path::Path::new("/tmp/look");
    let meter = "hq/main".parse().unwrap();
    let now: Minute = "2026-11-23T17:23:00Z".parse().unwrap();
    let first = Minute::nearest(now.epoch_minutes() - MeterDatabase::MINUTES);
    let all = (first.epoch_minutes()..now.epoch_minutes())
        .map(Minute::nearest)
        .filter(|m| {
            let ago = now.epoch_minutes() - m.epoch_minutes();
            !(430..520).contains(&ago) && !(5000..5500).contains(&ago) && !(300_000..304_000).contains(&ago)
        })
        .map(|m| (m, household::pulses(m)));
    let db = MeterDatabase::rebuild(dir, &meter, first, all).unwrap();
    let words = Words {
        power: "Leistung",
        peak: "Spitze",
        latest: "jetzt",
        mean: "Ø",
        highest: "max",
        total: "gesamt",
        day: "Tagesverbrauch",
        today: "heute",
        trend: "Mittel 14 Tage",
        kwh_per_day: "kWh/Tag",
        number,
        weekday_format: "%a %-d.%-m.",
        day_format: "%-d.%-m.",
        month_format: "%b",
    };
    let renderer = GraphRenderer::new(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).unwrap();
    for span in Span::ALL {
        for theme in [Theme::Light, Theme::Dark] {
            for size in [Size::Wide, Size::Narrow] {
                for picture in [Picture::Svg, Picture::Png] {
                    let g = Graph {
                        span,
                        theme,
                        size,
                        picture,
                        words: &words,
                        title: "Haus",
                        pulses_per_kwh: PulsesPerKwh::try_from(1000).unwrap(),
                        total_kwh: Some(1234.567),
                        now,
                    };
                    let t = std::time::Instant::now();
                    let image = renderer.render(&db, &g).unwrap();
                    println!(
                        "{span:?} {theme:?} {size:?} {picture:?} {} bytes {:?}",
                        image.len(),
                        t.elapsed()
                    );
                    std::fs::write(
                        dir.join(format!(
                            "{span:?}-{theme:?}-{size:?}.{}",
                            if picture == Picture::Svg { "svg" } else { "png" }
                        )),
                        image,
                    )
                    .unwrap();
                }
            }
        }
    }
}
