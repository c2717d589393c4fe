#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sml_rs::transport::encode_streaming;

use super::*;

/// As an ISKRA MT631 has sent it, of which the PIN was entered; from the collection github.com/devZer0/libsml-testing.
const ISKRA: &str = "1b1b1b1b010101017605099dfaac6200620072630101760101050334a8e40b0a0149534b00047a5544726201\
    650334a737620163d0bb007605099dfaad620062007263070177010b0a0149534b00047a5544070100620aff\
    ff726201650334a737757707010060320101010101010449534b0177070100600100ff010101010b0a014953\
    4b00047a55440177070100010800ff650010010401621e52ff650137c0c70177070100020800ff0101621e52\
    ff62000177070100100700ff0101621b52005300c101010163f376007605099dfaae62006200726302017101\
    6342dd001b1b1b1b1a0038eb";
/// As a DZG DVS-7420.2V of a generator has sent it while it fed in; from the same collection.
const DZG: &str = "1b1b1b1b0101010176051338b301620062007263010176010102310b0a01445a4700039e2053726201649128\
    386202632f2b0076051438b301620062007263070177010b0a01445a4700039e2053070100620affff726201\
    649128387577070100603201010172620162006200520004445a470177070100600100ff0172620162006200\
    52000b0a01445a4700039e20530177070100010800ff641c69047262016200621e52ff640204e90177070100\
    020800ff017262016200621e52ff64e4ee4d0177070100100700ff017262016200621b52fe53d6ca01010163\
    a8900076051538b301620062007263020171016350c300001b1b1b1b1a010de3";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn obis(name: &str) -> Obis {
    name.parse().unwrap()
}

fn taken(bytes: &[u8]) -> Vec<Result<Telegram, String>> {
    Telegrams::default().take(bytes)
}

#[test]
fn telegrams_of_real_meters_are_understood() {
    let [Ok(iskra)] = &taken(&bytes(ISKRA))[..] else { panic!("{:?}", taken(&bytes(ISKRA))) };
    assert_eq!(iskra.name(), "0a0149534b00047a5544");
    assert_eq!(iskra.total(obis("1.8.0")), Ok(Some(2_043_104_700_000)));
    assert_eq!(iskra.total(obis("2.8.0")), Ok(Some(0)));
    assert_eq!(iskra.power_w(Obis::POWER), Some(193.0));
    assert_eq!(iskra.total(obis("1.8.1")), Ok(None));
    assert_eq!(iskra.contents(), "it has 1.8.0, 2.8.0, 16.7.0");
    let error = iskra.total(Obis::POWER).unwrap_err();
    assert_eq!(error, "16.7.0 is in the unit 27, not in Wh (30)");

    let [Ok(dzg)] = &taken(&bytes(DZG))[..] else { panic!("{:?}", taken(&bytes(DZG))) };
    assert_eq!(dzg.total(obis("1.8.0")), Ok(Some(13_232_900_000)));
    assert_eq!(dzg.total(obis("2.8.0")), Ok(Some(1_500_321_300_000)));
    assert_eq!(dzg.power_w(Obis::POWER), Some(-105.5));
}

/// That of DIN EN 62056-46.
fn checksum(bytes: &[u8]) -> u16 {
    let of_bit = |crc: u16| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
    let of_byte = |crc: u16, byte: &u8| (0..8).fold(crc ^ u16::from(*byte), |crc, _| of_bit(crc));
    !bytes.iter().fold(0xffff, of_byte)
}

/// Some heads pass on what several meters say in one telegram.
#[test]
fn lists_of_two_meters_are_not_mixed() {
    let good = bytes(ISKRA);
    let content = good[8..good.len() - 8].to_vec();
    // The list is the second of three messages. Its meter calls itself …44 in two places.
    let begins: Vec<usize> = (0..content.len() - 3)
        .filter(|place| content[*place..].starts_with(&[0x76, 0x05, 0x09, 0x9d]))
        .collect();
    let [first, list, last] = begins[..] else { panic!("{begins:?}") };
    let (opened, list, closed) = (&content[first..list], &content[list..last], &content[last..]);
    let mut other = list.to_vec();
    let names: Vec<usize> =
        (0..other.len() - 3).filter(|place| other[*place..].starts_with(&[0x04, 0x7a, 0x55, 0x44])).collect();
    names.iter().for_each(|place| other[place + 3] = 0x45);
    let signed = other.len() - 4;
    let checksum = checksum(&other[..signed]).to_le_bytes();
    other[signed + 1..signed + 3].copy_from_slice(&checksum);
    for (lists, expected) in [([list, &other[..]], &["…44", "…45"][..]), ([list, list], &["…44"][..])] {
        let telegram = enclosed(&[opened, lists[0], lists[1], closed].concat());
        let found: Vec<_> = taken(&telegram).into_iter().map(Result::unwrap).collect();
        let names: Vec<_> = found.iter().map(|it| format!("…{}", &it.name()[18..])).collect();
        assert_eq!(names, expected);
        assert!(found.iter().all(|it| it.total(obis("1.8.0")) == Ok(Some(2_043_104_700_000))), "{found:?}");
    }
}

