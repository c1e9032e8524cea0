//! Collations: all of them order text by code points, as PostgreSQL's do in a database of the locale C.UTF-8. A column or a key keeps which one was written, for who
//! asks the catalog and for dumps.

/// The OID of the collation that a type has by itself.
pub const DEFAULT: u32 = 100;

/// OID and name, as PostgreSQL 15 has them.
const ALL: [(u32, &str); 5] =
    [(DEFAULT, "default"), (950, "C"), (951, "POSIX"), (12_340, "ucs_basic"), (12_341, "C.utf8")];
/// What `C.utf8` is called elsewhere.
const ALIAS: &str = "C.UTF-8";

/// The OID of a collation that there is.
pub fn named(name: &str) -> Option<u32> {
    let name = if name == ALIAS { "C.utf8" } else { name };
    ALL.iter().find(|(_, it)| *it == name).map(|(oid, _)| *oid)
}

/// The name of a collation.
pub fn name(oid: u32) -> Option<&'static str> {
    ALL.iter().find(|(it, _)| *it == oid).map(|(_, name)| *name)
}
