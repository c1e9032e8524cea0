//! DNS cookies (RFC 7873) in the form that all servers of an anycast address can share (RFC 9018 section 4): a client that
//! shows one is at its address, and is not rate limited.
//!
//! ```text
//! version 1 │ reserved, 3 bytes │ time, 4 bytes │ SipHash-2-4 of client cookie, these eight bytes, client's address
//! ```

use crate::wire::edns::Cookie;
use siphasher::sip::SipHasher24;
use std::net::IpAddr;

/// A cookie is good for an hour, and up to five minutes before its time, for servers whose clocks differ (RFC 9018
/// section 4.3).
const OLD_SECONDS: u32 = 3_600;
const AHEAD_SECONDS: u32 = 300;
/// After this it is made anew.
const RENEW_SECONDS: u32 = 1_800;

/// Secrets: the first makes cookies, all are good.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 16]>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// The current secret and those before it.
    pub fn new(current: [u8; 16], before: impl IntoIterator<Item = [u8; 16]>) -> Self {
        Self(std::iter::once(current).chain(before).collect())
    }

    /// Whether a cookie is one of ours for this client.
    pub fn is_good(&self, cookie: &Cookie, client: IpAddr, now_seconds: u32) -> bool {
        let Some(server) = cookie.server().first_chunk::<16>().filter(|_| cookie.server().len() == 16) else {
            return false;
        };
        let made = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
        // Serial number arithmetic, as the counter passes its end in 2106.
        let age = now_seconds.wrapping_sub(made) as i32;
        let fresh = age <= OLD_SECONDS as i32 && age >= -(AHEAD_SECONDS as i32);
        server[0] == 1
            && fresh
            && self.0.iter().any(|secret| made_with(secret, cookie.client, server, client) == server[8..])
    }

    /// The cookie for this client: its own while it is young, otherwise a new one.
    pub fn answer(&self, cookie: &Cookie, client: IpAddr, now_seconds: u32) -> [u8; 16] {
        if let Some(server) = cookie.server().first_chunk::<16>()
            && self.is_good(cookie, client, now_seconds)
        {
            let made = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
            let current = made_with(&self.0[0], cookie.client, server, client) == server[8..];
            if current && now_seconds.wrapping_sub(made) < RENEW_SECONDS {
                return *server;
            }
        }
        let mut server = [0; 16];
        server[0] = 1;
        server[4..8].copy_from_slice(&now_seconds.to_be_bytes());
        let hash = made_with(&self.0[0], cookie.client, &server, client);
        server[8..].copy_from_slice(&hash);
        server
    }
}

fn made_with(secret: &[u8; 16], client_cookie: [u8; 8], server: &[u8; 16], client: IpAddr) -> [u8; 8] {
    let mut bytes = [0_u8; 32];
    bytes[..8].copy_from_slice(&client_cookie);
    bytes[8..16].copy_from_slice(&server[..8]);
    let length = match client {
        IpAddr::V4(address) => {
            bytes[16..20].copy_from_slice(&address.octets());
            20
        }
        IpAddr::V6(address) => {
            bytes[16..].copy_from_slice(&address.octets());
            32
        }
    };
    SipHasher24::new_with_key(secret).hash(&bytes[..length]).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
    }

    /// The examples of RFC 9018, appendix A.1 and A.2.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let secrets = Secrets::new(bytes("e5e973e5a6b2a43f48e7dc849e37bfcf"), []);
        let client: IpAddr = "198.51.100.100".parse().unwrap();
        let first = Cookie::new(bytes("2464c4abcf10c957"), &[]).unwrap();
        let expected: [u8; 16] = bytes("010000005cf79f111f8130c3eee29480");
        assert_eq!(secrets.answer(&first, client, 1_559_731_985), expected);
        let again = Cookie::new(first.client, &expected).unwrap();
        assert!(secrets.is_good(&again, client, 1_559_731_985));
        assert_eq!(secrets.answer(&again, client, 1_559_731_985 + 60), expected, "it is young");
        let renewed = secrets.answer(&again, client, 1_559_734_385);
        assert_eq!(renewed, bytes("010000005cf7a871d4a564a1442aca77"));
    }

    #[test]
    fn what_is_not_ours_is_not_good() {
        let secrets = Secrets::new([1; 16], []);
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let made = secrets.answer(&Cookie::new([7; 8], &[]).unwrap(), client, 10_000);
        let cookie = Cookie::new([7; 8], &made).unwrap();
        let rows = [
            (true, secrets.is_good(&cookie, client, 13_600)),
            (true, secrets.is_good(&cookie, client, 9_700)),
            (false, secrets.is_good(&cookie, client, 13_601)),
            (false, secrets.is_good(&cookie, client, 9_699)),
            (false, secrets.is_good(&cookie, "2001:db8::2".parse().unwrap(), 10_000)),
            (false, secrets.is_good(&Cookie::new([8; 8], &made).unwrap(), client, 10_000)),
            (false, secrets.is_good(&Cookie::new([7; 8], &made[..8]).unwrap(), client, 10_000)),
            (false, Secrets::new([2; 16], []).is_good(&cookie, client, 10_000)),
            (true, Secrets::new([2; 16], [[1; 16]]).is_good(&cookie, client, 10_000)),
        ];
        for (row, (expected, found)) in rows.into_iter().enumerate() {
            assert_eq!(found, expected, "row {row}");
        }
        assert_ne!(
            Secrets::new([2; 16], [[1; 16]]).answer(&cookie, client, 10_000),
            made,
            "of the current secret"
        );
    }
}
