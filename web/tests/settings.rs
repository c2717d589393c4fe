//! Settings in the browser, with the real program over a real store: what is saved holds at once, is undone, is refused
//! where it is stale or wrong, and is nobody's but an admin's.
#![allow(clippy::unwrap_used)]

mod site;

use broker_users::{PasswordHash, Role, UsersFile};
use site::program::Server;
use site::{Answer, request};
use tempfile::TempDir;

const LOCAL: [(&str, &str); 2] = [("Host", "localhost"), ("Sec-Fetch-Site", "same-origin")];

struct Admin {
    server: Server,
    folder: TempDir,
}

impl Admin {
    fn new(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("settings")).unwrap();
        let path = folder.path().display();
        let server =
            Server::start(&format!("settings_dir = '{path}/settings'\nstate_dir = '{path}'\n{settings}"));
        Self { server, folder }
    }

    fn get(&self, path: &str) -> Answer {
        request(self.server.address(), ("GET", path), &LOCAL, None)
    }

    fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        request(self.server.address(), ("POST", path), &LOCAL, Some(&form))
    }

    /// Saves after the newest version.
    fn save(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let after = self.newest().to_string();
        self.post(path, &[&[("after", after.as_str()), ("do", "save")], fields].concat())
    }

    fn store(&self) -> site_settings::Store {
        site_settings::Store::new(self.folder.path().join("settings"))
    }

    fn newest(&self) -> u64 {
        self.store().newest().unwrap()
    }

    fn text(&self) -> String {
        self.store().version(self.newest()).unwrap().text
    }
}

const METER: &str = "/settings/meter/hq/main?lang=en";
const TARIFF: &str = "/settings/tariff?lang=en";

#[test]
fn what_is_said_of_a_meter_holds_at_once() {
    let admin = Admin::new("");
    let page = admin.page("/settings?lang=en");
    assert!(page.contains("Hauptz\u{e4}hler") && page.contains("/settings/meter/hq/main"), "{page}");
    let form = admin.page(METER);
    assert!(
        form.contains("“Hauptz\u{e4}hler”, the name the Pi gives it") && !form.contains("name=\"public\"")
    );
    let fields = [
        ("name", " Haus & Hof "),
        ("colour", "red"),
        ("place", "2"),
        ("measures", "import"),
        ("part_of", "-"),
        ("budget", "250,5"),
        ("highest", "11000"),
    ];
    let saved = admin.save(METER, &fields);
    assert_eq!((saved.status, saved.header("location")), (303, "/settings?saved=1&lang=en"));
    // No time was given: whoever is led on sees it.
    let start = admin.page("/?lang=en");
    assert!(start.contains("Haus &#38; Hof") && start.contains("colour-red"), "{start}");
    assert!(admin.page("/settings?saved=1&lang=de").contains("Gespeichert."));
    let version = admin.store().version(1).unwrap();
    assert_eq!((version.by.as_str(), version.why.as_deref()), ("localhost", Some("/settings/meter/hq/main")));
    assert_eq!(
        version.text,
        "[[meter]]\nid = \"hq/main\"\nname = \"Haus & Hof\"\ncolour = \"red\"\nplace = 2\nmeasures = \"import\"\n\
         part_of = \"\"\nbudget_kwh_per_month = 250.5\nmax_power_w = 11000\n"
    );
    let form = admin.page(METER);
    assert!(form.contains("value=\"250.5\"") && form.contains("<option value=\"red\" selected>"), "{form}");
    // Nothing new is no version, and what is emptied is not said any more.
    assert!(admin.save(METER, &fields).text().contains("Nothing was changed."));
    assert_eq!(admin.save(METER, &[("colour", "red")]).status, 303);
    assert_eq!(
        (admin.newest(), admin.text().as_str()),
        (2, "[[meter]]\nid = \"hq/main\"\ncolour = \"red\"\n")
    );
}

