//! Response rate limiting: how many like answers a second a client's network gets by UDP, where its address may be forged.
//!
//! A table of fixed size holds a bucket for each network and kind of answer; two that meet in one place share it, which errs
//! on the side of limiting. Every `slip`th answer beyond the limit is sent empty with TC, so that a real client comes by TCP;
//! the others are dropped. All of it is atomics: no lock, no allocation.

use crate::geo::{Prefix, masked};
use bole_edge_core::hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Answers of one name a second for each network; 0: no limit.
    pub answers: u32,
    /// The same of answers that there is no such name, for all names of a zone together.
    pub nxdomains: u32,
    /// The same of errors.
    pub errors: u32,
    /// Seconds of allowance that may be owed: so long after a flood ends its network is limited.
    pub window: u32,
    /// Every how many answers beyond the limit one is sent empty; 0: none, 1: all.
    pub slip: u32,
    /// Bits of a network: IPv4.
    pub v4_bits: u8,
    /// And IPv6.
    pub v6_bits: u8,
    /// Who is never limited.
    pub exempt: Vec<Prefix>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answers: 200,
            nxdomains: 50,
            errors: 50,
            window: 5,
            slip: 2,
            v4_bits: 24,
            v6_bits: 56,
            exempt: Vec::new(),
        }
    }
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One that says something, of one name.
    Answer,
    /// That there is no such name, of one zone.
    NxDomain,
    /// An error.
    Error,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Send,
    /// It is sent empty, with TC.
    Slip,
    /// It is not sent.
    Drop,
}

/// Who got how much.
#[derive(Debug)]
pub struct Limiter {
    settings: Settings,
    seed: u64,
    /// Each: until when the bucket is filled, in milliseconds (upper 40 bits), and its balance of answers plus 2²³ (lower 24).
    places: Box<[AtomicU64]>,
    /// Answers beyond a limit, of everybody.
    limited: AtomicU64,
}

const BALANCE_BITS: u32 = 24;
const BALANCE_ZERO: i64 = 1 << (BALANCE_BITS - 1);

impl Limiter {
    /// Nobody got anything yet. `places` is a power of two; `seed` keeps clients from choosing whom they share a place with.
    pub fn new(settings: Settings, seed: u64, places: usize) -> Self {
        let places = (0..places.next_power_of_two()).map(|_| AtomicU64::new(0)).collect();
        Self { settings, seed, places, limited: AtomicU64::new(0) }
    }

    /// Counts an answer to `client` at `now_ms` (any clock that does not step back). `name` is what it is about: the name
    /// that was asked for, or the zone.
    pub fn count(&self, client: IpAddr, class: Class, name: &[u8], now_ms: u64) -> Verdict {
        let settings = &self.settings;
        let rate = match class {
            Class::Answer => settings.answers,
            Class::NxDomain => settings.nxdomains,
            Class::Error => settings.errors,
        };
        if rate == 0 || settings.exempt.iter().any(|prefix| prefix.contains(client)) {
            return Verdict::Send;
        }
        let place = &self.places[self.key(client, class, name) as usize & (self.places.len() - 1)];
        let balance = take(place, rate, settings.window, now_ms);
        if balance >= 0 {
            return Verdict::Send;
        }
        match u64::from(settings.slip) {
            0 => Verdict::Drop,
            slip if self.limited.fetch_add(1, Ordering::Relaxed).is_multiple_of(slip) => Verdict::Slip,
            _ => Verdict::Drop,
        }
    }

    fn key(&self, client: IpAddr, class: Class, name: &[u8]) -> u64 {
        let bits = if client.is_ipv4() { self.settings.v4_bits } else { self.settings.v6_bits };
        let network = match masked(client, bits) {
            IpAddr::V4(address) => hash::of(self.seed, &address.octets()),
            IpAddr::V6(address) => hash::of(self.seed, &address.octets()),
        };
        hash::of(network ^ class as u64, name)
    }
}

/// Fills a bucket for the time that has passed and takes one answer out; the result is what is left, below 0 if it was empty.
/// Balances are whole answers; the time that made less than one is kept by moving the clock only as far as was paid.
fn take(place: &AtomicU64, rate: u32, window: u32, now_ms: u64) -> i64 {
    let (rate, most) = (u64::from(rate), i64::from(rate.saturating_mul(window.max(1))).min(BALANCE_ZERO - 2));
    let now_ms = now_ms & ((1 << (64 - BALANCE_BITS)) - 1);
    let mut result = 0;
    let update = |word: u64| {
        let (filled, balance) =
            (word >> BALANCE_BITS, (word & ((1 << BALANCE_BITS) - 1)) as i64 - BALANCE_ZERO);
        // A bucket that was never used holds what a second allows.
        let (filled, balance) = if word == 0 { (now_ms, rate as i64) } else { (filled, balance) };
        let passed = now_ms.saturating_sub(filled);
        let earned = passed.saturating_mul(rate) / 1_000;
        let full = i64::try_from(earned).unwrap_or(i64::MAX).saturating_add(balance) >= rate as i64;
        let (filled, balance) = if full {
            (now_ms, rate as i64)
        } else {
            (filled + (earned * 1_000) / rate, balance + earned as i64)
        };
        result = balance - 1;
        let kept = result.max(-most);
        Some(filled << BALANCE_BITS | (kept + BALANCE_ZERO) as u64)
    };
    let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(slip: u32) -> Limiter {
        let exempt = vec![Prefix::parse("198.51.100.0/24").unwrap()];
        Limiter::new(
            Settings { answers: 10, nxdomains: 5, slip, window: 2, exempt, ..Settings::default() },
            1,
            1 << 10,
        )
    }

    fn sent(
        limiter: &Limiter,
        client: &str,
        class: Class,
        name: &[u8],
        now: u64,
        times: usize,
    ) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..times {
            counts[limiter.count(client.parse().unwrap(), class, name, now) as usize] += 1;
        }
        counts
    }

    #[test]
    fn a_flood_is_cut_and_slips() {
        let limiter = limiter(2);
        let of =
            |client: &str, name: &[u8], now, times| sent(&limiter, client, Class::Answer, name, now, times);
        assert_eq!(of("192.0.2.1", b"a", 1_000, 20), [10, 5, 5]);
        assert_eq!(of("192.0.2.200", b"a", 1_000, 2), [0, 1, 1], "the network counts");
        assert_eq!(of("192.0.3.1", b"a", 1_000, 10), [10, 0, 0], "another network");
        assert_eq!(of("192.0.2.1", b"b", 1_000, 10), [10, 0, 0], "another name");
        assert_eq!(of("198.51.100.7", b"a", 1_000, 50), [50, 0, 0], "exempt");
        assert_eq!(sent(&limiter, "192.0.2.1", Class::NxDomain, b"a", 1_000, 20)[0], 5, "another class");
        // What was owed is paid first: 12 beyond the limit are 1.2 s at 10 a second.
        assert_eq!(of("192.0.2.1", b"a", 2_000, 1)[0], 0);
        assert_eq!(of("192.0.2.1", b"a", 9_000, 20)[0], 10);
    }

    #[test]
    fn a_steady_rate_below_the_limit_is_never_cut() {
        let limiter = limiter(0);
        for step in 0..1_000 {
            let counts = sent(&limiter, "2001:db8::1", Class::Answer, b"a", 5_000 + step * 101, 1);
            assert_eq!(counts, [1, 0, 0], "step {step}");
        }
        let counts = sent(&limiter, "2001:db8::2", Class::Answer, b"a", 200_000, 30);
        assert_eq!(counts, [10, 0, 20], "without slip the rest is dropped");
    }
}
