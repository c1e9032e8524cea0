//! Signs answers as they are given (DNSSEC, RFC 4033 to 4035), with ECDSA P-256 (RFC 6605), and denies compactly (RFC 9824): a
//! name that does not exist is said to exist without types, so that one signature is enough and no name of the zone is told.
//!
//! Signatures are kept in a table of fixed size until they are a day old; it is read and written without a lock.

mod key;
mod nsec;

pub use key::Key;
pub use nsec::{denial, types};

use crate::limits;
use crate::wire::name::labels;
use crate::wire::{Name, RecordType};
use crate::zone::Set;
use arc_swap::ArcSwapOption;
use ring::rand::SystemRandom;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;

/// The algorithm ECDSAP256SHA256.
pub const ALGORITHM: u8 = 13;
/// A signature is good from an hour before it was made, for clocks that are behind,
const BEFORE_SECONDS: u32 = 3_600;
/// for a week,
const VALID_SECONDS: u32 = 7 * 86_400;
/// and made anew when it is a day old.
const RENEW_SECONDS: u32 = 86_400;

/// A signature that is kept.
#[derive(Debug)]
struct Kept {
    of: u128,
    made: u32,
    data: Arc<[u8]>,
}

/// What signs a zone.
#[derive(Debug)]
pub struct Signer {
    origin: Name,
    key: Key,
    /// The zone's key as records.
    pub keys: Set,
    tag: u16,
    random: SystemRandom,
    kept: Box<[ArcSwapOption<Kept>]>,
}

impl Signer {
    /// Signs `origin` with `key`, whose record holds for `ttl` seconds.
    pub fn new(origin: &Name, key: Key, ttl: u32) -> Self {
        let record = key.record();
        let kept = (0..limits::SIGNATURES).map(|_| ArcSwapOption::empty()).collect();
        let tag = key::tag(&record);
        let keys = Set::new(RecordType::DNSKEY, ttl, vec![record]);
        Self { origin: origin.clone(), key, keys, tag, random: SystemRandom::new(), kept }
    }

    /// The DS record that the parent zone needs, as text.
    pub fn delegation(&self) -> String {
        key::delegation(&self.origin, &self.keys.data[0], self.tag)
    }

    /// The data of the RRSIG record over `data`, which is sorted and without doubles, of `owner`, which is folded. `None` if the
    /// system has no randomness.
    pub fn sign(
        &self,
        owner: &[u8],
        kind: RecordType,
        ttl: u32,
        data: &[&[u8]],
        now: u32,
    ) -> Option<Arc<[u8]>> {
        let of = digest(owner, kind, ttl, data);
        let place = &self.kept[of as usize % self.kept.len()];
        if let Some(kept) = &*place.load()
            && kept.of == of
            && now.wrapping_sub(kept.made) < RENEW_SECONDS
        {
            return Some(kept.data.clone());
        }
        let signed = self.make(owner, kind, ttl, data, now)?;
        place.store(Some(Arc::new(Kept { of, made: now, data: signed.clone() })));
        Some(signed)
    }

    fn make(&self, owner: &[u8], kind: RecordType, ttl: u32, data: &[&[u8]], now: u32) -> Option<Arc<[u8]>> {
        let count = labels(owner).filter(|label| *label != b"*").count() as u8;
        let mut head = Vec::with_capacity(128);
        head.extend_from_slice(&kind.0.to_be_bytes());
        head.extend_from_slice(&[ALGORITHM, count]);
        head.extend_from_slice(&ttl.to_be_bytes());
        head.extend_from_slice(&now.wrapping_add(VALID_SECONDS).to_be_bytes());
        head.extend_from_slice(&now.wrapping_sub(BEFORE_SECONDS).to_be_bytes());
        head.extend_from_slice(&self.tag.to_be_bytes());
        head.extend_from_slice(self.origin.wire());
        let mut signed = head.clone();
        for data in data {
            signed.extend_from_slice(owner);
            crate::wire::response::tail(kind, ttl, data, &mut signed);
        }
        head.extend_from_slice(&self.key.sign(&signed, &self.random)?);
        Some(head.into())
    }
}

fn digest(owner: &[u8], kind: RecordType, ttl: u32, data: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0, 0x626F_6C65_2D64_6E73);
    hasher.write(owner);
    hasher.write_u16(kind.0);
    hasher.write_u32(ttl);
    for data in data {
        hasher.write_usize(data.len());
        hasher.write(data);
    }
    hasher.finish128().as_u128()
}
