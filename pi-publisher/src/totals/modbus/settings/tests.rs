#![allow(clippy::unwrap_used)]

use super::*;

fn modbus(said: &str) -> Result<ModbusSettings, String> {
    daemon_runtime::parse::<ModbusOnPaper>(said).map_err(|error| error.to_string())?.try_into()
}

#[test]
fn a_profile_says_what_is_not_written() {
    let import = modbus("device = \"/dev/ttyUSB0\"\nprofile = \"sdm630\"").unwrap();
    assert_eq!(import.describe(), "modbus /dev/ttyUSB0 unit 1 input 72 f32 in kWh");
    assert_eq!((import.every.as_secs(), import.power.unwrap().number), (10, 52));
    let said = "host = \"fd00::1\"\nunit_id = 3\nprofile = \"sdm120\"\nvalue = \"export\"\nevery_s = 5";
    let export = modbus(said).unwrap();
    assert_eq!(export.describe(), "modbus [fd00::1]:502 unit 3 input 74 f32 in kWh");
    let power = export.power.unwrap();
    assert_eq!((power.number, power.factor, export.is_export), (12, -1.0, true));
}

#[test]
fn without_a_profile_all_is_written() {
    let said = "device = \"/dev/ttyUSB0\"\nbaud = 19200\nparity = \"even\"\nrolls_over_at = 1000000\n\
                total = { table = \"holding\", register = 40, type = \"u32\", words = \"low-first\", \
                factor = 0.01, unit = \"kWh\" }\npower = { register = 2, type = \"i16\", factor = 10 }";
    let meter = modbus(said).unwrap();
    assert_eq!(meter.describe(), "modbus /dev/ttyUSB0 unit 1 holding 40 u32 low-first in 0.01 kWh");
    assert_eq!((meter.power.unwrap().factor, meter.end()), (10.0, Some(1_000_000_000_000_000)));
    let Bus::Serial(line) = &meter.bus else { panic!("{meter:?}") };
    assert_eq!((line.baud, line.parity, line.stop_bits), (19_200, Parity::Even, 1));
}

#[test]
fn what_cannot_be_is_refused() {
    let device = "device = \"/dev/ttyUSB0\"\n";
    let total = "total = { register = 72, type = \"f32\", unit = \"kWh\" }";
    for (said, refused) in [
        ("profile = \"sdm630\"".to_owned(), "write either device"),
        (format!("{device}host = \"a\"\nprofile = \"sdm630\""), "write either device"),
        (format!("{device}port = 5\nprofile = \"sdm630\""), "belong to host"),
        ("host = \"a\"\nbaud = 9600\nprofile = \"sdm630\"".to_owned(), "belong to device"),
        ("host = \"a b\"\nprofile = \"sdm630\"".to_owned(), "is not a name or an address"),
        (device.to_owned(), "lacks its registers: write profile"),
        (format!("{device}profile = \"sdm99\""), "sdm99"),
        (format!("{device}profile = \"sdm630\"\n{total}"), "write one of them"),
        (format!("{device}value = \"export\"\n{total}"), "value goes with profile"),
        (format!("{device}unit_id = 0\nprofile = \"sdm630\""), "unit_id is 0"),
        (format!("{device}stop_bits = 3\nprofile = \"sdm630\""), "stop_bits is 3"),
        (format!("{device}every_s = 0\nprofile = \"sdm630\""), "every_s is 0"),
        (format!("{device}{}", total.replace("72", "65535")), "register 65535 of total has no room for f32"),
        (format!("{device}{}", total.replace("f32", "f16")), "f16"),
        (format!("{device}{}", total.replace("72", "72, factor = 0")), "factor of total is 0"),
        (format!("{device}{}", total.replace(", unit = \"kWh\"", "")), "unit"),
        (format!("{device}rolls_over_at = 0\nprofile = \"sdm630\""), "rolls_over_at"),
    ] {
        let error = modbus(&said).unwrap_err();
        assert!(error.contains(refused), "{said}: {error}");
    }
}
