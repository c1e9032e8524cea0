//! Reads commands from a connection's bytes: arrays of bulk strings, and inline commands as people type them.
//!
//! Source: the RESP specification. The parser remembers how far it came in an unfinished command, so that a large value arriving in many
//! pieces is looked at once. It never recurses and allocates only a range per argument; lengths are checked against the limits before anything is reserved.

use std::ops::Range;

/// The largest number of arguments of a command, as in Redis.
pub const ARGUMENTS_MAX: usize = 1 << 20;
/// The longest inline command.
pub const INLINE_BYTES_MAX: usize = 64 << 10;
/// The most arguments before a client has authenticated.
pub const UNAUTHENTICATED_ARGUMENTS_MAX: usize = 10;
/// The largest argument before a client has authenticated.
pub const UNAUTHENTICATED_BULK_MAX: usize = 16 << 10;

/// A command may be larger than its largest argument by this: the heads of a million arguments, and some.
pub const REQUEST_EXTRA_BYTES_MAX: usize = 16 << 20;

/// What makes the rest of a connection's bytes unreadable. The text is what Redis says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Protocol error: {0}")]
pub struct ProtocolError(pub String);

/// Where the parser stands in a connection's bytes.
#[derive(Debug)]
pub struct Parser {
    /// The largest bulk string. A whole command may have [`REQUEST_EXTRA_BYTES_MAX`] more.
    pub bulk_bytes_max: usize,
    /// Whether the client has authenticated, or need not.
    pub authenticated: bool,
    /// Ranges of the arguments so far, relative to the command's start.
    arguments: Vec<Range<usize>>,
    /// Arguments still to come; `None` before the array's head was read.
    missing: Option<usize>,
    /// How far the unfinished command was read.
    at: usize,
    /// The announced length of the bulk string at `at`.
    bulk: Option<usize>,
    /// Unquoted arguments of an inline command that differ from its bytes.
    inline: Vec<u8>,
}

/// A whole command.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The arguments, the name first. Empty for an empty line, which is no command.
    pub ranges: &'a [Range<usize>],
    /// What the ranges are in: `None` for the connection's bytes.
    pub unquoted: Option<&'a [u8]>,
    /// Bytes that the command takes.
    pub length: usize,
}

impl Parser {
    /// A parser at the start of a command.
    pub const fn new(bulk_bytes_max: usize) -> Self {
        Self {
            bulk_bytes_max,
            authenticated: true,
            arguments: Vec::new(),
            missing: None,
            at: 0,
            bulk: None,
            inline: Vec::new(),
        }
    }

    /// How many more bytes the unfinished command needs at least, as far as is known.
    pub fn wanted(&self, available: usize) -> usize {
        self.bulk.map_or(0, |length| (self.at + length + 2).saturating_sub(available))
    }

    /// Reads the command at the start of `bytes`; `None` if it is not whole yet. After a command, call [`Parser::next`].
    pub fn parse(&mut self, bytes: &[u8]) -> Result<Option<Parsed<'_>>, ProtocolError> {
        let missing = match self.missing {
            Some(missing) => missing,
            None => match bytes.first() {
                None => return Ok(None),
                Some(b'*') => match self.read_head(bytes)? {
                    None => return Ok(None),
                    Some(count) => count,
                },
                Some(_) => return self.parse_inline(bytes),
            },
        };
        for left in (0..missing).rev() {
            if !self.read_bulk(bytes)? {
                return Ok(None);
            }
            self.missing = Some(left);
        }
        Ok(Some(Parsed { ranges: &self.arguments, unquoted: None, length: self.at }))
    }

    /// Forgets the command that was read, to start with the one after it.
    pub fn next(&mut self) {
        self.arguments.clear();
        self.arguments.shrink_to(1024);
        self.missing = None;
        self.at = 0;
        self.bulk = None;
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let max = if self.authenticated { ARGUMENTS_MAX } else { UNAUTHENTICATED_ARGUMENTS_MAX };
        let Some((number, at)) = read_number(bytes, 1, "invalid multibulk length")? else { return Ok(None) };
        if number > max as i64 {
            let text = if self.authenticated {
                "invalid multibulk length"
            } else {
                "unauthenticated multibulk length"
            };
            return Err(ProtocolError(text.to_owned()));
        }
        let count = number.max(0) as usize;
        self.at = at;
        self.missing = Some(count);
        Ok(Some(count))
    }

    /// Reads one `$length\r\nbytes\r\n`; `false` if it is not whole yet.
    fn read_bulk(&mut self, bytes: &[u8]) -> Result<bool, ProtocolError> {
        let length = match self.bulk {
            Some(length) => length,
            None => match self.read_bulk_length(bytes)? {
                None => return Ok(false),
                Some(length) => length,
            },
        };
        if bytes.len() < self.at + length + 2 {
            return Ok(false);
        }
        self.arguments.push(self.at..self.at + length);
        self.at += length + 2;
        self.bulk = None;
        Ok(true)
    }

    fn read_bulk_length(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let Some(&first) = bytes.get(self.at) else { return Ok(None) };
        if first != b'$' {
            return Err(ProtocolError(format!("expected '$', got '{}'", first.escape_ascii())));
        }
        let Some((number, at)) = read_number(bytes, self.at + 1, "invalid bulk length")? else {
            return Ok(None);
        };
        if number < 0 || number > self.bulk_bytes_max as i64 {
            return Err(ProtocolError("invalid bulk length".to_owned()));
        }
        if !self.authenticated && number > UNAUTHENTICATED_BULK_MAX as i64 {
            return Err(ProtocolError("unauthenticated bulk length".to_owned()));
        }
        if at + number as usize > self.bulk_bytes_max.saturating_add(REQUEST_EXTRA_BYTES_MAX) {
            return Err(ProtocolError(format!(
                "too big request; {} bytes are allowed in one command",
                self.bulk_bytes_max
            )));
        }
        self.at = at;
        self.bulk = Some(number as usize);
        Ok(self.bulk)
    }

    fn parse_inline(&mut self, bytes: &[u8]) -> Result<Option<Parsed<'_>>, ProtocolError> {
        let window = &bytes[..bytes.len().min(INLINE_BYTES_MAX)];
        let Some(newline) = memchr::memchr(b'\n', window) else {
            if bytes.len() >= INLINE_BYTES_MAX {
                return Err(ProtocolError("too big inline request".to_owned()));
            }
            return Ok(None);
        };
        let line = &bytes[..newline];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.inline.clear();
        self.arguments.clear();
        if !split_inline(line, &mut self.inline, &mut self.arguments) {
            return Err(ProtocolError("unbalanced quotes in request".to_owned()));
        }
        Ok(Some(Parsed { ranges: &self.arguments, unquoted: Some(&self.inline), length: newline + 1 }))
    }
}

