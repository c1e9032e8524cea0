//! The path language of SQL/JSON.

use crate::{Error, Result};

/// The text of a path as PostgreSQL prints it.
pub fn canonical(_text: &str) -> Result<String> {
    Err(Error::unsupported("a jsonpath"))
}
