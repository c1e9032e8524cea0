//! The PROXY protocol, versions 1 and 2: a balancer in front tells whose connection it passes on, before the first byte of it. Read
//! of clients, written to instances. After `HAProxy`'s description of the protocol (proxy-protocol.txt, sections 2.1 and 2.2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What begins version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, its end included.
const LINE_BYTES_MAX: usize = 107;
/// Addresses and further fields of version 2 that are read; the protocol allows 64 KiB.
const FIELDS_BYTES_MAX: usize = 4 << 10;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub client: SocketAddr,
    /// The address that the client came to.
    pub local: SocketAddr,
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the connection does not begin with a PROXY line: {what}"),
    )
}

/// Reads the line, and nothing after it. `None` if the balancer speaks for itself (LOCAL, UNKNOWN).
///
/// # Errors
/// Anything else than the protocol.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Origin>> {
    // The shortest line of either version is longer than the signature.
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await?;
    if begin == SIGNATURE {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).await?;
        let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if length > FIELDS_BYTES_MAX {
            return Err(wrong("its fields have too many bytes"));
        }
        let mut fields = vec![0; length];
        stream.read_exact(&mut fields).await?;
        return version_2(fixed[0], fixed[1], &fields);
    }
    let mut line = begin.to_vec();
    while line.last() != Some(&b'\n') {
        if line.len() >= LINE_BYTES_MAX {
            return Err(wrong("its line does not end"));
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line)
}

fn version_1(line: &[u8]) -> io::Result<Option<Origin>> {
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or_else(|| wrong("it is no line of text"))?;
    let parts: Vec<&str> = line.split(' ').collect();
    match parts[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), client, local, client_port, local_port] => {
            let address = |ip: &str, port: &str| {
                let ip: IpAddr = ip.parse().ok()?;
                let fits = ip.is_ipv4() == (family == "TCP4");
                fits.then_some(SocketAddr::new(ip, port.parse().ok()?))
            };
            let origin = address(client, client_port).zip(address(local, local_port));
            let (client, local) = origin.ok_or_else(|| wrong("its addresses are none"))?;
            Ok(Some(Origin { client, local }))
        }
        _ => Err(wrong("it has other words")),
    }
}

fn version_2(version: u8, family: u8, fields: &[u8]) -> io::Result<Option<Origin>> {
    match version {
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(wrong("its version or command is unknown")),
    }
    let port = |at: usize| u16::from_be_bytes([fields[at], fields[at + 1]]);
    let origin = match family {
        0x11 if fields.len() >= 12 => {
            let ip = |at: usize| Ipv4Addr::new(fields[at], fields[at + 1], fields[at + 2], fields[at + 3]);
            let (client, local) = (SocketAddr::from((ip(0), port(8))), SocketAddr::from((ip(4), port(10))));
            Origin { client, local }
        }
        0x21 if fields.len() >= 36 => {
            let ip = |at: usize| {
                let bytes: [u8; 16] =
                    fields[at..at + 16].try_into().expect("invariant: the slice has 16 bytes");
                Ipv6Addr::from(bytes)
            };
            let (client, local) = (SocketAddr::from((ip(0), port(32))), SocketAddr::from((ip(16), port(34))));
            Origin { client, local }
        }
        0x00 => return Ok(None),
        _ => return Err(wrong("its addresses are not those of TCP over IP")),
    };
    Ok(Some(origin))
}

/// Both addresses as one family: an IPv4 one becomes IPv6 beside an IPv6 one.
fn of_one_family(origin: Origin) -> Origin {
    let widened = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V6(ip.to_ipv6_mapped()), address.port()),
        IpAddr::V6(_) => address,
    };
    if origin.client.is_ipv4() == origin.local.is_ipv4() {
        origin
    } else {
        Origin { client: widened(origin.client), local: widened(origin.local) }
    }
}

/// The line of version 1.
pub fn line(origin: Origin) -> Vec<u8> {
    let Origin { client, local } = of_one_family(origin);
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("PROXY {family} {} {} {} {}\r\n", client.ip(), local.ip(), client.port(), local.port())
        .into_bytes()
}

/// The header of version 2.
pub fn header(origin: Origin) -> Vec<u8> {
    let Origin { client, local } = of_one_family(origin);
    let mut bytes = SIGNATURE.to_vec();
    let mut addresses = Vec::new();
    let family = match (client.ip(), local.ip()) {
        (IpAddr::V4(client), IpAddr::V4(local)) => {
            addresses.extend(client.octets());
            addresses.extend(local.octets());
            0x11
        }
        (client, local) => {
            for ip in [client, local] {
                let IpAddr::V6(ip) = ip else { continue };
                addresses.extend(ip.octets());
            }
            0x21
        }
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend(local.port().to_be_bytes());
    bytes.extend([0x21, family]);
    bytes.extend((addresses.len() as u16).to_be_bytes());
    bytes.extend(addresses);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> (io::Result<Option<Origin>>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut rest = bytes;
        let read = runtime.block_on(read(&mut rest));
        (read, rest.to_vec())
    }

    fn address() -> impl Strategy<Value = SocketAddr> {
        let v4 = (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from);
        let v6 = (any::<[u8; 16]>(), any::<u16>()).prop_map(SocketAddr::from);
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(client in address(), local in address(), rest in any::<[u8; 3]>()) {
            let origin = of_one_family(Origin { client, local });
            for mut bytes in [line(origin), header(origin)] {
                bytes.extend(rest);
                let (read, left) = read_all(&bytes);
                prop_assert_eq!(read.expect("it is the protocol"), Some(origin));
                prop_assert_eq!(left, rest);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
            let _ = read_all(&bytes);
            let _ = read_all(&[&SIGNATURE[..], &bytes].concat());
            let _ = read_all(&[&b"PROXY "[..], &bytes].concat());
        }
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        let local_v2 = [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat();
        assert!(matches!(read_all(&local_v2), (Ok(None), _)));
        assert!(matches!(read_all(b"PROXY UNKNOWN\r\nGET"), (Ok(None), rest) if rest == b"GET"));
        for wrong in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(),
            b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            b"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
            &[b'P'; 200],
            &[&SIGNATURE[..], &[0x11, 0x11, 0, 0]].concat(),
            &[&SIGNATURE[..], &[0x21, 0x11, 0xFF, 0xFF]].concat(),
            &[&SIGNATURE[..], &[0x21, 0x11, 0, 1, 0]].concat(),
        ] {
            assert!(read_all(wrong).0.is_err(), "{}", wrong.escape_ascii());
        }
    }
}
