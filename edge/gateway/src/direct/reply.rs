//! The head of an instance's answer: read by the letter, as heads of requests are, and put into the form in which the client sees it.
//!
//! Follows RFC 9112, sections 4, 6 and 9, and RFC 9110, section 7.6.1. Where a length and chunks are both said, the chunks count and the connection is
//! not used again; codings besides `chunked`, lengths that differ, folded lines and bare line feeds are no answer.

use super::lines;
use crate::connection::head::{Lines, Refused, is_control, parts, split, whole};
use crate::error::Problem;
use std::time::Duration;

/// Bytes of an answer's head.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Fields of an answer's head.
pub const FIELDS_MAX: usize = 256;

/// How the end of an answer's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// There is no body.
    At,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// With the connection.
    Closed,
}

/// An answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its bytes.
    pub size: usize,
    /// Its status.
    pub status: u16,
    /// `200 OK`: status and reason as they came.
    pub reason: Vec<u8>,
    /// The fields that the client sees, but for those that frame the body and say how the connection goes on.
    pub fields: Vec<u8>,
    /// What is said of the body's length.
    pub length: Option<u64>,
    /// Its body comes in chunks, or would if there were one.
    pub chunked: bool,
    /// Where its body ends.
    pub ends: Ends,
    /// It says when it was made.
    pub dated: bool,
    /// The connection may be used again, once the body is over.
    pub keeps: bool,
    /// For so long, if that is said.
    pub kept_for: Option<Duration>,
}

const fn refused(detail: &'static str) -> Refused {
    Refused { problem: Problem::UpstreamGarbage, detail }
}

/// Looks at what an instance has sent so far. `searched` is where the last look ended, at first 0. `bodyless`: the request was `HEAD`.
///
/// # Errors
/// What can never become the head of an answer.
pub fn scan(bytes: &[u8], searched: &mut usize, bodyless: bool) -> Result<Option<Reply>, Refused> {
    if *searched == 0 && !bytes.is_empty() && !b"HTTP/1.".starts_with(&bytes[..bytes.len().min(7)]) {
        return Err(refused("it does not begin with a version of HTTP"));
    }
    match whole(bytes, 0, searched, HEAD_BYTES_MAX) {
        Ok(None) => Ok(None),
        Ok(Some(end)) => read(&bytes[..end], bodyless).map(Some),
        Err(refusal) => Err(refused(refusal.detail)),
    }
}

/// What the fields say of the message.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is said by a field of its own")]
struct Facts {
    fields: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    keeps: bool,
    dated: bool,
    kept_for: Option<Duration>,
    /// What `Connection` takes out.
    hop: Vec<Vec<u8>>,
}

fn read(head: &[u8], bodyless: bool) -> Result<Reply, Refused> {
    let mut all = Lines(&head[..head.len() - 2]);
    let (minor, status, reason) = status(all.next().unwrap_or_default())?;
    let mut facts = Facts { fields: Vec::with_capacity(head.len() + 192), ..Facts::default() };
    for (number, line) in all.enumerate() {
        if number >= FIELDS_MAX {
            return Err(refused("the head has too many fields"));
        }
        let (name, value) = split(line).map_err(|refusal| refused(refusal.detail))?;
        facts.field(line, (name, value))?;
    }
    if !facts.hop.is_empty() {
        facts.take_out();
    }
    if minor == 0 && facts.chunked {
        return Err(refused("HTTP/1.0 has no transfer codings"));
    }
    let none = bodyless || status < 200 || status == 204 || status == 304;
    let ends = match (none, facts.chunked, facts.length) {
        (true, ..) | (false, false, Some(0)) => Ends::At,
        (false, true, _) => Ends::Chunked,
        (false, false, Some(length)) => Ends::Length(length),
        (false, false, None) => Ends::Closed,
    };
    let both = facts.chunked && facts.length.is_some();
    let keeps = !facts.closes && (minor == 1 || facts.keeps) && !both && ends != Ends::Closed;
    Ok(Reply {
        size: head.len(),
        status,
        reason: reason.to_vec(),
        fields: facts.fields,
        length: facts.length.filter(|_| !facts.chunked),
        chunked: facts.chunked,
        ends,
        dated: facts.dated,
        keeps,
        kept_for: facts.kept_for,
    })
}

/// `HTTP/1.x SP status [SP reason]`.
fn status(line: &[u8]) -> Result<(u8, u16, &[u8]), Refused> {
    let wrong = refused("the status line is not a version and a status");
    let (minor, rest) = match line.split_at_checked(9) {
        Some((b"HTTP/1.1 ", rest)) => (1, rest),
        Some((b"HTTP/1.0 ", rest)) => (0, rest),
        _ => return Err(wrong),
    };
    let (digits, reason) = rest.split_at_checked(3).ok_or(wrong)?;
    let number = digits.iter().try_fold(0, |number: u16, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
    });
    let number = number.filter(|number| *number >= 100 && *number != 101).ok_or(wrong)?;
    if !matches!(reason.first(), None | Some(b' ')) {
        return Err(wrong);
    }
    if reason.iter().any(|byte| is_control(*byte)) {
        return Err(refused("the reason has control characters"));
    }
    Ok((minor, number, rest))
}

