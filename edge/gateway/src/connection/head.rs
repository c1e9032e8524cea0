//! The head of an HTTP/1 request, looked at byte by byte before a parser sees it. Whatever two readers could understand differently
//! is refused here: what passes has one meaning, and says how long its body is.
//!
//! Follows RFC 9112, sections 2 to 6, and RFC 9110, section 5; where those leave a choice between accepting and refusing, it refuses.

use crate::error::Problem;

/// Bounds of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, the request line and the empty line included.
    pub bytes_max: usize,
    /// Fields.
    pub fields_max: usize,
    /// Bytes of the target.
    pub target_bytes_max: usize,
}

/// How the end of a request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// A head that has one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where it begins: empty lines before it are passed over.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What follows it.
    pub framing: Framing,
    /// It asks for another protocol on this connection.
    pub upgrade: bool,
    /// The line that offers HTTP/2 on this connection, from its first byte to the one after its last, from `start` on. Nobody has to take the offer
    /// (RFC 9110, section 7.8), and it is not shown to the reader, which would take the request's body for another protocol.
    pub offer: Option<(usize, usize)>,
    /// Its client waits for leave to send the body.
    pub expects: bool,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it is answered.
    pub problem: Problem,
    /// What was wrong, for people.
    pub detail: &'static str,
}

const fn refused(detail: &'static str) -> Refused {
    Refused { problem: Problem::BadRequest, detail }
}

/// Empty lines before a request that are passed over, for clients that end a body with one too many (RFC 9112, section 2.2).
const EMPTY_LINES_MAX: usize = 2;

/// Looks at what a client has sent so far. `searched` is where the last look ended, at first 0, and is moved on.
///
/// # Errors
/// What can never become a head that has one meaning is refused at once.
pub fn scan(bytes: &[u8], searched: &mut usize, bounds: &Bounds) -> Result<Option<Head>, Refused> {
    let start = skip_empty_lines(bytes)?;
    let Some(end) = whole(bytes, start, searched, bounds.bytes_max)? else { return Ok(None) };
    read(&bytes[start..end], bounds).map(|head| Some(Head { start, end, ..head }))
}

/// Where a head ends that begins at `start`, if it has come whole. `searched` is as in [`scan`].
///
/// # Errors
/// A line that does not end with CRLF, too many bytes.
pub fn whole(
    bytes: &[u8],
    start: usize,
    searched: &mut usize,
    bytes_max: usize,
) -> Result<Option<usize>, Refused> {
    let from = (*searched).max(start);
    for line_feed in memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| at + from) {
        if line_feed == 0 || bytes[line_feed - 1] != b'\r' {
            return Err(refused("a line ends with a line feed alone"));
        }
        if line_feed >= start + 3 && bytes[line_feed - 3..line_feed] == *b"\r\n\r" {
            let end = line_feed + 1;
            return check_size(end - start, bytes_max).map(|()| Some(end));
        }
    }
    *searched = bytes.len();
    check_size(bytes.len() - start, bytes_max).map(|()| None)
}

fn check_size(size: usize, bytes_max: usize) -> Result<(), Refused> {
    if size > bytes_max {
        return Err(Refused { problem: Problem::HeadTooLarge, detail: "the head has too many bytes" });
    }
    Ok(())
}

fn skip_empty_lines(bytes: &[u8]) -> Result<usize, Refused> {
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
        if start > EMPTY_LINES_MAX * 2 {
            return Err(refused("there are empty lines before the request"));
        }
    }
    Ok(start)
}

/// What the fields say of the message.
#[derive(Default)]
struct Facts<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    /// How often another protocol is asked for.
    upgrades: usize,
    /// The last of them is HTTP/2 without TLS, which no client depends on.
    h2c: bool,
    expects: bool,
}

