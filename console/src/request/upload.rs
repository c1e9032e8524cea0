//! A form with one file (`multipart/form-data`, RFC 7578), as a browser sends it. All of it is in memory, within bounds.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::{Fields, PROOF, Visitor, body_of, check_proof};
use crate::Console;
use crate::limits::UPLOAD_BYTES_MAX;
use crate::node::Fault;
use crate::node::blobs::File;
use crate::page;

/// Bytes of what is around the file.
const AROUND_BYTES_MAX: usize = 64 << 10;
/// Fields of a form.
const FIELDS_MAX: usize = 16;

/// A form with a file that a page of the visitor's own session sent.
pub(crate) struct Upload {
    pub(crate) visitor: Visitor,
    pub(crate) form: Fields,
    pub(crate) file: File,
    /// What the browser calls the file.
    pub(crate) name: String,
    /// Held as long as the file is in memory.
    pub(crate) place: OwnedSemaphorePermit,
}

impl FromRequest<Arc<Console>> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, console).await?;
        let refuse = |fault| page::bare("Upload", Err(fault));
        let place = Arc::clone(&console.uploads).try_acquire_owned().map_err(|_| {
            let text = "others are uploading just now; try again in a moment";
            refuse(Fault::new(StatusCode::SERVICE_UNAVAILABLE, text))
        })?;
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        let boundary =
            media.and_then(boundary).ok_or_else(|| refuse(Fault::wrong("the form has no file")))?;
        let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let length = length.and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > UPLOAD_BYTES_MAX + AROUND_BYTES_MAX) {
            let text = format!(
                "files of more than {} cannot be uploaded here; use an S3 client, such as aws s3 cp",
                crate::show::bytes(UPLOAD_BYTES_MAX as u64)
            );
            return Err(refuse(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, text)));
        }
        let body = body_of(body, UPLOAD_BYTES_MAX + AROUND_BYTES_MAX).await?;
        let read = read(&body, &boundary)
            .ok_or_else(|| refuse(Fault::wrong("the form is not whole, or has no file")))?;
        check_proof(&visitor, read.form.get(PROOF))?;
        let Read { form, file, name } = read;
        Ok(Self { visitor, form, file, name, place })
    }
}

/// What separates the parts.
fn boundary(media: &str) -> Option<String> {
    let (kind, rest) = media.split_once(';')?;
    let boundary = rest.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?.trim_matches('"');
    let is_sound =
        kind.trim().eq_ignore_ascii_case("multipart/form-data") && (1..=70).contains(&boundary.len());
    is_sound.then(|| boundary.to_owned())
}

#[derive(Debug)]
struct Read {
    form: Fields,
    file: File,
    name: String,
}

/// The place of `what` in `bytes`, from `from` on.
fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let first = *what.first()?;
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        at += 1;
    }
}

/// The fields and the file; `None` where the form is broken.
fn read(body: &Bytes, boundary: &str) -> Option<Read> {
    let line = format!("\r\n--{boundary}").into_bytes();
    let mut at = find(body, &line[2..], 0)? + line.len() - 2;
    let (mut form, mut file) = (Fields::default(), None);
    for _ in 0..FIELDS_MAX {
        if body[at..].starts_with(b"--") {
            let (file, name) = file?;
            return Some(Read { form, file, name });
        }
        let head_at = at + body[at..].starts_with(b"\r\n").then_some(2)?;
        let head_end = find(body, b"\r\n\r\n", head_at.saturating_sub(2))?;
        let head = std::str::from_utf8(body.get(head_at..head_end)?).ok()?;
        let end = find(body, &line, head_end)?;
        let content = body.slice(head_end + 4..end.max(head_end + 4));
        let header = |wanted: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let disposition = header("content-disposition")?;
        let field = parameter(disposition, "name")?;
        match parameter(disposition, "filename") {
            Some(name) => {
                let media = header("content-type").unwrap_or("application/octet-stream").to_owned();
                file = Some((File { media, bytes: content }, name));
            }
            None => {
                form.0.insert(field, String::from_utf8_lossy(&content).into_owned());
            }
        }
        at = end + line.len();
    }
    None
}

/// A parameter of `Content-Disposition` as browsers write it: quoted, with quotes and line ends in it as `%22`, `%0D`, `%0A`.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let start = disposition.find(&format!("; {name}=\""))? + name.len() + 4;
    let rest = &disposition[start..];
    let value = &rest[..rest.find('"')?];
    Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b1\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\np\r\n--b1\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\n\r\n--b1--\r\n";

    #[test]
    fn a_form_with_a_file() {
        let found = read(&Bytes::from_static(FORM.as_bytes()), "b1").unwrap();
        assert_eq!((found.form.get("proof"), found.name.as_str()), ("p", "a\"b.txt"));
        assert_eq!(
            (found.file.media.as_str(), &found.file.bytes[..]),
            ("text/plain", &b"one\r\n--b\r\n"[..])
        );
        let empty = FORM.replace("one\r\n--b\r\n", "");
        assert_eq!(read(&Bytes::from(empty), "b1").unwrap().file.bytes.len(), 0);
        assert_eq!(boundary("multipart/form-data; boundary=b1").as_deref(), Some("b1"));
        for wrong in ["text/plain; boundary=b1", "multipart/form-data", "multipart/form-data; boundary="] {
            assert_eq!(boundary(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_refused_and_never_panics() {
        for end in 0..FORM.len() - 4 {
            assert!(read(&Bytes::copy_from_slice(&FORM.as_bytes()[..end]), "b1").is_none(), "{end}");
        }
        for at in 0..FORM.len() {
            for byte in [0, b'\r', b'\n', b'-', b'"'] {
                let mut bytes = FORM.as_bytes().to_vec();
                bytes[at] = byte;
                let _read = read(&Bytes::from(bytes), "b1");
            }
        }
        let many = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n".repeat(FIELDS_MAX + 1);
        assert!(read(&Bytes::from(many), "b").is_none());
    }
}
