//! gRPC as browsers speak it (gRPC-Web): the messages are the same, trailers come as a last frame of the body, and the text form is all of it in base64.
//! Source: gRPC's document PROTOCOL-WEB. Services see plain gRPC.
//!
//! ```text
//! frame    1 byte of flags (0x80: trailers) | length, 4 bytes, big endian | message, or lines "name: value\r\n"
//! ```

use base64ct::{Base64, Encoding as _};
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{self, HeaderValue};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

/// What begins the types of bodies of both forms, and of plain gRPC.
const WEB: &str = "application/grpc-web";
const WEB_TEXT: &str = "application/grpc-web-text";
const PLAIN: &str = "application/grpc";
/// The flag of a frame of trailers.
const TRAILERS: u8 = 0x80;
/// Characters that are decoded together.
const QUARTET: usize = 4;

/// Text that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

/// A call that is translated on its way.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request is text.
    text: bool,
    /// The answer is to be text: what the request is, unless it says otherwise in `Accept`.
    text_back: bool,
    /// The answer is gRPC; others stay as they are.
    answered: bool,
    /// What follows the form in the type: `+proto`, or nothing.
    suffix: String,
    decoder: Decoder,
}

impl Call {
    /// Reads the type of a request's body. `None`: it is not gRPC-Web.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
        let rest = kind.strip_prefix(WEB)?;
        let (text, rest) = rest.strip_prefix("-text").map_or((false, rest), |rest| (true, rest));
        let rest = rest.split(';').next().unwrap_or_default().trim();
        let is_known = rest.is_empty() || rest.starts_with('+');
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let accept = accept.trim().to_ascii_lowercase();
        let text_back = if accept.starts_with(WEB) { accept.starts_with(WEB_TEXT) } else { text };
        is_known.then(|| Self {
            text,
            text_back,
            answered: false,
            suffix: rest.to_owned(),
            decoder: Decoder::default(),
        })
    }

    /// Makes the head that of plain gRPC. Called for each try, whose body begins anew.
    ///
    /// # Errors
    /// Only if a header cannot be set.
    pub fn request(&mut self, request: &mut RequestHeader) -> Result<()> {
        (self.decoder, self.answered) = (Decoder::default(), false);
        request.insert_header(header::CONTENT_TYPE, format!("{PLAIN}{}", self.suffix))?;
        request.insert_header(header::TE, "trailers")?;
        request.remove_header("x-grpc-web");
        if self.text {
            request.remove_header(&header::CONTENT_LENGTH);
        }
        Ok(())
    }

    /// A piece of the request's body as the service gets it.
    ///
    /// # Errors
    /// [`NotBase64`]
    pub fn request_body(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<(), NotBase64> {
        if !self.text {
            return Ok(());
        }
        if let Some(piece) = body {
            *piece = self.decoder.decode(piece)?;
        }
        if end { self.decoder.end() } else { Ok(()) }
    }

    /// Makes the head of an answer of gRPC that of gRPC-Web. Others, such as an error of a proxy before the service, stay as they are.
    ///
    /// # Errors
    /// Only if a header cannot be set.
    pub fn response(&mut self, response: &mut ResponseHeader) -> Result<()> {
        let kind = response.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let Some(rest) = kind.strip_prefix(PLAIN.as_bytes()) else { return Ok(()) };
        self.answered = true;
        let form = if self.text_back { WEB_TEXT } else { WEB };
        let kind = format!("{form}{}", String::from_utf8_lossy(rest));
        response.insert_header(header::CONTENT_TYPE, kind)?;
        // Trailers come behind the body that it would tell the length of.
        response.remove_header(&header::CONTENT_LENGTH);
        Ok(())
    }

    /// A piece of the answer's body as the client gets it. Each piece of text is base64 of its own, which clients must expect.
    pub fn response_body(&self, body: &mut Option<Bytes>) {
        let encodes = self.answered && self.text_back;
        if let Some(piece) = body.as_mut().filter(|piece| encodes && !piece.is_empty()) {
            *piece = Base64::encode_string(piece).into();
        }
    }

    /// The last frame; none of an answer that is not gRPC.
    pub fn trailers(&self, trailers: &HeaderMap) -> Option<Bytes> {
        if !self.answered {
            return None;
        }
        let mut lines = BytesMut::new();
        for (name, value) in trailers {
            lines.put_slice(name.as_str().as_bytes());
            lines.put_slice(b": ");
            lines.put_slice(value.as_bytes());
            lines.put_slice(b"\r\n");
        }
        let mut frame = BytesMut::with_capacity(5 + lines.len());
        frame.put_u8(TRAILERS);
        frame.put_u32(u32::try_from(lines.len()).expect("invariant: a head has less than 4 GiB"));
        frame.put(lines);
        let mut frame = Some(frame.freeze());
        self.response_body(&mut frame);
        frame
    }
}

/// Base64 that comes in pieces. Padding may be anywhere: senders encode piece by piece.
#[derive(Clone, Debug, Default)]
struct Decoder {
    /// The beginning of a quartet.
    begun: Vec<u8>,
}

