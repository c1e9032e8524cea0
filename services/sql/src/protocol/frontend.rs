//! What clients send.

use bole_sql_types::{Error, Result, SqlState};
use bytes::{Buf as _, Bytes, BytesMut};

use super::Broken;
use super::body::Body;

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `Query`: statements to run at once.
    Query(String),
    /// `Parse`: a statement to keep.
    Parse {
        /// Its name; empty for the unnamed one.
        name: String,
        /// Its text.
        text: String,
        /// OIDs of the types of parameters, 0 where the server is to find out; may be fewer than there are.
        types: Vec<u32>,
    },
    /// `Bind`: a portal over a statement.
    Bind(Box<Bind>),
    /// `Describe`.
    Describe(Target),
    /// `Execute`: runs a portal.
    Execute {
        /// Its name.
        portal: String,
        /// The most rows to send; 0 for all.
        rows_max: u32,
    },
    /// `Close`.
    Close(Target),
    /// `Flush`: asks for the replies so far.
    Flush,
    /// `Sync`: ends a group of messages.
    Sync,
    /// `CopyData`.
    CopyData(Bytes),
    /// `CopyDone`.
    CopyDone,
    /// `CopyFail`: the client gives up, for this reason.
    CopyFail(String),
    /// A password or a SASL message: the bytes that answer the server's request.
    Password(Bytes),
    /// `Terminate`.
    Terminate,
    /// A message of this type whose body is wrong, or that is not served.
    Bad(u8, Error),
}

/// See [`Message::Bind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The portal's name; empty for the unnamed one.
    pub portal: String,
    /// The statement's name.
    pub statement: String,
    /// Formats of the parameters: none for text, one for all, or one each.
    pub formats: Vec<Format>,
    /// The parameters; `None` is NULL.
    pub parameters: Vec<Option<Bytes>>,
    /// Formats of the result's columns: likewise.
    pub results: Vec<Format>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As text.
    #[default]
    Text,
    /// In the type's binary format.
    Binary,
}

impl Format {
    /// Its number in messages.
    pub const fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    /// The format of the item `index`, by a list of formats as messages have it.
    pub fn of(formats: &[Self], index: usize) -> Self {
        match formats {
            [] => Self::Text,
            [all] => *all,
            each => each.get(index).copied().unwrap_or_default(),
        }
    }
}

/// What `Describe` and `Close` are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A prepared statement.
    Statement(String),
    /// A portal.
    Portal(String),
}

/// A type byte and a length.
const HEADER_BYTES: usize = 5;

/// Bytes of the message that `input` begins with, header included, once its header is there. Errors: the length is impossible.
pub fn length(input: &[u8], bytes_max: usize) -> Result<Option<usize>, Broken> {
    let Some((tag, rest)) = input.split_first() else { return Ok(None) };
    if !b"QPBDECHSdcfpXF".contains(tag) {
        return Err(Broken::new(format!("invalid frontend message type {tag}")));
    }
    let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if (4..=bytes_max).contains(&length) {
        Ok(Some(1 + length))
    } else {
        Err(Broken::new("invalid message length"))
    }
}

/// Takes the next message off `input`; `None` until it is whole.
pub fn next(input: &mut BytesMut, bytes_max: usize) -> Result<Option<Message>, Broken> {
    let Some(length) = length(input, bytes_max)? else { return Ok(None) };
    if input.len() < length {
        return Ok(None);
    }
    let mut frame = input.split_to(length).freeze();
    let tag = frame[0];
    frame.advance(HEADER_BYTES);
    Ok(Some(decode(tag, Body::new(frame)).unwrap_or_else(|error| Message::Bad(tag, error))))
}

fn decode(tag: u8, mut body: Body) -> Result<Message> {
    let message = match tag {
        b'Q' => Message::Query(body.text()?),
        b'P' => parse(&mut body)?,
        b'B' => Message::Bind(Box::new(bind(&mut body)?)),
        b'D' => Message::Describe(target(&mut body, "DESCRIBE")?),
        b'E' => {
            let portal = body.text()?;
            Message::Execute { portal, rows_max: u32::try_from(body.i32()?).unwrap_or(0) }
        }
        b'C' => Message::Close(target(&mut body, "CLOSE")?),
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'd' => Message::CopyData(body.rest()),
        b'c' => Message::CopyDone,
        b'f' => Message::CopyFail(body.text()?),
        b'p' => Message::Password(body.rest()),
        b'X' => Message::Terminate,
        _ => return Err(Error::unsupported("the function call protocol")),
    };
    body.end()?;
    Ok(message)
}

fn parse(body: &mut Body) -> Result<Message> {
    let (name, text) = (body.text()?, body.text()?);
    let count = body.count(4)?;
    let types = (0..count).map(|_| body.u32()).collect::<Result<_>>()?;
    Ok(Message::Parse { name, text, types })
}

fn bind(body: &mut Body) -> Result<Bind> {
    let (portal, statement) = (body.text()?, body.text()?);
    let formats = formats(body)?;
    let count = body.count(4)?;
    if formats.len() > 1 && formats.len() != count {
        let text = format!("bind message has {} parameter formats but {count} parameters", formats.len());
        return Err(Error::new(SqlState::PROTOCOL_VIOLATION, text));
    }
    let parameters = (0..count).map(|_| body.value()).collect::<Result<_>>()?;
    Ok(Bind { portal, statement, formats, parameters, results: self::formats(body)? })
}

fn formats(body: &mut Body) -> Result<Vec<Format>> {
    let count = body.count(2)?;
    (0..count)
        .map(|_| match body.i16()? {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            code => {
                Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unsupported format code: {code}")))
            }
        })
        .collect()
}

fn target(body: &mut Body, what: &str) -> Result<Target> {
    match body.byte()? {
        b'S' => Ok(Target::Statement(body.text()?)),
        b'P' => Ok(Target::Portal(body.text()?)),
        kind => {
            let text = format!("invalid {what} message subtype {kind}");
            Err(Error::new(SqlState::PROTOCOL_VIOLATION, text))
        }
    }
}

#[cfg(test)]
mod tests;