/// Reads the decimal number at `at` and its `\r\n`: the number and the place after it, `None` if the line is not whole.
fn read_number(bytes: &[u8], at: usize, complaint: &str) -> Result<Option<(i64, usize)>, ProtocolError> {
    // A sign, 19 digits and the line end.
    const LINE_BYTES_MAX: usize = 22;
    let complain = || ProtocolError(complaint.to_owned());
    let line = &bytes[at.min(bytes.len())..bytes.len().min(at + LINE_BYTES_MAX)];
    let (negative, digits) = match line.first() {
        Some(b'-') => (true, &line[1..]),
        _ => (false, line),
    };
    let mut number: i64 = 0;
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                number = number.checked_mul(10).and_then(|n| n.checked_add(digit)).ok_or_else(complain)?;
            }
            b'\r' if index > 0 => {
                return match digits.get(index + 1) {
                    None => Ok(None),
                    Some(b'\n') => {
                        let end = at + usize::from(negative) + index + 2;
                        Ok(Some((if negative { -number } else { number }, end)))
                    }
                    Some(_) => Err(complain()),
                };
            }
            _ => return Err(complain()),
        }
    }
    if line.len() == LINE_BYTES_MAX { Err(complain()) } else { Ok(None) }
}

/// Splits a typed line into arguments, with Redis's quoting: `"…"` with escapes, `'…'` with `\'`. `false` if a quote is left open or
/// is followed by something else than a space.
pub fn split_inline(line: &[u8], out: &mut Vec<u8>, ranges: &mut Vec<Range<usize>>) -> bool {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some(&first) = rest.first() else { return true };
        let start = out.len();
        let mut open = first == b'"' || first == b'\'';
        let mut quote = if open { first } else { 0 };
        if open {
            rest = &rest[1..];
        }
        while let Some((&byte, after)) = rest.split_first() {
            if open {
                if byte == quote {
                    if after.first().is_some_and(|next| !next.is_ascii_whitespace()) {
                        return false;
                    }
                    open = false;
                    rest = after;
                    break;
                }
                rest = unescape(byte, after, quote, out);
            } else if byte.is_ascii_whitespace() || byte == 0 {
                break;
            } else if byte == b'"' || byte == b'\'' {
                open = true;
                quote = byte;
                rest = after;
            } else {
                out.push(byte);
                rest = after;
            }
        }
        if open {
            return false;
        }
        if rest.first() == Some(&0) {
            rest = &rest[1..];
        }
        ranges.push(start..out.len());
    }
}

/// Takes one byte or escape sequence inside quotes and returns what follows it.
fn unescape<'a>(byte: u8, after: &'a [u8], quote: u8, out: &mut Vec<u8>) -> &'a [u8] {
    let hex = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    match (byte, quote, after) {
        (b'\\', b'"', [b'x', high, low, rest @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
            out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
            rest
        }
        (b'\\', b'"', [escaped, rest @ ..]) => {
            out.push(match escaped {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'a' => 7,
                other => *other,
            });
            rest
        }
        (b'\\', b'\'', [b'\'', rest @ ..]) => {
            out.push(b'\'');
            rest
        }
        _ => {
            out.push(byte);
            after
        }
    }
}

