//! Writes replies as RESP2 or RESP3. The methods name what a reply means; the version decides how it looks.

use crate::state::Text;

/// `$`, up to 19 digits and two line ends.
const BULK_FRAME_BYTES_MAX: usize = 24;

/// A connection's replies, in order, and the protocol version that it has asked for.
///
/// What would take it beyond its bound is not appended, nor is anything after that: [`Reply::overflowed`].
#[derive(Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
    /// Whether the client said `HELLO 3`.
    pub resp3: bool,
}

impl Reply {
    /// No replies, in RESP2.
    pub const fn new() -> Self {
        Self::in_version(false)
    }

    /// No replies, in RESP2, and at most so many bytes of them.
    pub const fn bounded(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, overflowed: false, resp3: false }
    }

    /// No replies, in RESP3 or RESP2.
    pub const fn in_version(resp3: bool) -> Self {
        Self { bytes: Vec::new(), bytes_max: usize::MAX, overflowed: false, resp3 }
    }

    /// Whether there was more to say than the bound allows. What is here then is not a whole reply.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Whether `more` bytes may be appended.
    fn has_room(&mut self, more: usize) -> bool {
        self.overflowed |= more > self.bytes_max.saturating_sub(self.bytes.len());
        !self.overflowed
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes back everything after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Forgets the bytes, which were sent; keeps a modest buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(64 << 10);
    }

    /// Bytes that are replies already.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A short text without line ends.
    pub fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.line(text.as_bytes());
    }

    /// An error: `CODE message`. Line ends in it become spaces, so that no value can break the protocol.
    pub fn error(&mut self, text: &str) {
        if self.has_room(text.len() + 3) {
            self.bytes.push(b'-');
            self.bytes
                .extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
            self.bytes.extend_from_slice(b"\r\n");
        }
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        self.head(b':', value);
    }

    /// A count.
    pub fn count(&mut self, value: usize) {
        self.head(b':', value as i64);
    }

    /// A byte string.
    pub fn bulk(&mut self, value: &[u8]) {
        if self.has_room(value.len() + BULK_FRAME_BYTES_MAX) {
            self.bytes.reserve(value.len() + BULK_FRAME_BYTES_MAX);
            self.head(b'$', value.len() as i64);
            self.line(value);
        }
    }

    /// An integer as a byte string.
    pub fn bulk_integer(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(value).as_bytes());
    }

    /// A byte string that may be kept as an integer.
    pub fn bulk_text(&mut self, value: Text<'_>) {
        match value {
            Text::Integer(integer) => self.bulk_integer(integer),
            Text::Bytes(bytes) => self.bulk(bytes),
        }
    }

    /// A byte string, or null.
    pub fn bulk_or_null(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.null(),
        }
    }

    /// Nothing, where a value was asked for.
    pub fn null(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Nothing, where an array was asked for.
    pub fn null_array(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The start of an array of `count` elements.
    pub fn array(&mut self, count: usize) {
        self.head(b'*', count as i64);
    }

    /// The start of a set of `count` elements.
    pub fn set(&mut self, count: usize) {
        self.head(if self.resp3 { b'~' } else { b'*' }, count as i64);
    }

    /// The start of a map of `count` pairs.
    pub fn map(&mut self, count: usize) {
        if self.resp3 {
            self.head(b'%', count as i64);
        } else {
            self.head(b'*', 2 * count as i64);
        }
    }

    /// The start of a message that the client did not ask for, of `count` elements.
    pub fn push(&mut self, count: usize) {
        self.head(if self.resp3 { b'>' } else { b'*' }, count as i64);
    }

    /// A floating-point number.
    pub fn double(&mut self, value: f64) {
        let mut text = NumberText::default();
        let text = text.format(value);
        if self.resp3 {
            self.bytes.push(b',');
            self.line(text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// A truth value: 1 or 0 in RESP2.
    pub fn boolean(&mut self, value: bool) {
        match (self.resp3, value) {
            (true, true) => self.raw(b"#t\r\n"),
            (true, false) => self.raw(b"#f\r\n"),
            (false, value) => self.integer(i64::from(value)),
        }
    }

    /// A text of several lines for people, such as INFO.
    pub fn verbatim(&mut self, text: &str) {
        if self.resp3 {
            self.head(b'=', text.len() as i64 + 4);
            self.raw(b"txt:");
            self.line(text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    fn head(&mut self, kind: u8, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.bytes.push(kind);
        self.line(digits.format(value).as_bytes());
    }

    fn line(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len() + 2) {
            self.bytes.extend_from_slice(bytes);
            self.bytes.extend_from_slice(b"\r\n");
        }
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

/// Formats numbers as Redis prints them: integers without a point, the shortest text that reads back as the same number
/// otherwise, `inf` and `-inf`.
#[derive(Default)]
pub struct NumberText {
    text: String,
}

impl NumberText {
    /// The text of `value`.
    pub fn format(&mut self, value: f64) -> &str {
        const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
        self.text.clear();
        if value.is_infinite() {
            self.text.push_str(if value > 0.0 { "inf" } else { "-inf" });
        } else if value == 0.0 {
            self.text.push_str(if value.is_sign_negative() { "-0" } else { "0" });
        } else if value.fract() == 0.0 && value.abs() < EXACT_INTEGER_MAX {
            self.text.push_str(itoa::Buffer::new().format(value as i64));
        } else {
            self.shortest(value);
        }
        &self.text
    }

    /// The text of `value` without an exponent, as INCRBYFLOAT stores it: up to 17 digits after the point, without trailing zeros.
    pub fn fixed(&mut self, value: f64) -> &str {
        if value.fract() == 0.0 {
            self.text = format!("{value:.0}");
        } else {
            self.text = format!("{value}");
        }
        if self.text == "-0" {
            self.text.remove(0);
        }
        &self.text
    }

    /// The shortest digits in C's `%.17g` style: an exponent only below 1e-5 and from 1e17 on, written `e+20`, `e-7`.
    fn shortest(&mut self, value: f64) {
        let magnitude = value.abs();
        if (1e-5..1e17).contains(&magnitude) {
            self.text = format!("{value}");
            return;
        }
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        self.text = format!("{digits}e{sign}{exponent:0>2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl Fn(&mut Reply), resp2: &str, resp3: &str) {
        for (version, expected) in [(false, resp2), (true, resp3)] {
            let mut reply = Reply { resp3: version, ..Reply::new() };
            write(&mut reply);
            assert_eq!(reply.bytes().escape_ascii().to_string(), expected);
        }
    }

    #[test]
    fn each_kind_in_both_versions() {
        check(Reply::null, "$-1\\r\\n", "_\\r\\n");
        check(Reply::null_array, "*-1\\r\\n", "_\\r\\n");
        check(|r| r.map(2), "*4\\r\\n", "%2\\r\\n");
        check(|r| r.set(2), "*2\\r\\n", "~2\\r\\n");
        check(|r| r.push(3), "*3\\r\\n", ">3\\r\\n");
        check(|r| r.boolean(true), ":1\\r\\n", "#t\\r\\n");
        check(|r| r.double(1.5), "$3\\r\\n1.5\\r\\n", ",1.5\\r\\n");
        check(|r| r.verbatim("a"), "$1\\r\\na\\r\\n", "=5\\r\\ntxt:a\\r\\n");
        check(|r| r.error("ERR a\r\nb"), "-ERR a  b\\r\\n", "-ERR a  b\\r\\n");
        check(|r| r.bulk_integer(-7), "$2\\r\\n-7\\r\\n", "$2\\r\\n-7\\r\\n");
    }

    #[test]
    fn nothing_is_appended_beyond_the_bound() {
        let appends: [fn(&mut Reply); 6] = [
            |reply| reply.bulk(&[b'x'; 100]),
            |reply| reply.raw(&[b'x'; 100]),
            |reply| reply.error(&"x".repeat(100)),
            |reply| reply.simple(&"x".repeat(100)),
            |reply| reply.verbatim(&"x".repeat(100)),
            |reply| (0..100).for_each(|_| reply.ok()),
        ];
        for (row, append) in appends.into_iter().enumerate() {
            let mut reply = Reply::bounded(64);
            reply.ok();
            assert!(!reply.overflowed(), "row {row}");
            append(&mut reply);
            let len = reply.len();
            assert!(reply.overflowed() && len <= 64, "row {row}: {len} bytes");
            reply.ok();
            assert_eq!(reply.len(), len, "row {row}: nothing follows what is missing");
        }
    }

    #[test]
    fn numbers_look_as_in_redis() {
        for (value, expected) in [
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (2.123_456_789_012_345, "2.123456789012345"),
            (1e20, "1e+20"),
            (-1.5e-7, "-1.5e-07"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (17_179_869_184.5, "17179869184.5"),
        ] {
            assert_eq!(NumberText::default().format(value), expected);
        }
    }
}
