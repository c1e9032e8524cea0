//! Commands that begin with a backslash: what psql's users type without thinking, as queries of the catalog.

/// What a command is.
pub(super) enum Command {
    /// `\?`.
    Help,
    /// `\timing`.
    Timing,
    /// Queries to run one after the other.
    Queries(Vec<String>),
    /// `\restrict` and `\unrestrict`, which PostgreSQL's dumps begin and end with: they forbid their reader commands that this one does not have.
    Nothing,
    /// None that is known.
    Unknown,
}

/// What `\?` prints.
pub(super) const HELP: &str = "\
\\d          tables, views and sequences
\\d NAME     columns and indexes of a table
\\dn         schemas
\\dt, \\dv, \\dm, \\ds, \\di   tables, views, materialized views, sequences, indexes
\\l          databases
\\timing     show how long each statement takes
\\q          end
";

const RELATIONS: &str = "select n.nspname as \"Schema\", c.relname as \"Name\", case c.relkind when 'r' then 'table' when 'v' then 'view' \
     when 'm' then 'materialized view' when 'S' then 'sequence' when 'i' then 'index' end as \"Type\" from pg_catalog.pg_class c \
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind in ";

/// Whether a command ends the conversation, or the file.
pub(super) fn ends(command: &str) -> bool {
    command.trim() == "\\q"
}

/// Reads a command.
pub(super) fn command(text: &str) -> Command {
    let (name, argument) =
        text.split_once(char::is_whitespace).map_or((text, ""), |(name, rest)| (name, rest.trim()));
    let argument = argument.trim_end_matches(';');
    let relations = |kinds: &str| Command::Queries(vec![format!("{RELATIONS}({kinds}) order by 1, 2")]);
    match (name, argument) {
        ("\\?", _) => Command::Help,
        ("\\restrict" | "\\unrestrict", _) => Command::Nothing,
        ("\\timing", "") => Command::Timing,
        ("\\d", "") => relations("'r', 'v', 'm', 'S'"),
        ("\\dt", "") => relations("'r'"),
        ("\\dv", "") => relations("'v'"),
        ("\\dm", "") => relations("'m'"),
        ("\\ds", "") => relations("'S'"),
        ("\\di", "") => relations("'i'"),
        ("\\dn", "") => Command::Queries(vec![
            "select nspname as \"Name\" from pg_catalog.pg_namespace order by 1".to_owned(),
        ]),
        ("\\l", "") => Command::Queries(vec![
            "select datname as \"Name\" from pg_catalog.pg_database order by 1".to_owned(),
        ]),
        ("\\d", table) => Command::Queries(describe(table)),
        _ => Command::Unknown,
    }
}

/// The columns and indexes of a table.
fn describe(table: &str) -> Vec<String> {
    let name = format!("'{}'::regclass", table.replace('\'', "''"));
    vec![
        format!(
            "select a.attname as \"Column\", pg_catalog.format_type(a.atttypid, a.atttypmod) as \"Type\", \
             case when a.attnotnull then 'not null' else '' end as \"Nullable\", \
             pg_catalog.pg_get_expr(d.adbin, d.adrelid) as \"Default\" from pg_catalog.pg_attribute a \
             left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
             where a.attrelid = {name} and a.attnum > 0 and not a.attisdropped order by a.attnum"
        ),
        format!(
            "select pg_catalog.pg_get_indexdef(i.indexrelid) as \"Indexes\" from pg_catalog.pg_index i \
             where i.indrelid = {name} order by 1"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (text, queries) in [
            ("\\d", 1),
            ("\\d t", 2),
            ("\\dt", 1),
            ("\\dn", 1),
            ("\\l", 1),
            ("\\di;", 0),
            ("\\x", 0),
            ("\\dt t", 0),
        ] {
            let found = match command(text) {
                Command::Queries(queries) => queries.len(),
                Command::Help | Command::Timing | Command::Nothing | Command::Unknown => 0,
            };
            assert_eq!(found, queries, "{text}");
        }
        let Command::Queries(queries) = command("\\d it's") else { panic!("it is known") };
        assert!(queries.iter().all(|query| query.contains("'it''s'::regclass")));
    }
}