/// Reads `bytes` as requests, whatever they are, at once and as they come in two pieces; panics if that makes a difference or a range
/// lies outside. What the fuzz target runs.
pub fn check_bytes(bytes: &[u8]) {
    let cut = bytes.first().map_or(0, |first| usize::from(*first) * bytes.len() / 256);
    let whole = read_all(bytes, &[bytes.len()]);
    assert_eq!(whole, read_all(bytes, &[cut, bytes.len()]), "cut at {cut}");
}

/// How many commands and argument bytes there are, how far they reach, and the complaint, if bytes arrive up to each of `ends`.
fn read_all(bytes: &[u8], ends: &[usize]) -> (usize, usize, usize, Option<ProtocolError>) {
    let mut parser = Parser::new(1 << 20);
    let (mut start, mut commands, mut argument_bytes) = (0, 0, 0);
    for &end in ends {
        loop {
            match parser.parse(&bytes[start..end]) {
                Ok(None) => break,
                Ok(Some(parsed)) => {
                    let source = parsed.unquoted.unwrap_or(&bytes[start..end]);
                    argument_bytes +=
                        parsed.ranges.iter().map(|range| source[range.clone()].len()).sum::<usize>();
                    commands += 1;
                    start += parsed.length;
                }
                Err(complaint) => return (commands, argument_bytes, start, Some(complaint)),
            }
            parser.next();
        }
    }
    (commands, argument_bytes, start, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All commands in `bytes`, fed `step` bytes at a time.
    fn commands(bytes: &[u8], step: usize) -> Result<Vec<Vec<String>>, ProtocolError> {
        let mut parser = Parser::new(1 << 20);
        let mut found = Vec::new();
        let mut start = 0;
        for end in (0..=bytes.len()).step_by(step).chain([bytes.len()]) {
            while let Some(parsed) = parser.parse(&bytes[start..end])? {
                let source = parsed.unquoted.unwrap_or(&bytes[start..end]);
                let text = |range: &Range<usize>| source[range.clone()].escape_ascii().to_string();
                found.push(parsed.ranges.iter().map(text).collect());
                start += parsed.length;
                parser.next();
            }
        }
        Ok(found)
    }

    #[test]
    fn commands_come_out_however_they_arrive() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*0\r\n*1\r\n$0\r\n\r\nset a \"b \\x41\\n\" 'c\\'d'\n\r\n*-1\r\n";
        let expected: Vec<Vec<&str>> = vec![
            vec!["GET", "k"],
            vec!["PING"],
            vec![],
            vec![""],
            vec!["set", "a", "b A\\n", "c\\'d"],
            vec![],
            vec![],
        ];
        for step in 1..bytes.len() {
            assert_eq!(commands(bytes, step).unwrap(), expected, "step {step}");
        }
    }

    #[test]
    fn bad_input_is_named() {
        for (bytes, complaint) in [
            (&b"*x\r\n"[..], "invalid multibulk length"),
            (b"*1048577\r\n", "invalid multibulk length"),
            (b"*99999999999999999999\r\n", "invalid multibulk length"),
            (b"*1\r\n+OK\r\n", "expected '$', got '+'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$1048577\r\n", "invalid bulk length"),
            (b"*1\r\n$\r\n", "invalid bulk length"),
            (b"*1\rx", "invalid multibulk length"),
            (b"get \"open\r\n", "unbalanced quotes in request"),
            (b"get \"a\"b\r\n", "unbalanced quotes in request"),
        ] {
            assert_eq!(commands(bytes, 1).unwrap_err().0, complaint, "{}", bytes.escape_ascii());
        }
        assert_eq!(commands(&vec![b'a'; INLINE_BYTES_MAX], 1000).unwrap_err().0, "too big inline request");
    }

    #[test]
    fn a_command_of_many_large_arguments_is_refused_before_it_is_held() {
        let mut request = b"*1000\r\n".to_vec();
        let argument = [&b"$1000000\r\n"[..], &vec![b'x'; 1_000_000], b"\r\n"].concat();
        let mut parser = Parser::new(1 << 20);
        let complaint = loop {
            match parser.parse(&request) {
                Ok(parsed) => assert!(parsed.is_none()),
                Err(complaint) => break complaint,
            }
            assert!(request.len() < 20 << 20, "{} bytes and no end", request.len());
            request.extend_from_slice(&argument);
        };
        assert_eq!(complaint.0, "too big request; 1048576 bytes are allowed in one command");
    }

    #[test]
    fn strangers_get_little() {
        let mut parser = Parser::new(1 << 20);
        parser.authenticated = false;
        assert_eq!(parser.parse(b"*11\r\n").unwrap_err().0, "unauthenticated multibulk length");
        let mut parser = Parser::new(1 << 20);
        parser.authenticated = false;
        assert_eq!(parser.parse(b"*1\r\n$16385\r\n").unwrap_err().0, "unauthenticated bulk length");
    }
}
