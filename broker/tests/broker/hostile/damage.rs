//! Damage done to packets.

use proptest::collection::vec;
use proptest::prelude::*;

/// Something that spoils bytes.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
    CutOff(usize),
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    // Most structure is near the beginning.
    let place = || prop_oneof![4 => 0_usize..12, 2 => 0_usize..40, 1 => 0_usize..400];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (place(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (place(), 1_usize..10).prop_map(|(at, count)| Damage::Remove(at, count)),
        (place(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1_usize..100).prop_map(|(at, count)| Damage::Repeat(at, count)),
        place().prop_map(Damage::CutOff),
    ]
}

impl Damage {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |at: usize, count: usize, bytes: &[u8]| {
            let start = at.min(bytes.len());
            start..(start + count).min(bytes.len())
        };
        match self {
            Damage::Set(at, byte) => bytes.iter_mut().skip(*at).take(1).for_each(|old| *old = *byte),
            Damage::Flip(at, bit) => bytes.iter_mut().skip(*at).take(1).for_each(|old| *old ^= 1 << bit),
            Damage::Remove(at, count) => drop(bytes.drain(range(*at, *count, bytes))),
            Damage::Insert(at, new) => drop(bytes.splice(range(*at, 0, bytes), new.iter().copied())),
            Damage::Repeat(at, count) => {
                let again = bytes[range(*at, *count, bytes)].to_vec();
                drop(bytes.splice(range(*at, 0, bytes), again));
            }
            Damage::CutOff(at) => bytes.truncate(*at),
        }
    }
}
