//! Bodies as raw bytes.

use super::*;
use proptest::prelude::*;

fn taken(framing: Framing, bytes: &[u8]) -> Result<(usize, bool), Refused> {
    let mut body = Body::new(framing);
    let taken = body.take(bytes)?;
    Ok((taken, body.is_done()))
}

#[test]
fn bodies_end_where_they_say() {
    for (framing, bytes, expected) in [
        (Framing::None, "GET", (0, true)),
        (Framing::Length(3), "abcGET", (3, true)),
        (Framing::Length(3), "ab", (2, false)),
        (Framing::Chunked, "0\r\n\r\nGET", (5, true)),
        (Framing::Chunked, "3\r\nabc\r\n0\r\n\r\nGET", (13, true)),
        (Framing::Chunked, "3;a=\"b\"\r\nabc\r\n00\r\nX: y\r\n\r\nGET", (26, true)),
        (Framing::Chunked, "3\r\nab", (5, false)),
    ] {
        assert_eq!(taken(framing, bytes.as_bytes()), Ok(expected), "{bytes:?}");
    }
}

#[test]
fn chunks_with_two_meanings_are_refused() {
    for bytes in [
        "\r\n",
        "g\r\n",
        "3\nabc\n",
        "3 \r\nabc\r\n",
        " 3\r\nabc\r\n",
        "+3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n",
        "3\r\nabc\r\r\n",
        "3\r\nabc\r\n\r\n",
        "3;a\nb\r\nabc\r\n",
        "3;a\rb\r\n",
        "fffffffffffffffff\r\n",
        "0\r\nX y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\n\n",
        "0\r\nX: a\0\r\n\r\n",
        "-1\r\n",
    ] {
        assert!(taken(Framing::Chunked, bytes.as_bytes()).is_err(), "{bytes:?}");
    }
    let endless = format!("3;{}", "a".repeat(EXTRA_BYTES_MAX + 1));
    assert!(taken(Framing::Chunked, endless.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn chunks_are_followed_however_they_come(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let (end, cut) = (bytes.len(), cut.index(bytes.len()));
        bytes.extend(b"GET / HTTP/1.1");
        let mut body = Body::new(Framing::Chunked);
        prop_assert_eq!(body.take(&bytes[..cut]), Ok(cut));
        prop_assert_eq!(body.take(&bytes[cut..]), Ok(end - cut));
        prop_assert!(body.is_done());
    }

    #[test]
    fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
        let _ = taken(Framing::Chunked, &bytes);
    }
}
