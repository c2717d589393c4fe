//! Numbers in as few bytes as they need.

use crate::LedgerError;
use crate::error::damaged;

/// Bytes of a number, of seven bits each: sums of what fits in them are no overflow.
const MOST_BYTES: u32 = 7;

/// Seven bits a byte, the lowest first; the eighth says that there is another byte.
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes one from the beginning.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, LedgerError> {
    let mut number = 0;
    for at in 0..MOST_BYTES {
        let Some((byte, rest)) = bytes.split_first() else { break };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged("a number without an end"))
}
