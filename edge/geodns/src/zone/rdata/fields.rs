//! The fields of records' data, each between text and wire form.

use super::{Field, service};
use crate::wire::Name;
use crate::wire::name::{escaped, show as show_name};
use crate::wire::query::Reader;
use crate::zone::lexer::Token;
use base64ct::{Base64, Encoding};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::slice::Iter;

/// Reads a field from the next tokens.
pub(super) fn read(
    field: Field,
    rest: &mut Iter<'_, Token>,
    origin: &Name,
    data: &mut Vec<u8>,
) -> Result<(), String> {
    match field {
        Field::Texts if rest.len() == 0 => return Err("a text is missing".to_owned()),
        Field::Texts => return rest.try_for_each(|token| text(token, data)),
        Field::Hex => {
            let digits: String = rest.map(|token| token.text.as_str()).collect();
            let bytes = decode_hex(&digits).filter(|bytes| !bytes.is_empty());
            data.extend(bytes.ok_or_else(|| format!("\"{digits}\" are no bytes in hexadecimal"))?);
            return Ok(());
        }
        Field::Parameters => return service::read(rest, data),
        _ => {}
    }
    let token = rest.next().ok_or_else(|| format!("{} is missing", named(field)))?;
    let wrong = || format!("\"{}\" is not {}", token.text, named(field));
    match field {
        Field::U8 => data.push(token.text.parse().map_err(|_| wrong())?),
        Field::U16 => data.extend(token.text.parse::<u16>().map_err(|_| wrong())?.to_be_bytes()),
        Field::U32 => data.extend(token.text.parse::<u32>().map_err(|_| wrong())?.to_be_bytes()),
        Field::Seconds => data.extend(seconds(&token.text).ok_or_else(wrong)?.to_be_bytes()),
        Field::Name => {
            let name = Name::parse(&token.text, origin).map_err(|problem| problem.to_string())?;
            data.extend_from_slice(name.wire());
        }
        Field::Ipv4 => data.extend(token.text.parse::<Ipv4Addr>().map_err(|_| wrong())?.octets()),
        Field::Ipv6 => data.extend(token.text.parse::<Ipv6Addr>().map_err(|_| wrong())?.octets()),
        Field::Text => text(token, data)?,
        Field::Tag => {
            let tag = token.text.to_ascii_lowercase();
            let fits = (1..=15).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            data.push(fits.then_some(tag.len() as u8).ok_or_else(wrong)?);
            data.extend_from_slice(tag.as_bytes());
        }
        Field::Rest => data.extend(unescaped(&token.text).ok_or_else(wrong)?),
        Field::Texts | Field::Hex | Field::Parameters => {}
    }
    Ok(())
}

fn named(field: Field) -> &'static str {
    match field {
        Field::U8 => "a number from 0 to 255",
        Field::U16 => "a number from 0 to 65535",
        Field::U32 => "a number from 0 to 4294967295",
        Field::Seconds => "a number of seconds (or as 1h30m)",
        Field::Name => "a name",
        Field::Ipv4 => "an IPv4 address",
        Field::Ipv6 => "an IPv6 address",
        Field::Tag => "a tag of letters and digits",
        Field::Text | Field::Texts | Field::Rest => "a text whose escapes are \\X or \\DDD",
        Field::Hex => "bytes in hexadecimal",
        Field::Parameters => "parameters",
    }
}

/// Reads a span of time: seconds, or numbers with w, d, h, m, s. At most 2³¹ − 1 (RFC 2181 section 8).
pub(crate) fn seconds(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u32>().ok().filter(|seconds| i32::try_from(*seconds).is_ok());
    }
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    for byte in text.bytes() {
        let factor = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(factor)?)?;
    }
    if number.is_some() {
        return None;
    }
    u32::try_from(total).ok().filter(|total| i32::try_from(*total).is_ok())
}

/// A text's bytes without its escapes; `None` if an escape is wrong.
pub(super) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'\\' {
            let (byte, used) = escaped(rest)?;
            out.push(byte);
            rest = &rest[used..];
        } else {
            out.push(*first);
        }
    }
    Some(out)
}

fn text(token: &Token, data: &mut Vec<u8>) -> Result<(), String> {
    let bytes = unescaped(&token.text);
    let bytes = bytes.ok_or_else(|| format!("\"{}\" is not {}", token.text, named(Field::Text)))?;
    let length = u8::try_from(bytes.len())
        .map_err(|_| format!("a text has {} bytes; at most 255 fit: write it as several", bytes.len()))?;
    data.push(length);
    data.extend(bytes);
    Ok(())
}

/// Shows a field of data that is not trusted.
pub(super) fn show(field: Field, reader: &mut Reader<'_>) -> Option<String> {
    Some(match field {
        Field::U8 => reader.u8()?.to_string(),
        Field::U16 => reader.u16()?.to_string(),
        Field::U32 => reader.u32()?.to_string(),
        Field::Seconds => reader.u32().filter(|seconds| i32::try_from(*seconds).is_ok())?.to_string(),
        Field::Name => {
            let mut shown = String::new();
            show_name(reader.name()?.wire(), &mut shown).ok()?;
            shown
        }
        Field::Ipv4 => Ipv4Addr::from(*reader.take(4)?.first_chunk::<4>()?).to_string(),
        Field::Ipv6 => Ipv6Addr::from(*reader.take(16)?.first_chunk::<16>()?).to_string(),
        Field::Text => show_text(reader)?,
        Field::Texts => {
            let mut texts = vec![show_text(reader)?];
            while reader.at < reader.bytes.len() {
                texts.push(show_text(reader)?);
            }
            texts.join(" ")
        }
        Field::Tag => {
            let length = reader.u8().filter(|length| (1..=15).contains(length))?;
            let tag = reader.take(length as usize)?;
            let fits = tag.iter().all(u8::is_ascii_alphanumeric);
            String::from_utf8(tag.to_vec()).ok().filter(|_| fits)?
        }
        Field::Rest => quoted(reader.rest()?),
        Field::Hex => encode_hex(reader.rest().filter(|bytes| !bytes.is_empty())?),
        Field::Parameters => service::show(reader.rest()?)?,
    })
}

fn show_text(reader: &mut Reader<'_>) -> Option<String> {
    let length = reader.u8()?;
    reader.take(length as usize).map(quoted)
}

/// Bytes as a quoted text.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => shown.extend(['\\', *byte as char]),
            0x20..=0x7E => shown.push(*byte as char),
            _ => {
                let _ = write!(shown, "\\{byte:03}");
            }
        }
    }
    shown.push('"');
    shown
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut shown, byte| {
        let _ = write!(shown, "{byte:02X}");
        shown
    })
}

/// Reads base64 with its padding.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Bytes as base64.
pub fn encode_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}
