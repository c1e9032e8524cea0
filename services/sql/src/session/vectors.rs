//! `int2vector` and `oidvector` of the system's relations. Here they are arrays that begin at index 0, and so SQL treats them; a client is told PostgreSQL's types, whose text
//! is numbers with blanks between them: dumps and drivers read it. Their binary form is that of the array.

use bole_sql_dialect::catalog::system;
use bole_sql_dialect::plan::Output;
use bole_sql_types::{Type, ValueRef};

/// Arrays of `int2` and of `oid`, and the OIDs of the vectors that they stand for.
const TYPES: [(Type, u32); 2] = [(Type(1_005), 22), (Type(1_028), 30)];
/// Columns that are vectors, by the OID of their relation.
const COLUMNS: [(u32, &[&str]); 5] = [
    (1_255, &["proargtypes"]),
    (2_610, &["indkey", "indcollation", "indclass", "indoption"]),
    (2_620, &["tgattr"]),
    (3_350, &["partattrs", "partclass", "partcollation"]),
    (3_381, &["stxkeys"]),
];

/// The OID of the vector that a column of a result is.
pub(super) fn type_oid(column: &Output) -> Option<u32> {
    let (_, oid) = TYPES.iter().find(|(array, _)| *array == column.ty)?;
    let (relation, number) = column.origin?;
    let (_, names) = COLUMNS.iter().find(|(it, _)| *it == relation)?;
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    let (name, _) = system::with_oid(relation)?.columns.get(place)?;
    names.contains(name).then_some(*oid)
}

/// Writes a vector as text; `false` if the value is not in the form of one.
pub(super) fn put(value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
    let ValueRef::Text(kept) = value else { return false };
    let Some(numbers) = kept.strip_suffix('}').and_then(|kept| kept.split_once('{')) else { return false };
    out.extend(numbers.1.bytes().map(|byte| if byte == b',' { b' ' } else { byte }));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (kept, expected) in
            [("[0:1]={1,2}", Some("1 2")), ("[0:0]={7}", Some("7")), ("{}", Some("")), ("1", None)]
        {
            let mut out = Vec::new();
            assert_eq!(put(ValueRef::Text(kept), &mut out), expected.is_some());
            assert_eq!(out, expected.unwrap_or_default().as_bytes());
        }
    }

    #[test]
    fn columns_are_those_of_the_relations() {
        for (relation, names) in COLUMNS {
            let relation = system::with_oid(relation).expect("it is a relation of the system");
            assert!(
                names.iter().all(|name| relation.columns.iter().any(|(it, _)| it == name)),
                "{}",
                relation.name
            );
        }
    }
}
