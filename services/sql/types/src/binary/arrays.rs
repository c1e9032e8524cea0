//! Arrays in binary.
//!
//! ```text
//! dimensions i32 | flags i32 (1: NULLs) | element OID u32 | per dimension: length i32, lower bound i32
//! per element: length i32 (-1: NULL), bytes
//! ```

use std::borrow::Cow;

use super::{Reader, malformed};
use crate::array::{self, Array, DIMENSIONS_MAX, Dimension};
use crate::{Error, Result, SqlState, Type};

/// Reads an array; `read` gives the text of an element for the storage form. Errors: 22P03, 42804, those of `read`.
pub fn receive_array(
    element: Type,
    bytes: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<String>,
) -> Result<String> {
    let mut reader = Reader(bytes);
    let count = reader.i32()?;
    if count < 0 {
        return Err(malformed(&format!("invalid number of dimensions: {count}")));
    }
    if count as usize > DIMENSIONS_MAX {
        let message =
            format!("number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    if !(0..=1).contains(&reader.i32()?) {
        return Err(malformed("invalid array flags"));
    }
    check_element(element, Type(reader.u32()?))?;
    let (dimensions, total) = dimensions(&mut reader, count)?;
    // Each element takes four bytes at least.
    if reader.0.len() / 4 < total {
        return Err(malformed("insufficient data left in message"));
    }
    let mut elements = Vec::with_capacity(total);
    for _ in 0..total {
        elements.push(match reader.i32()? {
            -1 => None,
            length => {
                let length =
                    usize::try_from(length).map_err(|_| malformed("insufficient data left in message"))?;
                Some(Cow::Owned(read(reader.take(length)?)?))
            }
        });
    }
    if !reader.0.is_empty() {
        return Err(malformed("incorrect binary data format"));
    }
    let dimensions = if total == 0 { Vec::new() } else { dimensions };
    Ok(Array { dimensions, elements }.to_string())
}

fn check_element(expected: Type, given: Type) -> Result<()> {
    if given == expected {
        return Ok(());
    }
    let name = |ty: Type| ty.info().map_or("???", |info| info.sql_name);
    let message = format!(
        "binary data has array element type {} ({}) instead of expected {} ({})",
        given.0,
        name(given),
        expected.0,
        name(expected)
    );
    Err(Error::new(SqlState::DATATYPE_MISMATCH, message))
}

fn dimensions(reader: &mut Reader<'_>, count: i32) -> Result<(Vec<Dimension>, usize)> {
    let mut total = usize::from(count > 0);
    let mut dimensions = Vec::new();
    for _ in 0..count {
        let (length, lower) = (reader.i32()?, reader.i32()?);
        let size = usize::try_from(length).ok().filter(|_| lower.checked_add(length).is_some());
        total = size
            .and_then(|size| total.checked_mul(size))
            .filter(|total| *total <= array::ELEMENTS_APART_MAX)
            .ok_or_else(array::too_large)?;
        dimensions.push(Dimension { lower, length });
    }
    Ok((dimensions, total))
}

/// Appends an array in its storage form; `send` appends an element, given its text.
pub fn send_array(
    element: Type,
    text: &str,
    out: &mut Vec<u8>,
    mut send: impl FnMut(&str, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let array = array::parse(text)?;
    let nulls = array.elements.iter().any(Option::is_none);
    out.extend_from_slice(&(array.dimensions.len() as i32).to_be_bytes());
    out.extend_from_slice(&i32::from(nulls).to_be_bytes());
    out.extend_from_slice(&element.0.to_be_bytes());
    for dimension in &array.dimensions {
        out.extend_from_slice(&dimension.length.to_be_bytes());
        out.extend_from_slice(&dimension.lower.to_be_bytes());
    }
    for element in &array.elements {
        let at = out.len();
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        if let Some(text) = element {
            send(text, out)?;
            let length = (out.len() - at - 4) as i32;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}
