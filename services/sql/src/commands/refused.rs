//! Statements that Bole does not have: refused by their names.

use std::sync::Arc;

use bole_sql_types::{Error, Result};

use super::Command;
use super::tokens::Cursor;

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let word = cursor.peek_word().unwrap_or_default().to_uppercase();
    let name = match word.as_str() {
        "IMPORT" => "IMPORT FOREIGN SCHEMA",
        "REASSIGN" => "REASSIGN OWNED",
        "SECURITY" => "SECURITY LABEL",
        word => word,
    };
    Err(Error::unsupported(name))
}