/// Reads a whole head, from the request line to the empty line.
fn read(head: &[u8], bounds: &Bounds) -> Result<Head, Refused> {
    let mut lines = Lines(&head[..head.len() - 2]);
    let request_line = lines.next().ok_or(refused("there is no request line"))?;
    let line = request(request_line, bounds)?;
    let (mut facts, mut offer) = (Facts::default(), None);
    let mut at = request_line.len() + 2;
    for (number, field) in lines.enumerate() {
        if number >= bounds.fields_max {
            return Err(Refused { problem: Problem::HeadTooLarge, detail: "the head has too many fields" });
        }
        let (name, value) = split(field)?;
        let upgrades = facts.upgrades;
        facts.field(name, value)?;
        let next = at + field.len() + 2;
        if facts.upgrades > upgrades {
            offer = Some((at, next));
        }
        at = next;
    }
    let offer = offer.filter(|_| facts.upgrades == 1 && facts.h2c);
    let upgrade = facts.upgrades > 0 && offer.is_none();
    if line.minor == 0 && facts.chunked {
        return Err(refused("HTTP/1.0 has no transfer codings"));
    }
    if facts.chunked && facts.length.is_some() {
        return Err(refused("Content-Length and Transfer-Encoding are both there"));
    }
    match (facts.host, line.authority) {
        (None, _) if line.minor == 1 => return Err(refused("there is no Host")),
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            return Err(refused("Host and the target name different hosts"));
        }
        _ => {}
    }
    let framing = match (facts.chunked, facts.length) {
        (true, _) => Framing::Chunked,
        (false, Some(0) | None) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
    };
    if upgrade && framing != Framing::None {
        return Err(refused("a request for another protocol has a body"));
    }
    Ok(Head { start: 0, end: head.len(), framing, upgrade, offer, expects: facts.expects })
}

/// Lines that each end with CRLF, without it.
pub struct Lines<'a>(pub &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line_feed = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at(line_feed + 1);
        self.0 = rest;
        Some(&line[..line.len() - 2])
    }
}

struct RequestLine<'a> {
    minor: u8,
    /// Of an absolute target.
    authority: Option<&'a [u8]>,
}

/// `METHOD SP target SP HTTP/1.x`.
fn request<'a>(line: &'a [u8], bounds: &Bounds) -> Result<RequestLine<'a>, Refused> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refused("the request line is not a method, a target and a version with single spaces"));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(refused("the method is not a token"));
    }
    let minor = match version {
        b"HTTP/1.1" => 1,
        b"HTTP/1.0" => 0,
        _ if version.starts_with(b"HTTP/") => {
            return Err(Refused {
                problem: Problem::Version,
                detail: "the version is neither HTTP/1.0 nor HTTP/1.1",
            });
        }
        _ => return Err(refused("the request line does not end with a version")),
    };
    if target.len() > bounds.target_bytes_max {
        return Err(Refused { problem: Problem::TargetTooLong, detail: "the target is too long" });
    }
    if !target.iter().all(|byte| (0x21..0x7F).contains(byte) && !b"\"#<>".contains(byte)) {
        return Err(refused("the target has bytes that must be percent-encoded"));
    }
    let authority = authority(method, target)?;
    Ok(RequestLine { minor, authority })
}

/// Checks the form of a target (RFC 9112, section 3.2); the authority if it has one.
fn authority<'a>(method: &[u8], target: &'a [u8]) -> Result<Option<&'a [u8]>, Refused> {
    if method == b"CONNECT" || method == b"TRACE" {
        return Err(Refused { problem: Problem::MethodRefused, detail: "CONNECT and TRACE are not served" });
    }
    if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
        return Ok(None);
    }
    let rest = [b"http://".as_slice(), b"https://"]
        .iter()
        .find(|scheme| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme))
        .map(|scheme| &target[scheme.len()..]);
    let rest = rest.ok_or(refused("the target is neither a path nor a URL"))?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if !is_host(&rest[..end]) {
        return Err(refused("the target's host is not one"));
    }
    Ok(Some(&rest[..end]))
}

