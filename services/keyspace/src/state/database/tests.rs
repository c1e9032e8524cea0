//! A database against a model.

use super::*;

fn database() -> Database {
    Database::new(Seed(1, 2), Limits::default())
}

#[test]
fn strings_are_set_changed_and_removed() {
    let mut database = database();
    let hash = database.hash(b"k");
    let mut buffer = IntegerBuffer::new();
    let steps: &[(Effect<'_>, Option<&[u8]>, &str)] = &[
        (Effect::SetString { key: b"k", value: b"12", deadline: None }, Some(b"12"), "int"),
        (Effect::Append { key: b"k", value: b"a" }, Some(b"12a"), "raw"),
        (Effect::SetRange { key: b"k", offset: 5, value: b"z" }, Some(b"12a\0\0z"), "raw"),
        (Effect::SetString { key: b"k", value: b"word", deadline: Some(10) }, Some(b"word"), "embstr"),
        (Effect::SetDeadline { key: b"k", deadline: Some(5) }, None, ""),
        (Effect::SetDeadline { key: b"k", deadline: None }, Some(b"word"), "embstr"),
        (Effect::Delete { key: b"k" }, None, ""),
        (Effect::Append { key: b"k", value: b"" }, Some(b""), "embstr"),
    ];
    for (offset, (effect, expected, encoding)) in steps.iter().enumerate() {
        database.apply(Offset(offset as u64), effect);
        let entry = database.lookup(hash, b"k", 7);
        assert_eq!(entry.and_then(|entry| entry.string(&mut buffer)), *expected, "{effect:?}");
        assert_eq!(entry.map_or("", |entry| entry.encoding()), *encoding, "{effect:?}");
    }
}
