//! Pairs of an old schema and a new one, and what stands between them, in each language.

use bole_schemas::compatibility::Level;
use bole_schemas::schema::{Dependency, Kind, Reading, Schema, Source};

/// An old schema, a new one, and the first rule that the new one breaks as a reader of the old one's data; empty if none.
type Row = (&'static str, &'static str, &'static str);

fn parse(kind: Kind, text: &str) -> Schema {
    let source = Source { kind, text: text.to_owned(), dependencies: Vec::new() };
    Schema::parse(&source, Reading { strict: true, normalize: false })
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(kind: Kind, rows: &[Row]) {
    for (old, new, rule) in rows {
        let (before, now) = (parse(kind, old), parse(kind, new));
        let found = Level::Backward.check(&now, &before);
        let first = found.iter().next().map_or("", |difference| difference.rule);
        assert_eq!(first, *rule, "\nold {old}\nnew {new}\n{found:?}");
        // The other direction, asked for in its own way, is the same question.
        assert_eq!(Level::Forward.check(&before, &now), found, "\nold {old}\nnew {new}");
    }
}

#[path = "compatible/avro.rs"]
mod avro;
#[path = "compatible/json.rs"]
mod json;
#[path = "compatible/protobuf.rs"]
mod protobuf;
