//! Which partition a record with a key goes to: as Kafka's Java client decides, so that all agree on the place of a key.

/// The partition, of `count`, of records with this key.
///
/// # Panics
///
/// When `count` is not positive; every topic has a partition.
pub fn of_key(key: &[u8], count: i32) -> i32 {
    // The sign bit is dropped, not the sign changed: the least number has no positive twin.
    (murmur2(key) & i32::MAX) % count
}

/// Murmur hash 2 of 32 bits with the seed that Kafka's clients use (`Utils.murmur2`).
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let word = u32::from_le_bytes(chunk.try_into().expect("chunks of four")).wrapping_mul(MULTIPLIER);
        let word = (word ^ (word >> 24)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ word;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_kafkas_java_client() {
        // The values that Kafka's own test of its client expects.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(of_key(b"21", 1), 0);
        // The hash without its sign bit is 1,173,551,340.
        assert_eq!(of_key(b"21", 7), 3);
    }
}