impl Facts {
    fn field(&mut self, line: &[u8], (name, value): (&[u8], &[u8])) -> Result<(), Refused> {
        // Names by length first: most fields are none of these.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"date") => self.dated = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection(value);
                return Ok(());
            }
            10 if name.eq_ignore_ascii_case(b"keep-alive") => {
                self.kept_for = timeout(value).or(self.kept_for);
                return Ok(());
            }
            12 if name.eq_ignore_ascii_case(b"x-request-id") => return Ok(()),
            14 if name.eq_ignore_ascii_case(b"content-length") => return self.length(value),
            16 if name.eq_ignore_ascii_case(b"proxy-connection") => return Ok(()),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(refused("Transfer-Encoding is not chunked, once"));
                }
                self.chunked = true;
                return Ok(());
            }
            _ => {}
        }
        lines::pass(&mut self.fields, line, (name, value));
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Refused> {
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        let number = number.ok_or(refused("Content-Length is not a number"))?;
        if self.length.replace(number).is_some_and(|before| before != number) {
            return Err(refused("there are several Content-Lengths"));
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in
            value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
        {
            if option.eq_ignore_ascii_case(b"close") {
                self.closes = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keeps = true;
            } else if self.hop.len() < FIELDS_MAX {
                self.hop.push(option.to_vec());
            }
        }
    }

    /// Takes out the fields that are the connection's own. Those that belong to the message stay, whatever is said of them.
    fn take_out(&mut self) {
        const KEPT: [&[u8]; 4] = [b"content-type", b"content-encoding", b"set-cookie", b"cache-control"];
        let mut left = Vec::with_capacity(self.fields.len() + 192);
        for line in Lines(&self.fields) {
            let (name, _) = parts(line);
            let named = self.hop.iter().any(|hop| hop.eq_ignore_ascii_case(name));
            if !named || KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)) {
                left.extend_from_slice(line);
                left.extend_from_slice(b"\r\n");
            }
        }
        self.fields = left;
    }
}

