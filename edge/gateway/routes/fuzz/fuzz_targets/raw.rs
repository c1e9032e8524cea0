//! Arbitrary bytes on an HTTP/1 connection: the verdict is the same however they are cut. `src/raw/tests.rs` has the same as a property.
#![no_main]

use bole_gateway_routes::raw::Connection;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let mut whole = Connection::default();
    let verdict = whole.feed(bytes);
    let mut pieces = Connection::default();
    let other = bytes.chunks(usize::from(cut).max(1)).try_for_each(|piece| pieces.feed(piece));
    assert_eq!((verdict, whole.heads()), (other, pieces.heads()));
});
