//! Forms of browsers: `multipart/form-data` (RFC 7578, framed as RFC 2046 says), read as they arrive. Fields are kept in memory, within bounds; the
//! file, which is the last that is looked at, passes through.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use memchr::memmem;

use crate::error::{Code, Error, Result};
use crate::limits::{FORM_FIELD_BYTES_MAX, FORM_FIELDS_BYTES_MAX, FORM_HEAD_BYTES_MAX, FORM_PARTS_MAX};

/// Characters of a boundary (RFC 2046, section 5.1.1).
const BOUNDARY_CHARS_MAX: usize = 70;

/// A form whose file was not read yet.
pub struct Form<B> {
    /// In their order, names in lower case, none of them twice.
    pub fields: Vec<(String, String)>,
    /// What the client calls the file.
    pub filename: String,
    /// The content of the file.
    pub file: File<B>,
}

/// The boundary that a `Content-Type` names; nothing where it is no form.
pub fn boundary(content_type: &str) -> Option<Result<String>> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = parameter(parameters, "boundary");
    let is_legal = |text: &String| !text.is_empty() && text.len() <= BOUNDARY_CHARS_MAX && text.is_ascii();
    Some(found.filter(is_legal).ok_or_else(|| malformed("the Content-Type names no boundary")))
}

fn malformed(text: &str) -> Error {
    let text = format!("The body of your POST request is not well-formed multipart/form-data: {text}");
    Error::new(Code::MalformedPOSTRequest, text)
}

/// A parameter of a header: `name=value` or `name="value"`, where a backslash takes the next character as it is.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters.trim_start_matches([';', ' ', '\t']);
    while let Some((found, value)) = rest.split_once('=') {
        let (text, after) = if let Some(quoted) = value.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = value.find(';').unwrap_or(value.len());
            (value[..end].trim().to_owned(), &value[end..])
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = after.trim_start_matches([';', ' ', '\t']);
    }
    None
}

/// The text before the closing quote, and what comes after that.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (character, characters.peek()) {
            ('"', _) => return Some((text, &quoted[at + 1..])),
            // Browsers write paths of other systems with single backslashes.
            ('\\', Some((_, next @ ('"' | '\\')))) => {
                text.push(*next);
                characters.next();
            }
            _ => text.push(character),
        }
    }
    None
}

/// The name of a part, and of its file if it is one.
struct Head {
    name: String,
    filename: Option<String>,
}

impl Head {
    fn parse(head: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(head).map_err(|_| malformed("the head of a part is not UTF-8"))?;
        let disposition = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        let (kind, parameters) = disposition.and_then(|value| value.split_once(';')).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(malformed("a part has no Content-Disposition of form-data"));
        }
        let name = parameter(parameters, "name").ok_or_else(|| malformed("a part has no name"))?;
        Ok(Self { name, filename: parameter(parameters, "filename") })
    }
}

/// Reads the fields up to the file. Errors: `MalformedPOSTRequest`, `MaxPostPreDataLengthExceededError`; `InvalidArgument` without a file, or for a
/// field that is there twice.
pub async fn read<B>(body: B, boundary: &str) -> Result<Form<B>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // The first delimiter has no line before it; with one, all are alike.
    let mut buffer = BytesMut::from(&b"\r\n"[..]);
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut source = Source { body };
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut bytes = 0;
    source.until(&mut buffer, &delimiter, FORM_HEAD_BYTES_MAX, 0).await?;
    for _ in 0..FORM_PARTS_MAX {
        // The end of the line stays: with it, a head without lines is its end alone.
        let line = source.until(&mut buffer, b"\r\n", FORM_HEAD_BYTES_MAX, 2).await?;
        match line.trim_ascii() {
            b"" => {}
            b"--" => return Err(without_file()),
            _ => return Err(malformed("a boundary is followed by something else")),
        }
        let head = Head::parse(&source.until(&mut buffer, b"\r\n\r\n", FORM_HEAD_BYTES_MAX, 0).await?)?;
        let name = head.name.to_ascii_lowercase();
        if name == "file" {
            let filename = head.filename.unwrap_or_default();
            let file = File { source, buffer, delimiter, state: State::Within };
            return Ok(Form { fields, filename, file });
        }
        let value = source.until(&mut buffer, &delimiter, FORM_FIELD_BYTES_MAX, 0).await?;
        bytes += name.len() + value.len();
        if bytes > FORM_FIELDS_BYTES_MAX {
            return Err(too_long());
        }
        let value = String::from_utf8(value).map_err(|_| malformed("a field is not UTF-8"))?;
        if fields.iter().any(|(known, _)| *known == name) {
            let text = format!("POST requires at most one field named {}", crate::error::shown(&name));
            return Err(Error::new(Code::InvalidArgument, text));
        }
        fields.push((name, value));
    }
    Err(too_long())
}

fn without_file() -> Error {
    Error::new(Code::InvalidArgument, "POST requires exactly one file upload per request.")
}

fn too_long() -> Error {
    let text = "Your POST request fields preceding the upload file were too large.";
    Error::new(Code::MaxPostPreDataLengthExceededError, text)
}

struct Source<B> {
    body: B,
}

impl<B> Source<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// What is before `end`; that and `end` leave the buffer, but for the last bytes of `end` that are kept. Errors: it is longer than `max`, or the form
    /// ends.
    async fn until(&mut self, buffer: &mut BytesMut, end: &[u8], max: usize, kept: usize) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let from = searched.min(buffer.len());
            if let Some(at) = memmem::find(&buffer[from..], end).map(|at| from + at).filter(|at| *at <= max) {
                let found = buffer.split_to(at).to_vec();
                buffer.advance(end.len() - kept);
                return Ok(found);
            }
            if buffer.len() >= max + end.len() {
                return Err(too_long());
            }
            searched = (buffer.len() + 1).saturating_sub(end.len());
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(malformed(&error.to_string())),
                None => return Err(malformed("it ends before its last boundary")),
            }
        }
    }
}

enum State {
    /// In the file's content.
    Within,
    /// After it.
    Ended,
}

/// The content of a form's file, to its delimiter. What comes after is not looked at.
pub struct File<B> {
    source: Source<B>,
    buffer: BytesMut,
    delimiter: Vec<u8>,
    state: State,
}

impl<B> File<B> {
    /// The next bytes that are sure to be of the file, from what is there.
    fn piece(&mut self) -> Option<Bytes> {
        if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
            self.state = State::Ended;
            let piece = self.buffer.split_to(at).freeze();
            return (!piece.is_empty()).then_some(piece);
        }
        // What is held back may be the beginning of the delimiter.
        let sure = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
        (sure > 0).then(|| self.buffer.split_to(sure).freeze())
    }
}

impl<B> Body for File<B>
where
    B: Body<Data = Bytes> + Unpin,
    s3s::StdError: From<B::Error>,
{
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if matches!(self.state, State::Ended) {
                return Poll::Ready(None);
            }
            if let Some(piece) = self.piece() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if matches!(self.state, State::Ended) {
                return Poll::Ready(None);
            }
            match std::task::ready!(Pin::new(&mut self.source.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err("the form ended within its file".into())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