#[test]
fn what_stands_in_the_settings_file_is_shown_and_not_asked_for() {
    let admin = Admin::new(
        "currency = 'CHF'\n[[meter]]\nid = 'hq/main'\nname = 'Fest'\n[[tariff]]\nfrom = '2025-01-01'\nprice_per_kwh = 0.25\n",
    );
    let page = admin.page("/settings?lang=en");
    assert!(
        page.contains("CHF") && !page.contains("name=\"currency\"") && page.contains("0.2500 CHF/kWh"),
        "{page}"
    );
    assert!(!page.contains("/settings/tariff/electricity"), "it has no form");
    let form = admin.page(METER);
    assert!(
        form.contains("Fest") && !form.contains("name=\"name\"") && form.contains("name=\"colour\""),
        "{form}"
    );
    let taken = admin.save(TARIFF, &[("from", "2025-01-01"), ("price", "1")]);
    assert!(taken.status == 400 && taken.text().contains("begins on this day already"), "{}", taken.text());
    assert_eq!(admin.newest(), 0);
}

#[test]
fn what_is_wrong_stands_beside_its_field_and_nothing_is_saved() {
    let admin = Admin::new("");
    let long = "x".repeat(201);
    for (path, field, value, english, german) in [
        (METER, "name", long.as_str(), "A name has 1 to 200 bytes", "Ein Name hat 1 bis 200 Bytes"),
        (METER, "place", "1.5", "a whole number above 0", "eine ganze Zahl über 0"),
        (METER, "place", "99999", "a whole number above 0", "eine ganze Zahl über 0"),
        (METER, "budget", "viel", "must be a number", "muss eine Zahl sein"),
        (METER, "budget", "-1", "must be above 0", "muss über 0 liegen"),
        (METER, "highest", "0", "a whole number above 0", "eine ganze Zahl über 0"),
        (METER, "part_of", "hq/main", "a part of itself", "ein Teil von sich selbst"),
        (TARIFF, "price", "", "needs a price", "braucht einen Preis"),
        (TARIFF, "price", "1e9", "must be a number", "muss eine Zahl sein"),
        (TARIFF, "from", "soon", "a day like 2026-10-03", "ein Tag wie 2026-10-03"),
        (TARIFF, "hours_0", "25-6", "two times of day", "zwei Uhrzeiten"),
        (TARIFF, "days_1", "noon", "days like mon-fri", "Tage sein wie mon-fri"),
        (TARIFF, "days_0", "sun,holiday", "no holidays yet", "noch keine Feiertage"),
        (TARIFF, "season_0", "winter", "two days like", "zwei Tage sein wie"),
        (TARIFF, "time_price_3", "x", "must be a number", "muss eine Zahl sein"),
        (TARIFF, "up_to_0", "0", "must be above 0", "muss über 0 liegen"),
        (TARIFF, "bills_from", "32", "a day like 17", "ein Tag wie 17"),
        (TARIFF, "main_meter", "other/main", "is not for this meter", "gilt nicht für diesen Zähler"),
        ("/settings/alarm?lang=en", "name", "Too much!", "Only letters", "nur Buchstaben"),
        ("/settings/alarm?lang=en", "limit", "", "a whole number above 0", "eine ganze Zahl über 0"),
        ("/settings/alarm?lang=en", "lasting", "soon", "a time like 90s", "eine Dauer wie 90s"),
        ("/settings/alarm?lang=en", "ends_below", "9000", "above the limit", "über der Grenze"),
        (
            "/settings?lang=en",
            "holidays",
            "12-25\nxmas",
            "“xmas” is not a holiday",
            "„xmas“ ist kein Feiertag",
        ),
        (
            "/settings?lang=en",
            "currency",
            "a currency of many words",
            "1 to 12 characters",
            "1 bis 12 Zeichen",
        ),
    ] {
        let right: &[(&str, &str)] = match path {
            TARIFF if field == "main_meter" => &[("price", "0.3"), ("for", "hq")],
            TARIFF => {
                &[("price", "0.3"), ("hours_0", "22-6"), ("time_price_0", "0.2"), ("time_price_1", "0.2")]
            }
            METER => &[],
            _ => &[("name", "oven"), ("meter", "hq/main"), ("watches", "above"), ("limit", "5000")],
        };
        let others = right.iter().filter(|(name, _)| *name != field).copied();
        let fields: Vec<(&str, &str)> = others.chain([(field, value)]).collect();
        for (lang, said) in [("lang=en", english), ("lang=de", german)] {
            let answer = admin.save(&path.replace("lang=en", lang), &fields);
            let page = answer.text();
            assert_eq!(answer.status, 400, "{path} {field}={value}: {page}");
            let beside = page
                .split(&format!("id=\"wrong-{field}\">"))
                .nth(1)
                .unwrap_or_else(|| panic!("{field}: {page}"));
            let beside = beside.split("</span>").next().unwrap();
            assert!(beside.contains(said), "{path} {field}={value}: {beside}");
            assert!(
                page.contains("aria-invalid=\"true\"")
                    && page.contains(&format!("aria-describedby=\"wrong-{field}"))
            );
        }
    }
    assert_eq!(admin.newest(), 0);
}

