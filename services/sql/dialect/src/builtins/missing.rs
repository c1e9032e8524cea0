//! What PostgreSQL 15 has by name, so that a call of what is lacking here is refused as such and not said to be unknown.

use std::sync::LazyLock;

/// The names of the functions in PostgreSQL's `pg_catalog`, one on a line, sorted by their bytes.
static FUNCTIONS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("postgresql.txt").lines().collect());

/// The names of its operators without the comparisons.
const OPERATORS: &[&str] = &[
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|", "&>", "*",
    "*<", "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<->", "<<", "<<=", "<<|",
    "<@", "<^", ">>", ">>=", ">^", "?", "?#", "?&", "?-", "?-|", "?|", "?||", "@", "@-@", "@>", "@?", "@@",
    "@@@", "^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~", "~<~", "~=", "~>=~", "~>~",
    "~~", "~~*",
];

/// Whether PostgreSQL has a function of the name and the tables here have none.
pub(crate) fn lacks_function(name: &str) -> bool {
    super::functions(name).next().is_none() && FUNCTIONS.binary_search(&name).is_ok()
}

/// Whether PostgreSQL has an operator of the name and the tables here have none.
pub(crate) fn lacks_operator(name: &str) -> bool {
    super::operators(name).next().is_none() && OPERATORS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(FUNCTIONS.is_sorted());
        assert!(FUNCTIONS.binary_search(&"pg_backend_pid").is_ok());
        assert!(lacks_function("websearch_to_tsquery"));
        assert!(!lacks_function("lower"));
        assert!(!lacks_function("no_such_function"));
        assert!(lacks_operator("&<|"));
        assert!(!lacks_operator("+"));
    }
}
