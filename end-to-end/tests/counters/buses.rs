//! Meters that are asked by Modbus, on a real pseudo-terminal and in the network, with the real program.

use std::time::Duration;

use end_to_end::{Site, free_port, run_to_end, wait_until};
use serde_json::{Value, json};

use crate::counted::{counted, wait_for_count};
use crate::modbus_meters::{Behaviour, Meters};

/// Registers of Eastron's documents.
const POWER: u16 = 0x34;
const POWER_OF_ONE: u16 = 0x0c;
const IMPORT: u16 = 0x48;
const EXPORT: u16 = 0x4a;
const NUMBER: u16 = 0xfc00;

/// Totals in Wh; eighths of a kWh are exact as floating numbers.
fn show(meters: &Meters, import: u32, export: u32) {
    meters.set_float(1, IMPORT, import as f32 / 1000.0);
    meters.set_float(1, EXPORT, export as f32 / 1000.0);
}

fn meter(id: &str, source: &str) -> String {
    format!(
        "[[meter]]\nid = '{id}'\nmax_power_w = 400000\nsource = {{ kind = 'modbus', every_s = 1, {source} }}\n"
    )
}

#[test]
fn meters_of_a_bus_are_counted_exactly() {
    let meters = Meters::default();
    meters.set_float(1, POWER, -1500.0);
    meters.set_long(1, NUMBER, 111);
    show(&meters, 100_000, 70_000);
    meters.set_long(2, 40, 5_000_000);
    let device = format!("device = '{}'", meters.on_a_bus().display());
    let of_two = "total = { table = 'holding', register = 40, type = 'u32', factor = 0.1, unit = 'Wh' }";
    let site = Site::new(&format!(
        "{}{}{}{}",
        meter("import", &format!("{device}, profile = 'sdm630'")),
        meter("export", &format!("{device}, profile = 'sdm630', value = 'export'")),
        meter("two", &format!("{device}, unit_id = 2, {of_two}")),
        // Not connected: nobody waits for it for ever.
        meter("absent", &format!("{device}, unit_id = 9, profile = 'sdm630'")),
    ));
    site.prepend("pi-publisher", "wait_for_clock = false\n");
    meters.set_float(9, IMPORT, 1.0);
    meters.behave(9, Some(Behaviour::Silent));
    let publisher = site.start("pi-publisher");
    wait_until("counting begins", || {
        ["import", "export", "two"].iter().all(|id| counted(&site, id).is_some())
    });
    show(&meters, 100_125, 70_250);
    meters.set_long(2, 40, 5_000_100);
    wait_for_count(&site, "import", 100_125.0, 125);
    wait_for_count(&site, "export", 70_250.0, 250);
    wait_for_count(&site, "two", 500_010.0, 10);

    // Nothing of this is a total; an answer that comes too late is not taken for that to another question.
    for behaviour in [
        Behaviour::Refuses,
        Behaviour::AnswersTooMuch,
        Behaviour::Silent,
        Behaviour::AnswersAfter(Duration::from_secs(3)),
    ] {
        meters.behave(1, Some(behaviour));
        let before = meters.asked(1);
        wait_until("it is asked", || meters.asked(1) > before + 1);
    }
    meters.behave(1, None);
    for bad in [f32::NAN, -1.0, f32::INFINITY] {
        meters.set_float(1, IMPORT, bad);
        let before = meters.asked(1);
        wait_until("it is asked", || meters.asked(1) > before + 3);
    }
    show(&meters, 100_250, 70_375);
    wait_for_count(&site, "import", 100_250.0, 250);
    wait_for_count(&site, "export", 70_375.0, 375);

    // A slow answer is one.
    meters.behave(1, Some(Behaviour::AnswersAfter(Duration::from_millis(900))));
    publisher.kill();
    show(&meters, 100_375, 70_500);
    let publisher = site.start("pi-publisher");
    wait_for_count(&site, "import", 100_375.0, 375);
    wait_for_count(&site, "export", 70_500.0, 500);
    assert!(publisher.log().contains("unit 9"), "{}", publisher.log());
    publisher.kill();

    // Another meter in its place: what it shows was not used here, though it is a little more.
    meters.set_long(1, NUMBER, 222);
    show(&meters, 100_500, 70_625);
    let publisher = site.start("pi-publisher");
    wait_until("it is said", || publisher.log().matches("another counter than before").count() == 2);
    show(&meters, 100_625, 70_750);
    wait_for_count(&site, "import", 100_625.0, 500);
    wait_for_count(&site, "export", 70_750.0, 625);
    publisher.stop();
}

#[test]
fn meters_in_the_network_are_counted_exactly() {
    let (meters, ports) = (Meters::default(), [free_port(), free_port()]);
    meters.set_float(1, POWER_OF_ONE, 230.0);
    show(&meters, 100_000, 0);
    let site = Site::new(&format!(
        "{}{}",
        meter("tcp", &format!("host = '127.0.0.1', port = {}, profile = 'sdm120'", ports[0])),
        meter(
            "gateway",
            &format!("host = '127.0.0.1', port = {}, framing = 'rtu', profile = 'sdm120'", ports[1])
        ),
    ));
    site.prepend("pi-publisher", "wait_for_clock = false\n");
    let publisher = site.start("pi-publisher");
    wait_until("it says what is missing", || publisher.log().contains("connecting to 127.0.0.1"));
    meters.on_tcp(ports[0]);
    meters.behind_a_gateway(ports[1]);
    wait_until("counting begins", || ["tcp", "gateway"].iter().all(|id| counted(&site, id).is_some()));
    show(&meters, 100_125, 0);
    for id in ["tcp", "gateway"] {
        wait_for_count(&site, id, 100_125.0, 125);
    }
    publisher.kill();
    show(&meters, 100_250, 0);

    let check = ["--config", "pi-publisher.toml", "check", "--json", "--seconds", "4"];
    let report = run_to_end("pi-publisher", site.path(), &check);
    let lines = String::from_utf8(report.stdout).unwrap();
    let seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for seen in &seen {
        assert_eq!((&seen["last"], &seen["power_w"]), (&json!(100.25), &json!(230)), "{seen}");
        assert_eq!(seen["findings"], json!([]), "{seen}");
    }
    let arguments = ["--config", "pi-publisher.toml", "watch", "--json"].map(String::from);
    let watch = end_to_end::Program::spawn("pi-publisher", site.path(), &arguments, &[]);
    wait_until("totals are shown", || {
        let log = watch.log();
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let is_shown = |id: &str| {
            let mut of = lines.iter().filter(|line| line["meter"] == id);
            of.any(|line| line["total"] == 100.25 && line["power_w"] == 230)
        };
        is_shown("tcp") && is_shown("gateway")
    });
    watch.stop();

    meters.behave(1, Some(Behaviour::Refuses));
    let report = run_to_end("pi-publisher", site.path(), &check);
    let said = String::from_utf8(report.stdout).unwrap();
    assert!(said.contains("the meter refuses"), "{said}");
    meters.behave(1, None);
    let _publisher = site.start("pi-publisher");
    for id in ["tcp", "gateway"] {
        wait_for_count(&site, id, 100_250.0, 250);
    }
}
