//! The packets that come before a connection has a protocol: startup, cancel, and requests for encryption. They have no type byte.

use bytes::{Buf as _, Bytes, BytesMut};

use super::Broken;
use super::body::Body;

/// Bytes of a first packet, and of a message before authentication, as in PostgreSQL.
pub const FIRST_BYTES_MAX: usize = 10_000;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// The least: a length and a code.
const FIRST_BYTES_MIN: usize = 8;

/// A first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// The protocol's version and parameters.
    Startup {
        /// The first half of the version: 3.
        major: u16,
        /// The second half: 0 is what there is.
        minor: u16,
        /// Names and values, as they came.
        parameters: Vec<(String, String)>,
    },
    /// `SSLRequest`.
    Ssl,
    /// `GSSENCRequest`.
    Gss,
    /// `CancelRequest`.
    Cancel {
        /// The process id that the client was told.
        process_id: i32,
        /// The key that it was told.
        key: i32,
    },
}

/// Takes the next packet off `input`; `None` until it is whole.
pub fn first(input: &mut BytesMut) -> Result<Option<First>, Broken> {
    let Some(length) = input.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if !(FIRST_BYTES_MIN..=FIRST_BYTES_MAX).contains(&length) {
        return Err(Broken::new("invalid length of startup packet"));
    }
    if input.len() < length {
        return Ok(None);
    }
    let mut packet = input.split_to(length).freeze();
    packet.advance(4);
    let code = packet.get_u32();
    let mut body = Body::new(packet);
    match code {
        SSL => Ok(Some(First::Ssl)),
        GSS => Ok(Some(First::Gss)),
        CANCEL => {
            let process_id = body.i32().map_err(Broken)?;
            Ok(Some(First::Cancel { process_id, key: body.i32().map_err(Broken)? }))
        }
        version => {
            let (major, minor) = ((version >> 16) as u16, version as u16);
            // Of another protocol, nothing is known of what follows.
            let parameters = if major == 3 { parameters(body.rest())? } else { Vec::new() };
            Ok(Some(First::Startup { major, minor, parameters }))
        }
    }
}

fn parameters(bytes: Bytes) -> Result<Vec<(String, String)>, Broken> {
    let layout = || Broken::new("invalid startup packet layout: expected terminator as last byte");
    let mut body = Body::new(bytes);
    let mut parameters = Vec::new();
    loop {
        let name = body.text().map_err(|_| layout())?;
        if name.is_empty() {
            body.end().map_err(|_| layout())?;
            return Ok(parameters);
        }
        parameters.push((name, body.text().map_err(|_| layout())?));
    }
}
