#![allow(clippy::unwrap_used)]

use super::*;
use crate::totals::sml::telegram::Register;

fn sml(said: &str) -> Result<SmlSettings, String> {
    let said = format!("device = \"/dev/ttyUSB0\"\n{said}");
    daemon_runtime::parse::<SmlOnPaper>(&said).map_err(|error| error.to_string())?.try_into()
}

#[test]
fn little_has_to_be_written() {
    let import = sml("").unwrap();
    assert_eq!((import.describe().as_str(), import.line.baud), ("sml /dev/ttyUSB0 1.8.0", 9600));
    let export =
        sml("obis = \"1-0:2.8.0*255\"\nserver_id = \"0A 01-45\"\nrolls_over_at_kwh = 100000").unwrap();
    assert_eq!(export.describe(), "sml /dev/ttyUSB0 2.8.0");
    assert_eq!((export.server_id, export.end), (Some(vec![10, 1, 0x45]), Some(100_000_000_000_000)));
}

#[test]
fn power_is_where_a_meter_has_it() {
    let register = |obis: &str, unit, value| Register {
        obis: obis.parse().unwrap(),
        unit: Some(unit),
        value,
        scaler: 0,
    };
    let rate = |settings: &str, registers: &[Register]| {
        let telegram = Telegram { registers: registers.to_vec(), ..Telegram::default() };
        let heard = sml(settings).unwrap().understand(&telegram);
        heard.iter().find_map(|heard| if let Heard::Rate(rate) = heard { Some(*rate) } else { None })
    };
    let (import, export) = ("", "obis = \"2.8.0\"");
    let totals = [register("1.8.0", 30, 1), register("2.8.0", 30, 1)];
    let both = [totals[0], totals[1], register("16.7.0", 27, -5)];
    assert_eq!((rate(import, &both), rate(export, &both)), (Some(0), Some(5)));
    let each = [totals[0], totals[1], register("1.7.0", 27, 7), register("2.7.0", 27, 9)];
    assert_eq!((rate(import, &each), rate(export, &each)), (Some(7), Some(9)));
    let one_way = [totals[0], register("15.7.0", 27, 11)];
    assert_eq!(rate(import, &one_way), Some(11));
    let whose = [totals[0], totals[1], register("15.7.0", 27, 11)];
    assert_eq!((rate(import, &whose), rate("power = \"15.7.0\"", &whose)), (None, Some(11)));
    assert_eq!(rate(import, &[totals[0], register("16.7.0", 30, 5)]), None, "no power in Wh");
    // Two meters of two tariffs would both show all of it.
    let of_tariffs = [register("1.8.1", 30, 1), register("1.8.2", 30, 1), register("16.7.0", 27, 500)];
    for (tariff, power) in [("1.8.1", None), ("1.8.2", None), ("1.8.1\"\npower = \"16.7.0", Some(500))] {
        assert_eq!(rate(&format!("obis = \"{tariff}\""), &of_tariffs), power);
    }
}

#[test]
fn another_meter_under_the_head_is_not_counted() {
    let meter = sml("server_id = \"0a01\"").unwrap();
    let total = Register { obis: "1.8.0".parse().unwrap(), unit: Some(30), value: 7, scaler: 0 };
    let mut telegram = Telegram { server_id: vec![10, 1], registers: vec![total] };
    assert_eq!(meter.understand(&telegram), [Heard::Total(7_000_000, false)]);
    telegram.server_id = vec![10, 2];
    assert_eq!(meter.understand(&telegram), [Heard::Without("it is of the meter 0a02".into())]);
}

#[test]
fn what_cannot_be_is_refused() {
    for (said, refused) in [
        ("obis = \"16.7.0\"", "obis 16.7.0 is not a total of energy; write \"1.8.0\""),
        ("obis = \"1.8\"", "is not the OBIS code of a register"),
        ("power = \"x\"", "is not the OBIS code of a register"),
        ("baud = 0", "baud is 0"),
        ("server_id = \"0a0\"", "is not hexadecimal"),
        ("server_id = \"\"", "is not hexadecimal"),
        ("server_id = \"zz\"", "is not hexadecimal"),
        ("rolls_over_at_kwh = -1", "rolls_over_at_kwh"),
        ("topic = \"a\"", "topic"),
    ] {
        let error = sml(said).unwrap_err();
        assert!(error.contains(refused), "{error}");
    }
    let error = SmlSettings::try_from(daemon_runtime::parse::<SmlOnPaper>("device = \"ttyUSB0\"").unwrap());
    assert!(error.unwrap_err().contains("write a path like"));
}