/// `name:value`, with blanks around the value, which are taken off.
///
/// # Errors
/// A line that is no field.
pub fn split(field: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    if matches!(field.first(), Some(b' ' | b'\t')) {
        return Err(refused("a field goes on in a second line"));
    }
    let colon = memchr::memchr(b':', field).ok_or(refused("a field has no colon"))?;
    // Controls are looked for before blanks are taken off: to the standard library CR and FF are blanks as well.
    let (name, value) = (&field[..colon], &field[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(refused("a field's name is not a token"));
    }
    // All of them are looked at, whatever is found, so that several are at a time.
    if value.iter().fold(false, |found, byte| found | is_control(*byte)) {
        return Err(refused("a field's value has control characters"));
    }
    Ok((name, value.trim_ascii()))
}

/// [`split`] of a field that has passed it.
pub fn parts(field: &[u8]) -> (&[u8], &[u8]) {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    (&field[..colon], field.get(colon + 1..).unwrap_or_default().trim_ascii())
}

/// Controls, but for tabs: no part of a field's value or of a reason.
pub const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7F
}

impl<'a> Facts<'a> {
    fn field(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refused> {
        // Names by length first: most fields are none of these.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrades += 1;
                self.h2c = value.eq_ignore_ascii_case(b"h2c");
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => connection(value),
            14 if is_named(name, b"content-length") => self.length(name, value),
            17 if is_named(name, b"transfer-encoding") => self.coding(name, value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &'a [u8]) -> Result<(), Refused> {
        if self.host.replace(value).is_some() {
            return Err(refused("there are several Hosts"));
        }
        if is_host(value) { Ok(()) } else { Err(refused("Host is not a host")) }
    }

    fn expect(&mut self, value: &[u8]) -> Result<(), Refused> {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refused {
                problem: Problem::Expectation,
                detail: "only 100-continue can be expected",
            });
        }
        self.expects = true;
        Ok(())
    }

    fn length(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| digits && !name.contains(&b'_'));
        let number =
            number.and_then(|text| text.parse().ok()).ok_or(refused("Content-Length is not a number"))?;
        if self.length.replace(number).is_some() {
            return Err(refused("there are several Content-Lengths"));
        }
        Ok(())
    }

    fn coding(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if !value.eq_ignore_ascii_case(b"chunked") || self.chunked || name.contains(&b'_') {
            return Err(refused("Transfer-Encoding is not chunked, once"));
        }
        self.chunked = true;
        Ok(())
    }
}

/// `name`, or what becomes the same where `_` and `-` are the same (CGI): that is then refused.
fn is_named(name: &[u8], wanted: &[u8]) -> bool {
    name.iter().zip(wanted).all(|(byte, wanted)| match wanted {
        b'-' => matches!(byte, b'-' | b'_'),
        letter => byte.eq_ignore_ascii_case(letter),
    })
}

/// `Connection` must not take out what the message is framed or routed by.
fn connection(value: &[u8]) -> Result<(), Refused> {
    const KEPT: [&[u8]; 6] =
        [b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization", b"cookie"];
    let mut named = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    if named.any(|option| KEPT.iter().any(|kept| option.eq_ignore_ascii_case(kept))) {
        return Err(refused("Connection names a field that belongs to the message"));
    }
    Ok(())
}

/// A name, an IPv4 address or an IPv6 address in brackets, with or without a port.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| *byte == b']') {
        Some(bracket) => (&host[..=bracket], &host[bracket + 1..]),
        None => match memchr::memchr(b':', host) {
            Some(colon) => (&host[..colon], &host[colon..]),
            None => (host, [].as_slice()),
        },
    };
    let port_fits = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let name_fits = match name {
        [b'[', address @ .., b']'] => {
            address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        name => name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)),
    };
    port_fits && name_fits && !name.is_empty() && host.len() <= 255 + 6
}

/// Characters of tokens (RFC 9110, section 5.6.2).
pub const fn is_token(byte: u8) -> bool {
    const TOKENS: &[u8] = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const TABLE: [bool; 256] = {
        let (mut table, mut at) = ([false; 256], 0);
        while at < TOKENS.len() {
            table[TOKENS[at] as usize] = true;
            at += 1;
        }
        table
    };
    TABLE[byte as usize]
}

#[cfg(test)]
mod tests;
