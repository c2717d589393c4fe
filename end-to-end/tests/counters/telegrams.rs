//! Telegrams as electronic meters send them: SML as BSI TR-03109-1 describes it, with the checksums that belong to it.

/// Units of IEC 62056-62.
pub(crate) const WH: u8 = 30;
pub(crate) const W: u8 = 27;

/// A register: its OBIS code, unit, power of ten, and value.
pub(crate) type Register = ([u8; 6], u8, i8, i64);

/// What is taken from the grid, in tenths of a Wh.
pub(crate) fn import(tenths: i64) -> Register {
    ([1, 0, 1, 8, 0, 255], WH, -1, tenths)
}

/// What is fed into it, in tenths of a Wh.
pub(crate) fn export(tenths: i64) -> Register {
    ([1, 0, 2, 8, 0, 255], WH, -1, tenths)
}

/// The power of now, in W.
pub(crate) fn power(watts: i64) -> Register {
    ([1, 0, 16, 7, 0, 255], W, 0, watts)
}

/// A telegram of a meter: that it opens, its list of registers, and that it closes.
pub(crate) fn telegram(server_id: &[u8], registers: &[Register]) -> Vec<u8> {
    let opened = list(&[&[0x01], &[0x01], &text(&[0, 1]), &text(server_id), &[0x01], &[0x01]]);
    let entries: Vec<Vec<u8>> = registers.iter().map(entry).collect();
    let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let registers = list(&[&[0x01], &text(server_id), &[0x01], &[0x01], &list(&entries), &[0x01], &[0x01]]);
    let closed = list(&[&[0x01]]);
    let content =
        [message(1, 0x0101, &opened), message(2, 0x0701, &registers), message(3, 0x0201, &closed)].concat();
    enclosed(&content)
}

/// The same with another last byte of its checksum.
pub(crate) fn damaged(telegram: &[u8]) -> Vec<u8> {
    let mut telegram = telegram.to_vec();
    *telegram.last_mut().unwrap() ^= 1;
    telegram
}

fn enclosed(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1];
    // Four of these in the content would be a sign, so they are doubled.
    let mut signs = 0;
    for byte in content {
        bytes.push(*byte);
        signs = if *byte == 0x1b { signs + 1 } else { 0 };
        if signs == 4 {
            bytes.extend([0x1b; 4]);
            signs = 0;
        }
    }
    let padding = (4 - bytes.len() % 4) % 4;
    bytes.extend(std::iter::repeat_n(0, padding));
    bytes.extend([0x1b, 0x1b, 0x1b, 0x1b, 0x1a, padding as u8]);
    let checksum = crc_x25(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn message(number: u8, kind: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = kind.to_be_bytes();
    let body = list(&[&[0x63, high, low], body]);
    let mut message = [&[0x76][..], &text(&[number]), &[0x62, 0x00], &[0x62, 0x00], &body].concat();
    let [low, high] = crc_x25(&message).to_le_bytes();
    message.extend([0x63, low, high, 0x00]);
    message
}

fn entry((obis, unit, scaler, value): &Register) -> Vec<u8> {
    let value = [&[0x59][..], &value.to_be_bytes()].concat();
    list(&[&text(obis), &[0x01], &[0x01], &[0x62, *unit], &[0x52, *scaler as u8], &value, &[0x01]])
}

fn list(elements: &[&[u8]]) -> Vec<u8> {
    assert!(elements.len() < 16, "longer ones have a longer beginning");
    [&[0x70 | elements.len() as u8][..], &elements.concat()].concat()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 15, "longer ones have a longer beginning");
    [&[bytes.len() as u8 + 1][..], bytes].concat()
}

/// The checksum of DIN EN 62056-46.
fn crc_x25(bytes: &[u8]) -> u16 {
    let of_bit = |crc: u16| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
    let of_byte = |crc: u16, byte: &u8| (0..8).fold(crc ^ u16::from(*byte), |crc, _| of_bit(crc));
    !bytes.iter().fold(0xffff, of_byte)
}

#[test]
fn checksums_are_those_of_the_standard() {
    // The check value of CRC-16/IBM-SDLC, by which it is known in catalogues.
    assert_eq!(crc_x25(b"123456789"), 0x906e);
}