#[test]
fn rows_of_a_tariff_have_to_go_together() {
    let admin = Admin::new("");
    let night = [("price", "0.3"), ("hours_0", "22-6"), ("time_price_0", "0.2")];
    type Fields = &'static [(&'static str, &'static str)];
    let more: [(Fields, &str, &str); 3] = [
        (&[("hours_1", "23-5"), ("time_price_1", "0.1")], "hours_1", "This row never applies"),
        (&[("up_to_0", "100"), ("block_price_0", "0.1")], "up_to_0", "either by time or by block"),
        (&[("follows_day_price", "yes"), ("up_to_0", "9"), ("block_price_0", "0.1")], "up_to_0", "by time"),
    ];
    for (fields, field, said) in more {
        let answer = admin.save(TARIFF, &[&night, fields].concat());
        let page = answer.text();
        let beside = page.split(&format!("id=\"wrong-{field}\">")).nth(1).unwrap_or_else(|| panic!("{page}"));
        let beside = beside.split("</span>").next().unwrap();
        assert!(answer.status == 400 && beside.contains(said), "{beside}");
    }
    let blocks = [("price", "0.3"), ("up_to_0", "100"), ("block_price_0", "0.1")];
    let fewer = [("up_to_1", "50"), ("block_price_1", "0.2")];
    let answer = admin.save(TARIFF, &[&blocks[..], &fewer].concat()).text();
    assert!(answer.contains("id=\"wrong-up_to_1\">Each row must end above"), "{answer}");
    assert_eq!(admin.newest(), 0);
}

