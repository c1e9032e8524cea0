//! What `bole import postgres` and `bole export` share: a database seen through its `pg_catalog`, be it PostgreSQL's or Bole's, in
//! one snapshot, and its rows as lines of COPY.

pub(super) mod blueprint;
pub(super) mod lines;
pub(super) mod snapshot;
pub(super) mod source;

/// What a server said, with its code; or what went wrong on the way.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => format!("{:#}", anyhow::Error::msg(error.to_string())),
    }
}

/// A text as a literal, whatever it holds.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (text, expected) in [("", "''"), ("a'b", "'a''b'"), (r"a\'", r"E'a\\'''"), ("ä\n", "'ä\n'")] {
            assert_eq!(literal(text), expected);
        }
    }
}
