//! How long one value may become.

use crate::{Error, Result, SqlState};

/// Bytes that one value may have: what one transaction may change, which is less than PostgreSQL's 1 GiB. Functions that make several
/// bytes of one, and parts of values, take a multiple of it for a moment.
pub const BYTES_MAX: usize = (256 << 20) - 1;

/// Asked before a value of `has` bytes grows by `more`: an allocation that fails would end the process. Errors: 54000.
pub fn check_length(has: usize, more: usize) -> Result<()> {
    if has.checked_add(more).is_some_and(|length| length <= BYTES_MAX) {
        return Ok(());
    }
    let detail = format!("Cannot enlarge string buffer containing {has} bytes by {more} more bytes.");
    Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "out of memory").with_detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_end() {
        let rows = [
            (0, BYTES_MAX, true),
            (BYTES_MAX, 0, true),
            (BYTES_MAX, 1, false),
            (0, BYTES_MAX + 1, false),
            (usize::MAX, usize::MAX, false),
        ];
        for (has, more, fits) in rows {
            assert_eq!(check_length(has, more).is_ok(), fits, "{has} + {more}");
        }
    }
}