#[test]
fn a_telegram_is_found_between_whatever_comes() {
    let good = bytes(ISKRA);
    // We come in the middle of one; one is cut in half by the next; there is noise between them.
    let line = [&good[100..], &good, &good[..120], &good, &[0xff, 0, 0x1b, 0x1b, 1], &good].concat();
    let found = taken(&line);
    assert!(found.len() == 3 && found.iter().all(Result::is_ok), "{found:?}");
    // In pieces of any length.
    for length in [1, 7, 64, 1000] {
        let mut telegrams = Telegrams::default();
        let found: Vec<_> = line.chunks(length).flat_map(|piece| telegrams.take(piece)).collect();
        assert_eq!(found.len(), 3, "{length}");
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let good = bytes(ISKRA);
    for place in 8..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        let found = taken(&[&bad[..], &good].concat());
        let (last, before) = found.split_last().unwrap();
        assert!(last.is_ok() && before.iter().all(Result::is_err), "{place}: {found:?}");
    }
}

#[test]
fn noise_for_ever_takes_no_room_and_is_said() {
    let mut telegrams = Telegrams::default();
    let (mut said, mut random) = (0, 1_u32);
    for _ in 0..1_000_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        said += telegrams.take(&[(random >> 24) as u8]).len();
    }
    // What looks like a telegram's beginning may come of it now and then.
    assert!((200..1000).contains(&said), "{said}");
    // A telegram that never ends.
    let endless = [&bytes(ISKRA)[..8], &[0x42; 100_000]].concat();
    let found = telegrams.take(&endless);
    assert!(!found.is_empty() && found.iter().all(Result::is_err), "{found:?}");
    let found = telegrams.take(&[&bytes(ISKRA)[..], &bytes(ISKRA)].concat());
    assert!(found.iter().any(Result::is_ok), "{found:?}");
}

/// What is within a telegram, with a checksum that is right.
fn enclosed(content: &[u8]) -> Vec<u8> {
    encode_streaming(content).collect()
}

#[test]
fn a_list_that_is_said_to_have_no_end_is_refused() {
    let good = bytes(ISKRA);
    let content = good[8..good.len() - 8].to_vec();
    // 75 is the list of five registers.
    let list = content.windows(3).position(|three| three == [0x75, 0x77, 0x07]).unwrap();
    for last in [0x0e, 0x0f, 0x00] {
        let length = [0xff, 0x8f, 0x8f, 0x8f, 0x8f, 0x8f, 0x8f, last];
        let bad = [&content[..list], &length, &content[list + 1..]].concat();
        let found = taken(&enclosed(&bad));
        assert!(matches!(&found[..], [Err(_)]), "{found:?}");
    }
}

#[test]
fn only_what_a_meter_can_show_is_a_total() {
    let with = |value, scaler, unit| Telegram {
        registers: vec![Register { obis: obis("1.8.0"), unit, value, scaler }],
        ..Telegram::default()
    };
    let total = |value, scaler| with(value, scaler, Some(WH)).total(obis("1.8.0"));
    assert_eq!(total(12_345, 0), Ok(Some(12_345_000_000)));
    assert_eq!(total(12_345, -4), Ok(Some(1_234_500)));
    assert_eq!(total(123_456_789, -8), Ok(Some(1_234_567)));
    assert_eq!(with(5, 3, None).total(obis("1.8.0")), Ok(Some(5_000_000_000)));
    for (value, scaler) in
        [(-1, 0), (1, -128), (i128::from(u64::MAX), 0), (1, 127), (i128::from(i64::MIN), 100)]
    {
        assert!(total(value, scaler).is_err(), "{value} {scaler}");
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(
        content in proptest::collection::vec(any::<u8>(), 0..300),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let _ = taken(&enclosed(&content));
        // A real one with some bytes changed, and a checksum that is right.
        let real = bytes(DZG);
        let mut content = real[8..real.len() - 9].to_vec();
        for (place, byte) in changes {
            let place = place.index(content.len());
            content[place] = byte;
        }
        for telegram in taken(&enclosed(&content)).into_iter().flatten() {
            for register in &telegram.registers {
                let _ = (telegram.total(register.obis), telegram.power_w(register.obis));
            }
        }
    }
}
