//! Statements that PostgreSQL has and this does not.

use bole_sql_types::Error;

use super::reader::Reader;

/// Words that follow `CREATE`, `ALTER` or `DROP`, and what the refusal says.
const KINDS: &[(&str, &str)] = &[
    ("ACCESS METHOD", "an access method"),
    ("AGGREGATE", "an aggregate of the user's"),
    ("CAST", "a cast of the user's"),
    ("COLLATION", "a collation of the user's"),
    ("CONSTRAINT TRIGGER", "a trigger"),
    ("CONVERSION", "a conversion"),
    ("DEFAULT PRIVILEGES", "ALTER DEFAULT PRIVILEGES"),
    ("DOMAIN", "a domain"),
    ("EVENT TRIGGER", "an event trigger"),
    ("EXTENSION", "an extension"),
    ("FOREIGN DATA WRAPPER", "a foreign data wrapper"),
    ("FOREIGN TABLE", "a foreign table"),
    ("FUNCTION", "a function of the user's"),
    ("GROUP", "a role made by SQL"),
    ("LANGUAGE", "a procedural language"),
    ("LARGE OBJECT", "a large object"),
    ("OPERATOR", "an operator of the user's"),
    ("OWNED", "OWNED BY"),
    ("POLICY", "row level security"),
    ("PROCEDURE", "a procedure"),
    ("PUBLICATION", "a publication"),
    ("RECURSIVE VIEW", "CREATE RECURSIVE VIEW"),
    ("ROLE", "a role made by SQL"),
    ("ROUTINE", "a routine"),
    ("RULE", "a rule"),
    ("SERVER", "a foreign server"),
    ("STATISTICS", "an object of statistics"),
    ("SUBSCRIPTION", "a subscription"),
    ("SYSTEM", "ALTER SYSTEM"),
    ("TABLESPACE", "a tablespace"),
    ("TEXT SEARCH", "a text search object"),
    ("TRANSFORM", "a transform"),
    ("TRIGGER", "a trigger"),
    ("TRUSTED LANGUAGE", "a procedural language"),
    ("UNLOGGED", "an unlogged table"),
    ("USER", "a role made by SQL"),
    ("USER MAPPING", "a user mapping"),
];

/// Statements by their first words.
const STATEMENTS: &[(&str, &str)] = &[
    ("GRANT", "GRANT"),
    ("REVOKE", "REVOKE"),
    ("REASSIGN OWNED", "REASSIGN OWNED"),
    ("SECURITY LABEL", "SECURITY LABEL"),
    ("IMPORT FOREIGN SCHEMA", "IMPORT FOREIGN SCHEMA"),
    ("CLUSTER", "CLUSTER"),
];

const ROLES: &str = "a role made by SQL";

/// The refusal, if the next statement is none of ours.
pub(super) fn refused(reader: &Reader<'_, '_>) -> Option<Error> {
    if let Some((phrase, what)) = STATEMENTS.iter().find(|(phrase, _)| reader.at(phrase)) {
        let error = Error::unsupported(what);
        let rights = *phrase == "GRANT" || *phrase == "REVOKE";
        return Some(if rights {
            error.with_hint("Policies of `bole user` say who may do what.")
        } else {
            error
        });
    }
    let verb = ["CREATE OR REPLACE", "CREATE", "ALTER", "DROP"].into_iter().find(|verb| reader.at(verb))?;
    let (_, what) = KINDS.iter().find(|(words, _)| reader.at(&format!("{verb} {words}")))?;
    let error = Error::unsupported(what);
    Some(if *what == ROLES { error.with_hint("Users are made by `bole user`.") } else { error })
}