/// What a browser would send of a form that nobody has touched.
fn untouched(page: &str) -> Vec<(String, String)> {
    let form = page.split("<form class=\"setting\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    let (mut fields, mut choice) = (Vec::new(), String::new());
    for tag in form.split("</form>").next().unwrap().split('<').skip(1) {
        let said = |name: &str| {
            let value = tag.split(&format!(" {name}=\"")).nth(1)?;
            Some(value.split('"').next()?.to_owned())
        };
        match tag.split(' ').next().unwrap() {
            "input" if said("type").as_deref() != Some("checkbox") || tag.contains(" checked") => {
                fields.push((said("name").unwrap(), said("value").unwrap()));
            }
            "textarea" => fields.push((said("name").unwrap(), tag.split('>').nth(1).unwrap().to_owned())),
            "select" => choice = said("name").unwrap(),
            "option" if tag.contains(" selected") => fields.push((choice.clone(), said("value").unwrap())),
            _ => {}
        }
    }
    fields
}

#[test]
fn a_form_that_is_saved_as_it_was_changes_nothing_that_stands_in_the_store() {
    let admin =
        Admin::new("currency = 'CHF'\n[[meter]]\nid = 'hq/main'\nname = 'Fest'\nbudget_kwh_per_month = 1\n");
    let times: String = (0..30)
        .map(|row| {
            format!(
                "[[tariff.time]] # {row}\nhours = '00:{row:02}-00:{:02}'\nprice_per_kwh = 0.20\n",
                row + 1
            )
        })
        .collect();
    let text = format!(
        "currency = 'EUR'\nholidays = [ '12-25', 'easter+1' ] # all\n[access]\npublic_meters = [ 'hq/main' ]\n\
         [[meter]] # ours\nid = 'hq/main'\nname = 'Other'\nplace = 3\nbudget_kwh_per_month = 2.50\nmax_power_w = 11000\n\
         [[tariff]] # dear\nprice_per_kwh = 0.30 # much\ncapacity_price_per_year = 100\ncapacity_of = 'site'\n\
         vat_percent = 19\nbills_from = '17'\n{times}\
         [[tariff]]\nfor = 'hq/gone'\nfrom = '2026-01-01'\nprice_per_kwh = 0.4\n[[tariff.block]]\nup_to_kwh = 1500000\n\
         price_per_kwh = 0.1 # little\n\
         [[alarm]] # leak\nname = 'leak'\nmeter = 'far/water'\nabove_l_h = 500\nends_below_l_h = 100\nfor = '2h'\n\
         [[alarm]]\nname = 'wet'\nmeter = 'far/water'\nbudget_m3_per_month = 12.5\n\
         [[alarm]]\nname = 'peak'\nmeter = 'hq/main'\nnew_peak_above_w = 3000\nnew_peak_of = 'site'\n"
    );
    let fixed = site_settings::SiteSettings::default();
    let draft = site_settings::Draft { text: &text, by: "anna", why: None, after: 0 };
    admin.store().save(&draft, &fixed, daemon_runtime::now()).unwrap();
    for place in [
        "/settings?lang=en",
        METER,
        "/settings/tariff/electricity/always?lang=en",
        "/settings/tariff/electricity/2026-01-01/hq/gone?lang=en",
        "/settings/alarm/leak?lang=en",
        "/settings/alarm/wet?lang=en",
        "/settings/alarm/peak?lang=en",
    ] {
        let fields = untouched(&admin.page(place));
        let mut fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.push(("do", "save"));
        let answer = admin.post(place, &fields);
        assert!(answer.text().contains("Nothing was changed."), "{place}: {fields:?} {}", admin.text());
    }
    assert_eq!((admin.newest(), admin.text()), (1, text));
}

#[test]
fn of_two_admins_the_second_sees_what_the_first_has_changed_and_overwrites_nothing() {
    let admin = Admin::new("");
    let first = [("after", "0"), ("do", "save"), ("name", "Haus")];
    let second = [("after", "0"), ("do", "save"), ("currency", "CHF")];
    assert_eq!(admin.post(METER, &first).status, 303);
    let stale = admin.post("/settings?lang=en", &second);
    let page = stale.text();
    assert_eq!(stale.status, 409, "{page}");
    for said in
        ["localhost has saved something else", "hq/main: name", "value=\"CHF\"", "name=\"after\" value=\"1\""]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(admin.newest(), 1);
    let again = [("after", "1"), ("do", "save"), ("currency", "CHF")];
    assert_eq!(admin.post("/settings?lang=en", &again).status, 303);
    assert!(admin.text().contains("CHF") && admin.text().contains("Haus"), "{}", admin.text());
    // What was deleted meanwhile is not made anew by a form that was open.
    assert_eq!(admin.save(TARIFF, &[("price", "0.3")]).status, 303);
    let tariff = "/settings/tariff/electricity/always?lang=en";
    let after = admin.newest().to_string();
    assert_eq!(admin.post(tariff, &[("after", &after), ("do", "delete")]).status, 303);
    let gone = admin.post(tariff, &[("after", &after), ("do", "save"), ("price", "0.4")]);
    assert!(gone.status == 409 && gone.text().contains("That no longer exists."), "{}", gone.text());
    assert!(!admin.text().contains("price"));
}

#[test]
fn every_change_has_a_name_and_can_be_undone() {
    let admin = Admin::new("");
    admin.save(METER, &[("name", "Haus")]);
    admin.save("/settings?lang=en", &[("currency", "CHF"), ("holidays", "12-25\r\neaster+1\r\n")]);
    let page = admin.page("/settings/history?lang=en");
    for said in
        ["by localhost", "hq/main: name", "<li>Currency</li>", "<li>Holidays</li>", "undo\" value=\"1\""]
    {
        assert!(page.to_lowercase().contains(&said.to_lowercase()), "{said}: {page}");
    }
    let undone = admin.post("/settings/history?lang=en", &[("undo", "1"), ("after", "2")]);
    assert_eq!((undone.status, undone.header("location")), (303, "/settings/history?saved=3&lang=en"));
    assert_eq!(admin.text(), admin.store().version(1).unwrap().text);
    assert!(!admin.page("/settings?lang=en").contains("CHF"));
    // Not twice by the same page, and not what is not there.
    assert_eq!(admin.post("/settings/history?lang=en", &[("undo", "1"), ("after", "2")]).status, 409);
    assert_eq!(admin.post("/settings/history?lang=en", &[("undo", "77"), ("after", "3")]).status, 409);
    assert_eq!(admin.newest(), 3);
}

#[test]
fn a_tariff_is_tried_saved_changed_and_deleted() {
    let admin = Admin::new("");
    let fields = [
        ("medium", "electricity"),
        ("for", "hq"),
        ("price", "0,5"),
        ("vat", "19"),
        ("fee_month", "10"),
        ("hours_0", "22:30-6"),
        ("days_0", "mon-fri"),
        ("time_price_0", "0.25"),
    ];
    let tried = admin.post(TARIFF, &[&[("after", "0"), ("do", "try")], fields.as_slice()].concat());
    let page = tried.text();
    assert_eq!((tried.status, admin.newest()), (200, 0), "{page}");
    assert!(page.contains("Nothing was saved.") && page.contains("value=\"0,5\""), "{page}");
    assert_eq!(admin.save(TARIFF, &fields).status, 303);
    let tariff = "/settings/tariff/electricity/always/hq?lang=en";
    let form = admin.page(tariff);
    assert!(form.contains("value=\"22:30-6\"") && form.contains("name=\"hours_2\""), "{form}");
    assert!(admin.page("/m/hq/main?lang=en").contains("id=\"cost\""));
    let dearer: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, if *name == "price" { "0.75" } else { *value })).collect();
    assert_eq!(admin.save(tariff, &dearer).status, 303);
    assert!(
        admin.text().contains("price_per_kwh = 0.75") && !admin.text().contains("0.5"),
        "{}",
        admin.text()
    );
    let after = admin.newest().to_string();
    assert_eq!(admin.post(tariff, &[("after", &after), ("do", "delete")]).status, 303);
    assert_eq!(admin.text(), "");
    assert!(!admin.page("/m/hq/main?lang=en").contains("id=\"cost\""));
}

