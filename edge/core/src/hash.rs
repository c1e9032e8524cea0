//! Hashes that place keys. They are part of the behaviour: nodes that disagree on them send a key to different
//! endpoints, so they depend on nothing but the bytes and the seed.

use siphasher::sip::SipHasher13;

/// A key's hash: SipHash-1-3 under `seed`. With a seed that clients do not know they cannot choose keys that meet in
/// one place.
pub fn of(seed: u64, bytes: &[u8]) -> u64 {
    SipHasher13::new_with_keys(seed, 0x626F_6C65_2D65_6467).hash(bytes)
}

/// Spreads every bit of `value` over all of the result: the finalizer of `SplitMix64`, a bijection.
pub const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A second, third, … place for a hash, each independent of the others.
pub(crate) const fn again(hash: u64, attempt: u32) -> u64 {
    if attempt == 0 {
        hash
    } else {
        mix(hash.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(attempt as u64)))
    }
}
