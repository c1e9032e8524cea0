//! What is looked for by name because it is not carried over.

use anyhow::Result;

use super::{LeftOut, USERS};
use crate::cli::postgres::snapshot::Snapshot;

/// Relations of one kind.
macro_rules! relations {
    ($kind:literal) => {
        concat!(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace
             where {users} and {free:c.oid:pg_class} and relkind = ",
            $kind
        )
    };
}
/// What to look for: its kind, the relation of the catalog that has it, a query of names, and why it stays behind. `{users}` is
/// the condition for schemas of users, `{free}` for rows that no extension made.
const PROBES: &[(&str, &str, &str, &str)] = &[
    ("extension", "pg_extension", "select extname from pg_extension where extname <> 'plpgsql'", NOT_THERE),
    (
        "function",
        "pg_proc",
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = pronamespace
         where {users} and {free:p.oid:pg_proc}",
        NOT_THERE,
    ),
    (
        "trigger",
        "pg_trigger",
        "select quote_ident(tgname) || ' on ' || tgrelid::regclass::text from pg_trigger where not tgisinternal",
        NOT_THERE,
    ),
    (
        "rule",
        "pg_rewrite",
        "select quote_ident(rulename) || ' on ' || ev_class::regclass::text from pg_rewrite r
         join pg_class c on c.oid = ev_class join pg_namespace n on n.oid = relnamespace
         where {users} and rulename <> '_RETURN'",
        NOT_THERE,
    ),
    (
        "policy",
        "pg_policy",
        "select quote_ident(polname) || ' on ' || polrelid::regclass::text from pg_policy",
        NOT_THERE,
    ),
    (
        "domain or type",
        "pg_type",
        "select t.oid::regtype::text from pg_type t join pg_namespace n on n.oid = typnamespace
         left join pg_class c on c.oid = typrelid
         where {users} and {free:t.oid:pg_type} and typelem = 0
         and (typtype in ('d', 'r') or typtype = 'b' or typtype = 'c' and c.relkind = 'c')",
        NOT_THERE,
    ),
    ("partitioned table", "pg_class", relations!("'p'"), NOT_THERE),
    ("foreign table", "pg_class", relations!("'f'"), NOT_THERE),
    (
        "partition or child table",
        "pg_inherits",
        "select inhrelid::regclass::text from pg_inherits join pg_class c on c.oid = inhrelid where relkind = 'r'",
        NOT_THERE,
    ),
    (
        "index",
        "pg_index",
        "select indexrelid::regclass::text from pg_index where not indisvalid",
        "it is not valid at the source",
    ),
    (
        "table",
        "pg_class",
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace
         where {users} and relkind = 'r' and not exists
         (select 1 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '')",
        "it has no column that could be copied",
    ),
    ("event trigger", "pg_event_trigger", "select quote_ident(evtname) from pg_event_trigger", NOT_THERE),
    ("publication", "pg_publication", "select quote_ident(pubname) from pg_publication", NOT_THERE),
    (
        "operator",
        "pg_operator",
        "select o.oid::regoperator::text from pg_operator o join pg_namespace n on n.oid = oprnamespace
         where {users} and {free:o.oid:pg_operator}",
        NOT_THERE,
    ),
    (
        "collation",
        "pg_collation",
        "select quote_ident(collname) from pg_collation o join pg_namespace n on n.oid = collnamespace
         where {users} and {free:o.oid:pg_collation}",
        NOT_THERE,
    ),
    (
        "statistics object",
        "pg_statistic_ext",
        "select quote_ident(stxname) from pg_statistic_ext s join pg_namespace n on n.oid = stxnamespace where {users}",
        NOT_THERE,
    ),
    (
        "large object",
        "pg_largeobject_metadata",
        "select oid::text from pg_largeobject_metadata order by oid limit 100",
        NOT_THERE,
    ),
    ("foreign server", "pg_foreign_server", "select quote_ident(srvname) from pg_foreign_server", NOT_THERE),
];

const NOT_THERE: &str = "not carried over";

/// A query of the table with its conditions.
fn query(text: &str) -> String {
    let text = text.replace("{users}", USERS);
    let Some((before, rest)) = text.split_once("{free:") else { return text };
    let Some(((row, class), after)) =
        rest.split_once('}').and_then(|(condition, after)| Some((condition.split_once(':')?, after)))
    else {
        return text;
    };
    format!(
        "{before}{row} not in (select objid from pg_depend where deptype = 'e' and classid = '{class}'::regclass){after}"
    )
}

/// Looks for all of it.
pub(super) async fn read(snapshot: &Snapshot) -> Result<Vec<LeftOut>> {
    let there = snapshot.rows("select relname from pg_class where relnamespace = 11").await?;
    let mut found = Vec::new();
    for (kind, relation, text, why) in PROBES {
        // A Bole has only what is said in its catalog, and what it does not know it cannot have.
        if !there.iter().any(|row| row.text(0) == *relation) || snapshot.is_bole() && !SHARED.contains(kind) {
            continue;
        }
        for row in snapshot.rows(&query(text)).await? {
            let (kind, name, why) = ((*kind).to_owned(), row.text(0).to_owned(), (*why).to_owned());
            found.push(LeftOut { kind, name, why });
        }
    }
    Ok(found)
}

/// What a Bole can have as well.
const SHARED: &[&str] = &["table"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_filled_in() {
        for (_, _, text, _) in PROBES {
            let query = query(text);
            assert!(!query.contains(['{', '}']), "{query}");
        }
        assert_eq!(
            query("a {free:x:y} b"),
            "a x not in (select objid from pg_depend where deptype = 'e' and classid = 'y'::regclass) b"
        );
    }
}