#[test]
fn an_alarm_is_saved_as_it_would_be_written_and_a_test_nobody_answers_is_told() {
    let admin = Admin::new("");
    let fields =
        [("name", "oven"), ("meter", "hq/main"), ("watches", "above"), ("limit", "5000"), ("lasting", "10m")];
    assert_eq!(admin.save("/settings/alarm?lang=en", &fields).status, 303);
    assert_eq!(
        admin.text(),
        "[[alarm]]\nname = \"oven\"\nmeter = \"hq/main\"\nabove_w = 5000\nfor = \"10m\"\n"
    );
    let alarm = "/settings/alarm/oven?lang=en";
    assert!(admin.page(alarm).contains("value=\"10m\""));
    assert_eq!(admin.save("/settings/alarm?lang=en", &fields).status, 400, "the name is taken");
    let tested = admin.post(alarm, &[("after", "1"), ("do", "test")]);
    assert!(tested.text().contains("powerpi-alarms did not answer"), "{}", tested.text());
}

#[test]
fn without_users_only_a_browser_on_this_machine_sets_anything() {
    let admin = Admin::new("");
    let address = admin.server.address();
    let form = Some("after=0&do=save&name=X");
    let attempts: [&[(&str, &str)]; 5] = [
        &[("Host", "power.lan"), ("Sec-Fetch-Site", "same-origin")],
        &[("Host", "evil.example"), ("Origin", "http://evil.example")],
        &[("Host", "localhost"), ("Sec-Fetch-Site", "same-origin"), ("X-Forwarded-For", "127.0.0.1")],
        &[("Host", "localhost"), ("Sec-Fetch-Site", "cross-site")],
        &[("Host", "localhost")],
    ];
    for headers in attempts {
        let answer = request(address, ("POST", METER), headers, form);
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text());
        let is_elsewhere = headers[0].1 != "localhost" || headers.len() > 2;
        assert_eq!(answer.text().contains("powerpi invite --browser"), is_elsewhere, "{}", answer.text());
    }
    let correction = ("POST", "/m/hq/main/corrections?lang=en");
    let refused = request(address, correction, &LOCAL, Some("from=x"));
    assert!(refused.status == 403 && refused.text().contains("with the role admin can correct"));
    let page = request(address, ("GET", "/settings?lang=en"), &[("Host", "power.lan")], None);
    assert!(page.status == 403 && page.text().contains("powerpi invite --browser"), "{}", page.text());
    let start = request(address, ("GET", "/?lang=en"), &[("Host", "power.lan")], None);
    assert!(!start.text().contains("/settings") && admin.page("/?lang=en").contains("/settings"));
    assert_eq!(admin.newest(), 0);
}

