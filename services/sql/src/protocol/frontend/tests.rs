use bytes::{BufMut as _, Bytes, BytesMut};
use proptest::prelude::*;

use super::super::startup::{self, First};
use super::*;

const BYTES_MAX: usize = 1_000;

fn frame(tag: u8, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u8(tag);
    out.put_u32(body.len() as u32 + 4);
    out.put_slice(body);
    out
}

#[test]
fn messages_are_read() {
    let bind = Bind {
        portal: "p".to_owned(),
        statement: "s".to_owned(),
        formats: vec![Format::Binary],
        parameters: vec![None, Some(Bytes::from_static(b"ab"))],
        results: vec![Format::Text, Format::Binary],
    };
    let bind_body = b"p\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\x02\0\0\0\x01";
    let parse = Message::Parse { name: "n".to_owned(), text: "select $1".to_owned(), types: vec![23, 0] };
    let rows: [(u8, &[u8], Message); 12] = [
        (b'Q', b"select 1\0", Message::Query("select 1".to_owned())),
        (b'P', b"n\0select $1\0\0\x02\0\0\0\x17\0\0\0\0", parse),
        (b'B', bind_body, Message::Bind(Box::new(bind))),
        (b'D', b"Sx\0", Message::Describe(Target::Statement("x".to_owned()))),
        (b'C', b"P\0", Message::Close(Target::Portal(String::new()))),
        (b'E', b"\0\0\0\0\x05", Message::Execute { portal: String::new(), rows_max: 5 }),
        (b'E', b"\0\xff\xff\xff\xff", Message::Execute { portal: String::new(), rows_max: 0 }),
        (b'S', b"", Message::Sync),
        (b'H', b"", Message::Flush),
        (b'd', b"1\t2\n", Message::CopyData(Bytes::from_static(b"1\t2\n"))),
        (b'f', b"no\0", Message::CopyFail("no".to_owned())),
        (b'X', b"", Message::Terminate),
    ];
    for (tag, body, expected) in rows {
        let mut input = frame(tag, body);
        for end in 0..input.len() {
            assert_eq!(next(&mut BytesMut::from(&input[..end]), BYTES_MAX), Ok(None));
        }
        assert_eq!(next(&mut input, BYTES_MAX), Ok(Some(expected)));
        assert!(input.is_empty());
    }
}

#[test]
fn bodies_that_are_wrong_are_told() {
    let rows: [(u8, &[u8], &[u8; 5], &str); 9] = [
        (b'Q', b"select", b"08P01", "invalid string in message"),
        (b'Q', b"a\0b", b"08P01", "invalid message format"),
        (b'Q', b"\xff\xfe\0", b"22021", "invalid byte sequence for encoding \"UTF8\": 0xff"),
        (b'S', b"x", b"08P01", "invalid message format"),
        (b'P', b"\0\0\xff\xff", b"08P01", "insufficient data left in message"),
        (b'B', b"\0\0\0\x01\0\x02\0\0\0\0", b"22023", "unsupported format code: 2"),
        (b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0", b"08P01", "insufficient data left in message"),
        (b'D', b"Xa\0", b"08P01", "invalid DESCRIBE message subtype 88"),
        (b'F', b"", b"0A000", "the function call protocol is not supported"),
    ];
    for (tag, body, state, message) in rows {
        let read = next(&mut frame(tag, body), BYTES_MAX).unwrap();
        assert_eq!(read, Some(Message::Bad(tag, Error::new(SqlState(*state), message))), "{body:?}");
    }
}

#[test]
fn frames_that_are_wrong_end_the_connection() {
    for (bytes, message) in [
        (&b"Q\0\0\0\x03"[..], "invalid message length"),
        (b"Q\xff\xff\xff\xff", "invalid message length"),
        (b"Q\0\0\x03\xe9", "invalid message length"),
        (b"G", "invalid frontend message type 71"),
        (b"\0", "invalid frontend message type 0"),
    ] {
        let read = next(&mut BytesMut::from(bytes), BYTES_MAX);
        assert_eq!(read.map_err(|broken| broken.0.message), Err(message.to_owned()));
    }
}

#[test]
fn first_packets_are_read() {
    let startup = |parameters: &[(&str, &str)]| First::Startup {
        major: 3,
        minor: 0,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let broken = "invalid startup packet layout: expected terminator as last byte";
    let rows: [(&[u8], Result<First, &str>); 9] = [
        (b"\0\0\0\x08\x04\xd2\x16\x2f", Ok(First::Ssl)),
        (b"\0\0\0\x08\x04\xd2\x16\x30", Ok(First::Gss)),
        (b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\0\0\0\x09", Ok(First::Cancel { process_id: 7, key: 9 })),
        (b"\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x07", Err("insufficient data left in message")),
        (b"\0\0\0\x11\0\x03\0\0user\0a\0\0\0", Err(broken)),
        (b"\0\0\0\x10\0\x03\0\0user\0a\0\0", Ok(startup(&[("user", "a")]))),
        (b"\0\0\0\x0f\0\x03\0\0user\0a\0", Err(broken)),
        (b"\0\0\0\x0a\0\x02\0\0zz", Ok(First::Startup { major: 2, minor: 0, parameters: Vec::new() })),
        (b"\0\0\0\x07", Err("invalid length of startup packet")),
    ];
    for (bytes, expected) in rows {
        let read = startup::first(&mut BytesMut::from(bytes));
        let read = read.map(Option::unwrap).map_err(|broken| broken.0.message);
        assert_eq!(read, expected.map_err(str::to_owned), "{bytes:?}");
    }
}

proptest! {
    /// Whatever comes, it is read or refused, and nothing is left that was read.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in 0_usize..14) {
        let mut input = BytesMut::from(&bytes[..]);
        let _any = startup::first(&mut input);
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = next(&mut input, BYTES_MAX) {}
        let read = next(&mut frame(b"QPBDECHSdcfpXF"[tag], &bytes), BYTES_MAX);
        prop_assert!(matches!(read, Ok(Some(_))));
    }
}
