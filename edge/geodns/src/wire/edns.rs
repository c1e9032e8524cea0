//! EDNS (RFC 6891): the OPT record of a query with client subnet (RFC 7871), cookies (RFC 7873) and name server id
//! (RFC 5001), and the OPT record of an answer.

use crate::wire::query::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;
const PADDING: u16 = 12;
const EXTENDED_ERROR: u16 = 15;
/// The DO bit in the TTL of an OPT record.
const DNSSEC_OK: u32 = 0x8000;
/// Cookies of a server have at most this many bytes (RFC 7873 section 4).
pub const SERVER_COOKIE_BYTES_MAX: usize = 32;

/// What a query says by EDNS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// Bytes of a datagram that it can take.
    pub udp_bytes: u16,
    /// The version; 0 is the only one.
    pub version: u8,
    /// Whether it wants signatures.
    pub dnssec_ok: bool,
    /// Whose subnet it asks for.
    pub subnet: Option<Subnet>,
    /// Its cookie.
    pub cookie: Option<Cookie>,
    /// Whether it asks which server this is.
    pub nsid: bool,
    /// Whether it was padded, and its answer shall be (RFC 7830).
    pub padded: bool,
}

/// A client's network, as a resolver says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its first address.
    pub address: IpAddr,
    /// Bits of it that count.
    pub source: u8,
}

/// A cookie as a client sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The client's own.
    pub client: [u8; 8],
    server: [u8; SERVER_COOKIE_BYTES_MAX],
    server_bytes: u8,
}

impl Cookie {
    /// The client's, and the server's of an earlier answer (none, or 8 to 32 bytes).
    pub fn new(client: [u8; 8], server: &[u8]) -> Option<Self> {
        if !(server.is_empty() || (8..=SERVER_COOKIE_BYTES_MAX).contains(&server.len())) {
            return None;
        }
        let mut cookie =
            Self { client, server: [0; SERVER_COOKIE_BYTES_MAX], server_bytes: server.len() as u8 };
        cookie.server[..server.len()].copy_from_slice(server);
        Some(cookie)
    }

    /// What the client got of a server; empty if nothing yet.
    pub fn server(&self) -> &[u8] {
        &self.server[..self.server_bytes as usize]
    }
}

/// Reads an OPT record: `class` and `ttl` are fields of it. `None` if it is not well formed.
pub fn read(class: u16, ttl: u32, data: &[u8]) -> Option<Edns> {
    let mut edns = Edns {
        udp_bytes: class,
        version: (ttl >> 16) as u8,
        dnssec_ok: ttl & DNSSEC_OK != 0,
        ..Edns::default()
    };
    let mut reader = Reader { bytes: data, at: 0 };
    while reader.at < data.len() {
        let (code, length) = (reader.u16()?, reader.u16()?);
        let option = reader.take(length as usize)?;
        match code {
            NSID => edns.nsid = true,
            PADDING => edns.padded = true,
            CLIENT_SUBNET => edns.subnet = Some(subnet(option)?),
            COOKIE => {
                let (client, server) = option.split_first_chunk::<8>()?;
                edns.cookie = Some(Cookie::new(*client, server)?);
            }
            _ => {}
        }
    }
    Some(edns)
}

/// Reads a client subnet. A query whose scope is not 0, whose address has more or fewer bytes than its prefix needs, or
/// bits beyond its prefix, is malformed (RFC 7871 section 7.1.2 and 6).
fn subnet(option: &[u8]) -> Option<Subnet> {
    let (head, bytes) = option.split_first_chunk::<4>()?;
    let (family, source, scope) = (u16::from_be_bytes([head[0], head[1]]), head[2], head[3]);
    if scope != 0 || bytes.len() != (source as usize).div_ceil(8) {
        return None;
    }
    let mut whole = [0; 16];
    let address = match family {
        1 if source <= 32 => {
            whole[..bytes.len()].copy_from_slice(bytes);
            IpAddr::V4(Ipv4Addr::new(whole[0], whole[1], whole[2], whole[3]))
        }
        2 if source <= 128 => {
            whole[..bytes.len()].copy_from_slice(bytes);
            IpAddr::V6(Ipv6Addr::from(whole))
        }
        _ => return None,
    };
    (crate::geo::masked(address, source) == address).then_some(Subnet { address, source })
}

/// What an answer says by EDNS.
#[derive(Clone, Debug, Default)]
pub struct Reply<'a> {
    /// Bytes of a datagram that this server can take.
    pub udp_bytes: u16,
    /// The upper eight bits of the code.
    pub rcode_high: u8,
    /// Copied from the query (RFC 3225).
    pub dnssec_ok: bool,
    /// The client's subnet, as it came, and for how many bits the answer holds.
    pub subnet: Option<(Subnet, u8)>,
    /// The client's cookie and the server's for it.
    pub cookie: Option<([u8; 8], [u8; 16])>,
    /// The name of this server.
    pub nsid: Option<&'a str>,
    /// Why there is no answer (RFC 8914).
    pub error: Option<u16>,
    /// The answer's length becomes a multiple of this (RFC 8467); 0 does not pad.
    pub padded_to: u16,
}

/// Appends an OPT record.
pub fn write(reply: &Reply<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 41]);
    out.extend_from_slice(&reply.udp_bytes.to_be_bytes());
    let ttl = u32::from(reply.rcode_high) << 24 | if reply.dnssec_ok { DNSSEC_OK } else { 0 };
    out.extend_from_slice(&ttl.to_be_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    if let Some((subnet, scope)) = reply.subnet {
        write_subnet(subnet, scope, out);
    }
    if let Some((client, server)) = &reply.cookie {
        option(COOKIE, &[client.as_slice(), server.as_slice()], out);
    }
    if let Some(nsid) = reply.nsid {
        option(NSID, &[nsid.as_bytes()], out);
    }
    if let Some(error) = reply.error {
        option(EXTENDED_ERROR, &[&error.to_be_bytes()], out);
    }
    if reply.padded_to > 0 {
        let block = reply.padded_to as usize;
        let padding = (out.len() + 4).next_multiple_of(block) - (out.len() + 4);
        let zeros = [0_u8; 512];
        option(PADDING, &[&zeros[..padding.min(zeros.len())]], out);
    }
    let length = (out.len() - length_at - 2) as u16;
    out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
}

fn write_subnet(subnet: Subnet, scope: u8, out: &mut Vec<u8>) {
    let bytes = (subnet.source as usize).div_ceil(8);
    match subnet.address {
        IpAddr::V4(address) => {
            option(CLIENT_SUBNET, &[&[0, 1, subnet.source, scope], &address.octets()[..bytes]], out);
        }
        IpAddr::V6(address) => {
            option(CLIENT_SUBNET, &[&[0, 2, subnet.source, scope], &address.octets()[..bytes]], out);
        }
    }
}

fn option(code: u16, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&(length as u16).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
