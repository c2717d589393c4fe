//! A name and a colour that the site gives to its meters.
#![allow(clippy::unwrap_used)]

mod site;

use site::{Site, meter, record, record_meter};
use tempfile::TempDir;

const SETTINGS: &str = "[[meter]]\nid = 'hq/main'\nname = 'Haus & Hof'\n\
                        [[meter]]\nid = 'hq/oven'\ncolour = 'violet'\n";

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Zählerschrank");
    record_meter(dir.path(), &"hq/oven".parse().unwrap(), "Backofen");
    Site::set_up(dir, 1, SETTINGS)
}

#[test]
fn the_name_of_the_settings_stands_everywhere() {
    let site = site();
    for page in ["/", "/kiosk", "/status", "/m/hq/main", "/m/hq/main/readings", "/m/hq/main/all"] {
        let text = site.get(page).text();
        assert!(text.contains("Haus &#38; Hof") && !text.contains("Zählerschrank"), "{page}");
    }
    assert_eq!(site.json("/api/v1/meters")["meters"][0]["name"], "Haus & Hof");
    assert_eq!(site.json("/api/v1/meters/hq/main")["name"], "Haus & Hof");
    assert_eq!(site.json("/api/v1/meters/hq/oven")["name"], "Backofen");
}

#[test]
fn a_picture_has_the_name_of_the_settings_above_it() {
    let of = |name: &str, settings: &str| {
        let dir = TempDir::new().unwrap();
        record(dir.path(), name);
        let site = Site::set_up(dir, 1, settings);
        site.get("/m/hq/main/week/2025-W43.png?lang=en").body
    };
    let renamed = of("Zählerschrank", SETTINGS);
    assert!(renamed == of("Haus & Hof", ""), "a name of the settings looks like a publisher's");
    assert!(renamed != of("Zählerschrank", ""), "the name is in the picture");
}

#[test]
fn pages_and_pictures_are_in_the_meters_colour() {
    let site = site();
    for page in ["/m/hq/oven", "/m/hq/oven/all"] {
        assert!(site.get(page).text().contains("<html lang=\"en\" class=\"colour-violet\">"), "{page}");
    }
    let all = site.get("/").text();
    assert!(all.contains("meter-card colour-violet\"") && all.contains("meter-card colour-teal\""), "{all}");
    assert!(site.get("/kiosk").text().contains("<section class=\"colour-violet\" data-meter=\"hq/oven\">"));
    let picture = |meter: &str| site.get(&format!("/m/{meter}/day.svg?theme=light")).text();
    // Violet is #6a3fc0, teal #0b7a70.
    let (violet, teal) = ("rgb(41.568627%,24.705882%,75.294118%)", "rgb(4.313725%,47.843137%,43.921569%)");
    assert!(picture("hq/oven").contains(violet), "{}", &picture("hq/oven")[..3000]);
    let main = picture(&meter().to_string());
    assert!(main.contains(teal) && !main.contains(violet));
}