#[test]
fn a_store_that_cannot_be_read_is_told_as_what_it_is() {
    let admin = Admin::new("");
    let store = admin.folder.path().join("settings");
    std::fs::remove_dir(&store).unwrap();
    std::fs::write(&store, "").unwrap();
    for (path, said) in [
        ("/settings?lang=en", "cannot read the saved settings"),
        ("/settings/history?lang=de", "Einstellungen nicht lesen"),
    ] {
        let answer = admin.get(path);
        assert!(answer.status == 503 && answer.text().contains(said), "{}", answer.text());
    }
}

#[test]
fn of_users_only_admins_set_anything() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users.toml");
    let mut file = UsersFile::open(&users).unwrap();
    for (name, role) in [("otto", Role::Admin), ("ernst", Role::EnterReadings), ("anna", Role::Look)] {
        file.set(&name.parse().unwrap(), Some(&PasswordHash::of(name.as_bytes()).unwrap()), Some(role));
    }
    file.save().unwrap();
    drop(file);
    let admin = Admin::new(&format!("[access]\nusers = '{}'", users.display()));
    let (address, html) = (admin.server.address(), ("Accept", "text/html"));
    let basic = |name: &str| {
        use base64::Engine;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{name}")))
    };
    for (name, may) in [("otto", true), ("ernst", false), ("anna", false)] {
        let login = basic(name);
        let headers = [LOCAL[0], LOCAL[1], html, ("Authorization", login.as_str())];
        for path in ["/settings", "/settings/users", "/settings/history", "/settings/tariff", METER] {
            assert_eq!(
                request(address, ("GET", path), &headers, None).status,
                if may { 200 } else { 403 },
                "{name}"
            );
        }
        let sent = request(address, ("POST", METER), &headers, Some("after=0&name=Haus&public=yes"));
        assert_eq!(sent.status, if may { 303 } else { 403 }, "{name}");
    }
    for path in ["/settings", "/settings/users", METER] {
        assert_eq!(request(address, ("GET", path), &[LOCAL[0], html], None).status, 401, "{path}");
    }
    assert_eq!(admin.store().version(1).unwrap().by, "otto");
    // It is public from now on.
    let stranger = request(address, ("GET", "/m/hq/main"), &[("Host", "power.lan")], None);
    assert!(stranger.status == 200 && !stranger.text().contains("/settings"));
}

#[test]
fn hostile_forms_are_bounded_and_change_nothing() {
    let admin = Admin::new("");
    let long = "9".repeat(20_000);
    assert_eq!(admin.save(METER, &[("name", &long)]).status, 413);
    let rows: Vec<(String, String)> =
        (0..300).map(|row| (format!("hours_{row}"), "22-6".to_owned())).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(admin.save(TARIFF, &rows).status, 400);
    for body in [
        "",
        "after=x",
        "after=-1",
        "after=99999999999999999999",
        "do=delete",
        "%ff=%00",
        "after=0&name=a%0Ab",
        "&&&&=",
    ] {
        for path in [METER, TARIFF, "/settings", "/settings/alarm", "/settings/history", "/settings/users"] {
            let answer = request(admin.server.address(), ("POST", path), &LOCAL, Some(body));
            assert!(
                (400..500).contains(&answer.status) || answer.text().contains("Nothing"),
                "{path} {body}: {}",
                answer.status
            );
        }
    }
    let script = "<script>alert(1)</script>\u{202e}";
    let answer = admin.save(METER, &[("name", script), ("part_of", script), ("colour", script)]);
    assert!(answer.status == 400 && !answer.text().contains("<script>alert"), "{}", answer.text());
    for path in
        ["/settings/meter/hq/none", "/settings/tariff/oil/always", "/settings/alarm/none", "/settings/x"]
    {
        assert_eq!(admin.get(path).status, 404, "{path}");
    }
    assert_eq!(admin.newest(), 0);
}
