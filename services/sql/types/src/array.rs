//! Arrays: their text, their elements, and what PostgreSQL computes with them.
//!
//! An array is kept as text, each element in the output form of its type in the default [`Style`]. So an array of numbers, say, is the
//! same text in every session; [`input`] and [`output`] change elements whose text depends on the session.

pub mod functions;
mod literal;

use std::borrow::Cow;

pub use literal::{parse, write};

use crate::length::check_length;
use crate::{Error, Result, SqlState, Style, Type, Value, ValueRef, text};

/// How many dimensions an array may have.
pub const DIMENSIONS_MAX: usize = 6;
/// How many elements an array may have.
pub const ELEMENTS_MAX: usize = 0x7ff_ffff;
/// How many elements are taken apart at a time: what stands for them takes more memory than their text.
pub const ELEMENTS_APART_MAX: usize = 1 << 24;

/// A dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The subscript of its first element.
    pub lower: i32,
    /// How many elements it has; at least 1.
    pub length: i32,
}

/// An array, taken apart. One without elements has no dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Array<'a> {
    /// From the outermost.
    pub dimensions: Vec<Dimension>,
    /// Row by row; `None` is NULL.
    pub elements: Vec<Option<Cow<'a, str>>>,
}

/// Reads an array of elements of a type; gives the storage form. Errors: 22P02, and those of the elements.
pub fn input(element: Type, typmod: i32, literal: &str, style: &Style) -> Result<String> {
    let storage = Style::default();
    let array = parse(literal)?.map(|text| {
        let value = text::input(element, typmod, text, style)?;
        text::to_string(element, value.as_ref(), &storage)
    })?;
    Ok(array.to_string())
}

/// Appends the text of an array in the style of a session.
pub fn output(element: Type, array: &str, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    if !depends_on_style(element) {
        out.extend_from_slice(array.as_bytes());
        return Ok(());
    }
    let storage = Style::default();
    let array = parse(array)?.map(|text| {
        let value = text::input(element, -1, text, &storage)?;
        text::to_string(element, value.as_ref(), style)
    })?;
    out.extend_from_slice(array.to_string().as_bytes());
    Ok(())
}

/// Whether the text of a type is not the same in all sessions.
const fn depends_on_style(ty: Type) -> bool {
    matches!(ty, Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::BYTEA | Type::FLOAT4 | Type::FLOAT8)
}

/// The array with each element's text mapped, such as an enum's place to its label or back. NULLs stay.
pub fn map_elements(array: &str, map: impl FnMut(&str) -> Result<String>) -> Result<String> {
    Ok(parse(array)?.map(map)?.to_string())
}

/// The storage form of an element's text in a stored array.
pub fn element_value(element: Type, text: &str) -> Result<Value> {
    text::input(element, -1, text, &Style::default())
}

/// The text that a stored array has for an element; `None` for NULL.
pub fn element_text(element: Type, value: ValueRef<'_>) -> Result<Option<String>> {
    match value {
        ValueRef::Null => Ok(None),
        _ => text::to_string(element, value, &Style::default()).map(Some),
    }
}

impl<'a> Array<'a> {
    /// One dimension, from 1 on.
    pub fn from_elements(elements: Vec<Option<Cow<'a, str>>>) -> Self {
        let dimensions = match elements.len() {
            0 => Vec::new(),
            length => vec![Dimension { lower: 1, length: length as i32 }],
        };
        Self { dimensions, elements }
    }

    /// Each element's text mapped.
    pub fn map(self, mut map: impl FnMut(&str) -> Result<String>) -> Result<Array<'static>> {
        let mut length = 0;
        let map = |element: Option<Cow<'a, str>>| {
            let Some(text) = element else { return Ok(None) };
            let text = map(&text)?;
            check_length(length, text.len())?;
            length += text.len();
            Ok(Some(Cow::Owned(text)))
        };
        let elements = self.elements.into_iter().map(map).collect::<Result<_>>()?;
        Ok(Array { dimensions: self.dimensions, elements })
    }
}

impl std::fmt::Display for Array<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        write(self, &mut out);
        f.write_str(&out)
    }
}

/// Asked before one more element is put to `count` others. Errors: 54000.
pub fn check_elements(count: usize) -> Result<()> {
    if count < ELEMENTS_APART_MAX {
        return Ok(());
    }
    let message = format!("array size exceeds the maximum allowed ({ELEMENTS_APART_MAX})");
    Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
}

/// 54000: more elements than an array may have.
pub(crate) fn too_large() -> Error {
    let message = format!("array size exceeds the maximum allowed ({ELEMENTS_MAX})");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}
