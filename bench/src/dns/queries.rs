//! The queries, and whether a server answers them as it should before anything is measured.

use super::world::{COUNTRIES, place};
use anyhow::{Result, ensure};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Names with one address each.
pub(super) const PLAIN_NAMES: u32 = 1_000;
/// The answers by continent: what the last byte of 192.0.2.x is.
pub(super) const ANSWERS: [(&str, u8); 3] = [("EU", 1), ("NA", 2), ("AS", 3)];
/// The answer for everybody else.
pub(super) const REST: u8 = 9;

fn query(name: &str, subnet: [u8; 3]) -> Vec<u8> {
    let mut query = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    // OPT: 1,232 bytes, client subnet (8) of IPv4 /24 (RFC 7871 section 6).
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0]);
    query.extend(subnet);
    query
}

/// A linear congruential generator: the same queries in every run.
fn numbers() -> impl FnMut() -> u32 {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    }
}

/// Queries as they stand in a TCP stream, which dnsperf reads with `-B`.
pub(super) fn stream(count: u32) -> Vec<u8> {
    let mut next = numbers();
    let mut stream = Vec::new();
    for _ in 0..count {
        let [_, a, b, c] = next().to_be_bytes();
        let number = next();
        let name = if number % 2 == 0 {
            "www.example.com".to_owned()
        } else {
            format!("h{}.example.com", number / 2 % PLAIN_NAMES)
        };
        let query = query(&name, [a, b, c]);
        stream.extend((query.len() as u16).to_be_bytes());
        stream.extend(query);
    }
    stream
}

/// Asks for some clients and compares: who answers wrongly is not measured.
pub(super) fn check(server: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.connect(server)?;
    let ask = |name: &str, subnet: [u8; 3]| -> Result<Vec<u8>> {
        let mut buffer = [0; 1_500];
        socket.send(&query(name, subnet))?;
        let length = socket.recv(&mut buffer)?;
        Ok(buffer[..length].to_vec())
    };
    for network in [0x0A00_u16, 0x0A01, 0x0A02, 0x0A03, 0x4010, 0x8123, 0x9999, 0xC633] {
        let [a, b] = network.to_be_bytes();
        let continent = COUNTRIES[place(network)].1;
        let last = ANSWERS.iter().find(|(of, _)| *of == continent).map_or(REST, |(_, last)| *last);
        let answer = ask("www.example.com", [a, b, 7])?;
        let is_there = answer.windows(6).any(|six| six == [0, 4, 192, 0, 2, last]);
        ensure!(is_there, "{a}.{b}.7.0/24 in {continent} does not get 192.0.2.{last}: {answer:02x?}");
        let comes_back = answer.windows(3).any(|three| three == [0, 1, 24]);
        ensure!(comes_back, "the client subnet does not come back: {answer:02x?}");
    }
    let answer = ask("h7.example.com", [10, 0, 0])?;
    ensure!(
        answer.windows(6).any(|six| six == [0, 4, 198, 51, 100, 7]),
        "h7 is not 198.51.100.7: {answer:02x?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_stand_as_in_a_stream() {
        let stream = stream(100);
        let (mut at, mut count) = (0, 0);
        while at < stream.len() {
            let length = usize::from(u16::from_be_bytes([stream[at], stream[at + 1]]));
            assert_eq!(stream[at + 2 + 11], 1, "one additional record");
            at += 2 + length;
            count += 1;
        }
        assert_eq!((at, count), (stream.len(), 100));
    }
}