/// `timeout=5, max=100`.
fn timeout(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split(',').filter_map(|part| part.split_once('='));
    let (_, seconds) = parts.find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

impl Reply {
    /// What the client reads first: the status line and all fields; the request's name if it is not among them.
    pub fn head(&self, request_id: &str, last: bool) -> Vec<u8> {
        let mut head = Vec::with_capacity(self.fields.len() + self.reason.len() + 192);
        head.extend_from_slice(b"HTTP/1.1 ");
        head.extend_from_slice(&self.reason);
        // A blank stands behind the status also where no reason does.
        head.extend_from_slice(if self.reason.len() > 3 { b"\r\n" } else { b" \r\n" });
        head.extend_from_slice(&self.fields);
        if self.status >= 200 {
            self.frame(&mut head);
            if !self.dated {
                lines::date(&mut head);
            }
            if !request_id.is_empty() {
                lines::put(&mut head, b"x-request-id", request_id.as_bytes());
            }
            lines::put(&mut head, b"Connection", if last { b"close" } else { b"keep-alive" });
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    fn frame(&self, head: &mut Vec<u8>) {
        match (self.length, self.ends) {
            _ if self.status == 204 => {}
            (Some(length), _) => lines::put(head, b"Content-Length", length.to_string().as_bytes()),
            (None, ends) if self.chunked || ends == Ends::Closed => {
                lines::put(head, b"Transfer-Encoding", b"chunked");
            }
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, bodyless: bool) -> Result<Option<Reply>, &'static str> {
        let bytes = text.replace('|', "\r\n");
        let whole = scan(bytes.as_bytes(), &mut 0, bodyless).map_err(|refused| refused.detail);
        // However it comes, it is the same.
        let mut searched = 0;
        let mut last = Ok(None);
        for end in 1..=bytes.len() {
            last = scan(&bytes.as_bytes()[..end], &mut searched, bodyless).map_err(|refused| refused.detail);
            if last != Ok(None) {
                break;
            }
        }
        assert_eq!(whole.is_ok(), last.is_ok(), "{text}: {whole:?} {last:?}");
        if let (Ok(whole), Ok(last)) = (&whole, &last) {
            assert_eq!(whole, last, "{text}");
        }
        whole
    }

    #[test]
    fn bodies_end_where_the_head_says() {
        use Ends::{At, Chunked, Closed, Length};
        for (text, bodyless, ends, keeps) in [
            ("HTTP/1.1 200 OK|Content-Length: 5||", false, Length(5), true),
            ("HTTP/1.1 200 OK|content-length:5|Content-Length: 5||", false, Length(5), true),
            ("HTTP/1.1 200 OK|Content-Length: 5||", true, At, true),
            ("HTTP/1.1 200 OK|Content-Length: 0||", false, At, true),
            ("HTTP/1.1 204 |Content-Length: 5||", false, At, true),
            ("HTTP/1.1 304|Content-Length: 5||", false, At, true),
            ("HTTP/1.1 103 Early Hints|Link: x||", false, At, true),
            ("HTTP/1.1 200 OK|Transfer-Encoding: Chunked||", false, Chunked, true),
            ("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 5||", false, Chunked, false),
            ("HTTP/1.1 200 OK||", false, Closed, false),
            ("HTTP/1.0 200 OK||", false, Closed, false),
            ("HTTP/1.0 200 OK|Content-Length: 5||", false, Length(5), false),
            ("HTTP/1.0 200 OK|Connection: Keep-Alive|Content-Length: 5||", false, Length(5), true),
            ("HTTP/1.1 200 OK|Connection: close|Content-Length: 5||", false, Length(5), false),
            ("HTTP/1.1 200 OK|Connection: x-a, CLOSE|Content-Length: 5||", false, Length(5), false),
        ] {
            let reply = read(text, bodyless).expect(text).expect(text);
            assert_eq!((reply.ends, reply.keeps), (ends, keeps), "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "\u{16}\u{3}\u{1}garbage||",
            "HTTP/2 200 OK||",
            "HTTP/1.2 200 OK||",
            "HTTP/1.1 20 OK||",
            "HTTP/1.1 2000 OK||",
            "HTTP/1.1  200 OK||",
            "HTTP/1.1 099 OK||",
            "HTTP/1.1 101 Switching Protocols||",
            "HTTP/1.1 200 O\u{1}K||",
            "HTTP/1.1 200 OK|Bad Header||",
            "HTTP/1.1 200 OK|Bad : x||",
            "HTTP/1.1 200 OK|A: b| folded||",
            "HTTP/1.1 200 OK\nA: b||",
            "HTTP/1.1 200 OK|A: b\nC: d||",
            "HTTP/1.1 200 OK|A: b\0||",
            "HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||",
            "HTTP/1.1 200 OK|Content-Length: 1, 1||",
            "HTTP/1.1 200 OK|Content-Length: +1||",
            "HTTP/1.1 200 OK|Content-Length: -1||",
            "HTTP/1.1 200 OK|Content-Length:||",
            "HTTP/1.1 200 OK|Content-Length: 1234567890123456789||",
            "HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||",
            "HTTP/1.1 200 OK|Transfer-Encoding: identity||",
            "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked||",
            "HTTP/1.0 200 OK|Transfer-Encoding: chunked||",
        ] {
            assert!(read(text, false).is_err(), "{text}");
        }
        let many = "A: b|".repeat(FIELDS_MAX + 1);
        assert!(read(&format!("HTTP/1.1 200 OK|{many}|"), false).is_err());
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(HEAD_BYTES_MAX));
        assert!(scan(endless.as_bytes(), &mut 0, false).is_err());
        assert_eq!(read("HTTP/1.1 200 OK|A: b|", false), Ok(None));
    }

    #[test]
    fn clients_see_the_message_and_not_the_connection() {
        let text = "HTTP/1.1 200 Fine|Server: x|Connection: keep-alive, x-hop|Keep-Alive: timeout=5, max=9|X-HOP: 1|Date: now|\
                    X-Request-Id: theirs|Set-Cookie: a|Content-Length: 5|Set-Cookie: b||";
        let reply = read(text, false).expect("an answer").expect("whole");
        assert_eq!(reply.kept_for, Some(Duration::from_secs(5)));
        let head = String::from_utf8(reply.head("ours", false)).expect("text");
        assert_eq!(
            head,
            "HTTP/1.1 200 Fine\r\nServer: x\r\nDate: now\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 5\r\nx-request-id: ours\r\nConnection: keep-alive\r\n\r\n"
        );
        for (text, part) in [
            (
                "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 5||",
                "\r\nTransfer-Encoding: chunked\r\n",
            ),
            ("HTTP/1.0 200 OK||", "\r\nTransfer-Encoding: chunked\r\n"),
            ("HTTP/1.1 204 No|Content-Length: 5||", "HTTP/1.1 204 No\r\nDate: "),
            ("HTTP/1.1 304 No|Content-Length: 5||", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n"),
        ] {
            let reply = read(text, false).expect(text).expect(text);
            let head = String::from_utf8(reply.head("ours", true)).expect("text");
            assert!(head.contains(part) && head.ends_with("\r\nConnection: close\r\n\r\n"), "{text}: {head}");
            assert_eq!(head.contains("Content-Length"), text.contains("304"), "{head}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "HTTP/1\\.[01] [0-9]{3} [ -~]{0,20}\r\n([A-Za-z-]{1,20}:[ -~]{0,20}\r\n){0,5}\r\n") {
            let _ = scan(&bytes, &mut 0, false);
            if let Ok(Some(reply)) = scan(text.as_bytes(), &mut 0, false) {
                let head = reply.head("id", false);
                let again = scan(&head, &mut 0, false).expect("what was written is read").expect("whole");
                proptest::prop_assert_eq!((again.status, again.size), (reply.status, head.len()));
            }
        }
    }
}
