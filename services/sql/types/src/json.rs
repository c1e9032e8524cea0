//! json and jsonb: read, written, ordered, taken apart and put together, as text.
//!
//! jsonb is kept as the text that PostgreSQL would print, so equal values have equal text but for the digits of numbers (`1` and `1.0`).

pub mod build;
pub mod change;
mod compare;
pub mod operators;
mod parse;
pub mod path;
mod print;
pub mod raw;
mod value;

pub use compare::compare;
pub use parse::{parse, parse_binary, validate};
pub use print::{canonical, push_string, write};
pub use value::Json;
