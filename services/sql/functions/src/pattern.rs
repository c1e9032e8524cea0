//! `LIKE`, `SIMILAR TO` and regular expressions.

pub(crate) mod are;
pub(crate) mod class;
pub(crate) mod functions;
pub(crate) mod like;
pub(crate) mod matcher;
pub(crate) mod similar;

pub(crate) use functions::{matches, split};
