//! The bytes of an HTTP/1 connection: heads and bodies one after the other. The verdict must not depend on where the bytes are cut.

#![no_main]

use bole_gateway::connection::body::Body;
use bole_gateway::connection::head::{Bounds, scan};
use libfuzzer_sys::fuzz_target;

const BOUNDS: Bounds = Bounds { bytes_max: 8 << 10, fields_max: 50, target_bytes_max: 1 << 10 };

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, mut bytes) = input;
    while let Ok(Some(head)) = scan(bytes, &mut 0, &BOUNDS) {
        let cut = usize::from(cut).min(bytes.len());
        let mut searched = 0;
        let first = scan(&bytes[..cut], &mut searched, &BOUNDS);
        let again = if first == Ok(None) { scan(bytes, &mut searched, &BOUNDS) } else { first };
        assert_eq!(again, Ok(Some(head)));
        bytes = &bytes[head.end..];
        let mut body = Body::new(head.framing);
        match body.take(bytes) {
            Ok(taken) if body.is_done() => bytes = &bytes[taken..],
            _ => return,
        }
    }
});
