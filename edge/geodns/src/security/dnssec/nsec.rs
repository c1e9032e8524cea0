//! NSEC records that are made up for each answer (RFC 9824).

use crate::wire::RecordType;
use crate::wire::name::NAME_BYTES_MAX;

/// The data of an NSEC record that says that `owner` has `kinds` and nothing else, and nothing of any other name: the next
/// name is the one right behind it. `None` if there is no room for that name.
pub fn denial(owner: &[u8], kinds: &[RecordType]) -> Option<Vec<u8>> {
    if owner.len() + 2 > NAME_BYTES_MAX {
        return None;
    }
    let mut data = vec![1, 0];
    data.extend_from_slice(owner);
    let mut kinds: Vec<RecordType> =
        kinds.iter().copied().chain([RecordType::RRSIG, RecordType::NSEC]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    types(&kinds, &mut data);
    Some(data)
}

/// Appends a bitmap of types, which are in rising order (RFC 4034 section 4.1.2).
pub fn types(kinds: &[RecordType], out: &mut Vec<u8>) {
    for window in kinds.chunk_by(|left, right| left.0 >> 8 == right.0 >> 8) {
        let mut bits = [0_u8; 32];
        for kind in window {
            let low = (kind.0 & 0xFF) as usize;
            bits[low / 8] |= 0x80 >> (low % 8);
        }
        let length = bits.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        out.extend_from_slice(&[(window[0].0 >> 8) as u8, length as u8]);
        out.extend_from_slice(&bits[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bitmap of RFC 4034, section 4.3.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let mut out = Vec::new();
        let kinds = [RecordType::A, RecordType::MX, RecordType::RRSIG, RecordType::NSEC, RecordType(1_234)];
        types(&kinds, &mut out);
        let mut expected = vec![0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 0x1B];
        expected.extend([0; 26]);
        expected.push(0x20);
        assert_eq!(out, expected);
        assert_eq!(denial(&[0], &[]).unwrap(), [1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 3]);
        assert_eq!(denial(&[1; 254], &[]), None);
    }
}
