//! What a telephone asks for when somebody keeps the pages like an app.
#![allow(clippy::unwrap_used)]

mod site;

use site::Site;

/// Width, height, and whether every pixel is opaque, as a PNG file's header says.
fn picture(site: &Site, address: &str) -> (u32, u32, bool) {
    let answer = site.get(address);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"), "{address}");
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
    assert!(answer.body.len() < 16_000, "{address}: {} bytes", answer.body.len());
    let (before, rest) = answer.body.split_at(16);
    assert_eq!(before, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "{address}");
    let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
    // 2 is red, green and blue alone.
    (number(0), number(4), rest[9] == 2)
}

#[test]
fn the_manifest_has_icons_for_every_telephone() {
    let site = Site::start();
    let manifest = site.json("/manifest.webmanifest?lang=de");
    assert_eq!((&manifest["lang"], &manifest["display"]), (&"de".into(), &"standalone".into()));
    let mut pictures = Vec::new();
    for icon in manifest["icons"].as_array().unwrap() {
        let said = |name: &str| icon[name].as_str().unwrap();
        if said("type") == "image/svg+xml" {
            assert_eq!(site.get(said("src")).header("content-type"), "image/svg+xml");
            continue;
        }
        let (width, height, opaque) = picture(&site, said("src"));
        assert_eq!(said("sizes"), format!("{width}x{height}"));
        // A telephone cuts its own shape out: what is maskable reaches to the edges.
        assert_eq!(opaque, said("purpose") == "maskable", "{icon}");
        pictures.push((width, said("purpose").to_owned()));
    }
    let expected = [(192, "any"), (512, "any"), (512, "maskable")];
    assert_eq!(pictures, expected.map(|(width, purpose)| (width, purpose.to_owned())));
}

#[test]
fn a_page_and_its_script_are_there_for_when_the_server_is_not() {
    let site = Site::start();
    let page = site.get("/offline?lang=de");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("Keine Verbindung zum Server") && text.contains("<time></time>"), "{text}");
    let style =
        text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let script = site.get("/worker.js");
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    let known = format!("const [STYLE, LANGUAGES] = [\"{style}\", [\"en\",\"de\"]];");
    assert!(script.text().starts_with(&known), "{known}: {}", script.text());
    assert_eq!(script.header("cache-control"), "no-cache");
}

#[test]
fn every_page_names_an_icon_for_the_home_screen() {
    let site = Site::start();
    for page in ["/", "/kiosk", "/status", "/m/hq/main/readings", "/nothing"] {
        let page = site.get(page).text();
        let link = "<link rel=\"apple-touch-icon\" href=\"";
        let address = page.split_once(link).unwrap().1.split('"').next().unwrap();
        assert_eq!(picture(&site, address), (180, 180, true));
    }
}
