use proptest::prelude::*;
use rusqlite::types::Value;

use super::*;

/// The layout of version 1, one of each: it never changes. What version 2 adds follows.
const FIXTURE: &str = "01 06 435245415445 02 02 7431 03 d40f 05 0102 01f303 02000000000000f83f 030161 040200ff \
     04 04 02 00 0101 05 04 06 02 0106 030178 01 0102";
const SINCE_2: &str = "06 02 7431";

fn written() -> Vec<u8> {
    let mut out = Vec::new();
    put_ddl(&mut out, "CREATE");
    put_table(&mut out, b"t1");
    let row = [
        ValueRef::Integer(1),
        ValueRef::Integer(-250),
        ValueRef::Real(1.5),
        ValueRef::Text(b"a"),
        ValueRef::Blob(&[0, 0xff]),
    ];
    put_insert(&mut out, 1_002, &row);
    put_delete(&mut out, 2, &[ValueRef::Null, ValueRef::Integer(-1)]);
    let (old, new) =
        ([ValueRef::Integer(1), ValueRef::Text(b"x")], [ValueRef::Integer(3), ValueRef::Text(b"x")]);
    put_update(&mut out, 2, 3, &old, &new);
    put_update(&mut out, 3, 3, &new, &new);
    put_truncate(&mut out, "t1");
    out
}

fn owned(value: ValueRef<'_>) -> Value {
    Value::try_from(value).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn the_layout_stays() {
    assert_eq!(hex(&written()), format!("{FIXTURE}{SINCE_2}").replace(' ', ""));
    assert_eq!(operations(&written()).flatten().count(), 6);
    assert_eq!([0, 1, 2, 3].map(|version| is_known(KIND, version)), [false, true, true, false]);
}

#[test]
fn operations_come_back() {
    let bytes = written();
    let read: Vec<_> = operations(&bytes).map(Result::unwrap).collect();
    assert_eq!(read[..2], [Operation::Ddl("CREATE"), Operation::Table("t1")]);
    let Operation::Insert { rowid: 1_002, values } = read[2] else { panic!("{:?}", read[2]) };
    let expected = [
        Value::Integer(1),
        Value::Integer(-250),
        Value::Real(1.5),
        Value::Text("a".to_owned()),
        Value::Blob(vec![0, 0xff]),
    ];
    assert_eq!(values.iter().map(owned).collect::<Vec<_>>(), expected);
    let Operation::Delete { rowid: 2, values } = read[3] else { panic!("{:?}", read[3]) };
    assert_eq!(values.iter().map(owned).collect::<Vec<_>>(), [Value::Null, Value::Integer(-1)]);
    let Operation::Update { from: 2, rowid: 3, values, changed } = read[4] else { panic!("{:?}", read[4]) };
    assert_eq!((values.len(), changed.contains(0), changed.contains(1)), (2, true, false));
    assert_eq!(changed.before().map(owned).collect::<Vec<_>>(), [Value::Integer(1)]);
    assert_eq!(read[5], Operation::Truncate("t1"));
}

#[test]
fn every_cut_is_an_error_or_a_shorter_row_of_operations() {
    let bytes = written();
    let whole: Vec<_> = operations(&bytes).map(Result::unwrap).collect();
    for cut in 0..bytes.len() {
        let read: Vec<_> = operations(&bytes[..cut]).collect();
        let good = read.iter().take_while(|operation| operation.is_ok()).count();
        assert!(read.len() - good <= 1, "an error ends it");
        assert!(read.iter().zip(&whole).take(good).all(|(read, whole)| read.as_ref() == Ok(whole)));
        assert!(good < whole.len());
    }
}

fn arbitrary_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Real),
        ".{0,20}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Blob),
    ]
}

proptest! {
    #[test]
    fn rows_come_back(rows in prop::collection::vec((any::<i64>(), any::<i64>(), prop::collection::vec((arbitrary_value(), arbitrary_value()), 0..20)), 0..8)) {
        let mut out = Vec::new();
        for (from, rowid, columns) in &rows {
            let old: Vec<ValueRef<'_>> = columns.iter().map(|(old, _)| old.into()).collect();
            let new: Vec<ValueRef<'_>> = columns.iter().map(|(_, new)| new.into()).collect();
            put_insert(&mut out, *from, &old);
            put_update(&mut out, *from, rowid.wrapping_add(1), &old, &new);
            put_delete(&mut out, *rowid, &new);
        }
        for operation in operations(&out) {
            prop_assert!(operation.is_ok());
        }
        let inserted = operations(&out).filter_map(|operation| match operation {
            Ok(Operation::Insert { rowid, values }) => Some((rowid, values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>())),
            _ => None,
        });
        let expected = rows.iter().map(|(from, _, columns)| {
            (*from, columns.iter().map(|(old, _)| format!("{:?}", ValueRef::from(old))).collect::<Vec<_>>())
        });
        prop_assert!(inserted.eq(expected));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(operations(&bytes).count() <= bytes.len());
    }

    #[test]
    fn damaged_payloads_are_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = written();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for operation in operations(&bytes).flatten() {
            if let Operation::Update { values, changed, .. } = operation {
                prop_assert!(values.iter().count() == values.len());
                prop_assert!(changed.before().count() <= values.len());
            }
        }
    }
}