impl Decoder {
    fn decode(&mut self, text: &[u8]) -> Result<Bytes, NotBase64> {
        let mut bytes = BytesMut::with_capacity(text.len() / QUARTET * 3 + 3);
        for &byte in text {
            self.begun.push(byte);
            if self.begun.len() == QUARTET {
                let mut three = [0; 3];
                let decoded = Base64::decode(&self.begun, &mut three).map_err(|_| NotBase64)?;
                bytes.put_slice(decoded);
                self.begun.clear();
            }
        }
        Ok(bytes.freeze())
    }

    fn end(&self) -> Result<(), NotBase64> {
        if self.begun.is_empty() { Ok(()) } else { Err(NotBase64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: &str) -> Option<Call> {
        Call::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]))
    }

    #[test]
    fn types_are_translated() {
        for (came, sent, answered) in [
            ("application/grpc-web", Some("application/grpc"), "application/grpc-web+proto"),
            ("application/grpc-web+proto", Some("application/grpc+proto"), "application/grpc-web+proto"),
            ("Application/gRPC-Web-Text", Some("application/grpc"), "application/grpc-web-text+proto"),
            (
                "application/grpc-web-text+json; charset=utf-8",
                Some("application/grpc+json"),
                "application/grpc-web-text+proto",
            ),
            ("application/grpc", None, ""),
            ("application/grpc-website", None, ""),
            ("text/plain", None, ""),
        ] {
            let Some(mut call) = call(came) else {
                assert_eq!(sent, None, "{came}");
                continue;
            };
            let mut request = RequestHeader::build("POST", b"/", None).unwrap();
            call.request(&mut request).unwrap();
            assert_eq!(request.headers["content-type"].to_str().ok(), sent, "{came}");
            assert_eq!(request.headers["te"], "trailers");
            let mut response = ResponseHeader::build(200, None).unwrap();
            response.insert_header("content-type", "application/grpc+proto").unwrap();
            call.response(&mut response).unwrap();
            assert_eq!(response.headers["content-type"], answered, "{came}");
        }
        let mut response = ResponseHeader::build(502, None).unwrap();
        response.insert_header("content-type", "text/html").unwrap();
        let mut call = call(WEB_TEXT).unwrap();
        call.response(&mut response).unwrap();
        assert_eq!(response.headers["content-type"], "text/html");
        let mut body = Some(Bytes::from_static(b"as it is"));
        call.response_body(&mut body);
        assert_eq!(
            (body.unwrap(), call.trailers(&HeaderMap::new())),
            (Bytes::from_static(b"as it is"), None)
        );
    }

    #[test]
    fn a_client_may_ask_for_another_form_back() {
        for (kind, accept, text_back) in [
            (WEB, WEB_TEXT, true),
            (WEB, "application/grpc-web-text+proto, */*", true),
            (WEB_TEXT, "application/grpc-web+proto", false),
            (WEB_TEXT, "*/*", true),
            (WEB, "*/*", false),
        ] {
            let fields = [(header::CONTENT_TYPE, kind), (header::ACCEPT, accept)];
            let headers = fields.map(|(name, value)| (name, value.parse().unwrap()));
            assert_eq!(
                Call::of(&HeaderMap::from_iter(headers)).unwrap().text_back,
                text_back,
                "{kind} {accept}"
            );
        }
    }

    #[test]
    fn text_is_decoded_however_it_is_cut() {
        let frame: Vec<u8> = (0..=255).collect();
        // Pieces with padding of their own, as a sender makes them that flushes often.
        let text: String = frame.chunks(7).map(Base64::encode_string).collect();
        for size in [1, 2, 3, 4, 5, 64, text.len()] {
            let mut call = call("application/grpc-web-text").unwrap();
            let mut came = Vec::new();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            for (number, piece) in pieces.iter().enumerate() {
                let mut body = Some(Bytes::copy_from_slice(piece));
                assert_eq!(call.request_body(&mut body, number + 1 == pieces.len()), Ok(()));
                came.extend_from_slice(&body.unwrap());
            }
            assert_eq!(came, frame, "{size}");
        }
        for wrong in ["AAA", "A", "AA=A", "====", "A A=", "\u{e4}AAA"] {
            let mut body = Some(Bytes::from(wrong));
            assert_eq!(
                call("application/grpc-web-text").unwrap().request_body(&mut body, true),
                Err(NotBase64),
                "{wrong:?}"
            );
        }
        let mut body = Some(Bytes::from_static(b"as it is"));
        assert_eq!(call(WEB).unwrap().request_body(&mut body, true), Ok(()));
        assert_eq!(body.unwrap(), "as it is");
    }

    #[test]
    fn trailers_are_the_last_frame() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.append("x", "1".parse().unwrap());
        trailers.append("x", "2".parse().unwrap());
        let frame = |kind: &str, trailers: &HeaderMap| {
            let mut call = call(kind).unwrap();
            let mut response = ResponseHeader::build(200, None).unwrap();
            response.insert_header("content-type", PLAIN).unwrap();
            call.response(&mut response).unwrap();
            call.trailers(trailers).unwrap()
        };
        let expected = b"\x80\0\0\0\x1cgrpc-status: 0\r\nx: 1\r\nx: 2\r\n";
        assert_eq!(&frame(WEB, &trailers)[..], &expected[..]);
        assert_eq!(frame(WEB_TEXT, &trailers), Base64::encode_string(expected));
        assert_eq!(&frame(WEB, &HeaderMap::new())[..], b"\x80\0\0\0\0");
    }
}
