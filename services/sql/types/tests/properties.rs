//! What holds for all values: forms read back as they were written, bytes never do harm, orders are total and agree with models.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::cmp::Ordering;

use bole_sql_types::array::{self, Array};
use bole_sql_types::collation::{self, compare_floats};
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::datetime::{TIMESTAMP_END, TIMESTAMP_MIN};
use bole_sql_types::numeric::{Numeric, operators};
use bole_sql_types::storage::Collation;
use bole_sql_types::zone::Zone;
use bole_sql_types::{Style, Type, Value, binary, json, text};
use proptest::prelude::*;

fn style() -> Style {
    Style { zone: Zone::named("America/New_York").unwrap(), ..Style::default() }
}

fn read_back(ty: Type, value: &Value) {
    let style = style();
    let written = text::to_string(ty, value.as_ref(), &style).unwrap();
    assert_eq!(&text::input(ty, -1, &written, &style).unwrap(), value, "{written}");
    let mut bytes = Vec::new();
    binary::output(ty, value.as_ref(), &mut bytes).unwrap();
    assert_eq!(&binary::input(ty, -1, &bytes, &style).unwrap(), value, "{written} in binary");
}

/// Text of a number as `numeric` writes it.
fn number() -> impl Strategy<Value = String> {
    let finite = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?";
    prop_oneof![8 => finite, 1 => Just("NaN".to_owned()), 1 => "-?Infinity"]
        .prop_map(|text| Numeric::parse(&text).unwrap().to_string())
}

fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,20}(\\.[0-9]{1,5})?",
        any::<String>().prop_map(|text| quoted(&text)),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|parts| format!("[{}]", parts.join(","))),
            prop::collection::vec(("[a-c]{0,2}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    json::push_string(&text.replace('\0', ""), &mut out);
    out
}

fn elements() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(prop::option::of("[a-c \"\\\\{},ü\n]{0,6}|NULL"), 0..8)
}

fn array_text(elements: &[Option<String>]) -> String {
    Array::from_elements(elements.iter().map(|element| element.clone().map(Into::into)).collect()).to_string()
}

/// Storage forms of a collation.
fn stored(collation: Collation) -> BoxedStrategy<String> {
    let array = |element: BoxedStrategy<String>| {
        let element = prop::option::of(element);
        prop::collection::vec(element, 0..4).prop_map(|elements| array_text(&elements)).boxed()
    };
    let interval = (-3_i32..3, -70_i32..70, -9_i64..9).prop_map(|(months, days, hours)| Interval {
        months,
        days,
        microseconds: hours * 43_200_000_000,
    });
    match collation {
        Collation::Numeric => prop_oneof![number(), "-?[0-2](\\.[0-2]{1,2})?"].boxed(),
        Collation::Bpchar => "[ab ]{0,4}".boxed(),
        Collation::Interval => interval.prop_map(Interval::to_storage).boxed(),
        Collation::Jsonb => json_text().prop_map(|text| json::canonical(&text).unwrap()).boxed(),
        Collation::ArrayOfIntegers => array((-5_i64..5).prop_map(|value| value.to_string()).boxed()),
        Collation::ArrayOfFloats => array("NaN|-?Infinity|-?0|1e-05|2.5|10".boxed()),
        Collation::ArrayOfNumerics => array(number().boxed()),
        Collation::ArrayOfIntervals => array(interval.prop_map(|interval| interval.to_string()).boxed()),
        Collation::ArrayOfTimes => array("(-?infinity|0?20[0-2]4-0[1-3]-0[12]( BC)?)".boxed()),
        Collation::ArrayOfText => array("[ab ]{0,3}".boxed()),
    }
}

fn three() -> impl Strategy<Value = (Collation, [String; 3])> {
    prop::sample::select(Collation::ALL.to_vec()).prop_flat_map(|collation| {
        let one = stored(collation);
        (Just(collation), [one.clone(), one.clone(), one])
    })
}

#[test]
fn what_is_nested_deeply_is_refused() {
    for (open, close, path) in [("[", "]", "("), ("{\"a\":", "}", "$?(@[")] {
        for depth in [900, 100_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let canonical = json::canonical(&text);
            assert_eq!(canonical.is_ok(), depth == 900);
            assert!(json::path::canonical(&path.repeat(depth)).is_err());
            assert!(json::path::canonical(&"-".repeat(depth)).is_err());
            assert!(array::parse(&"{".repeat(depth)).is_err());
            if let Ok(text) = canonical {
                assert!(json::compare(&json::parse(&text).unwrap(), &json::parse(&text).unwrap()).is_eq());
                json::change::pretty(&text).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integers_and_floats_read_back(int in any::<i64>(), bits in any::<u64>()) {
        read_back(Type::INT8, &Value::Integer(int));
        read_back(Type::INT4, &Value::Integer(int as i32 as i64));
        read_back(Type::OID, &Value::Integer(int as u32 as i64));
        let float = f64::from_bits(bits);
        if !float.is_nan() {
            read_back(Type::FLOAT8, &Value::Real(float));
        }
        let single = f32::from_bits(bits as u32);
        if !single.is_nan() {
            read_back(Type::FLOAT4, &Value::Real(single.into()));
        }
    }

    #[test]
    fn numerics_read_back(text in number()) {
        read_back(Type::NUMERIC, &Value::Text(text));
    }

    #[test]
    fn times_read_back(
        time in TIMESTAMP_MIN..TIMESTAMP_END, months in any::<i32>(), days in any::<i32>(), microseconds in any::<i64>()
    ) {
        read_back(Type::TIMESTAMP, &Value::Integer(time));
        // Of an hour that a clock shows twice, text names one.
        let shown = text::to_string(Type::TIMESTAMPTZ, Value::Integer(time).as_ref(), &style()).unwrap();
        prop_assert_eq!(text::input(Type::TIMESTAMPTZ, -1, &shown, &style()).unwrap(), Value::Integer(time), "{}", shown);
        read_back(Type::DATE, &Value::Integer(time.div_euclid(86_400_000_000)));
        read_back(Type::TIME, &Value::Integer(time.rem_euclid(86_400_000_000)));
        read_back(Type::INTERVAL, &Value::Text(Interval { months, days, microseconds }.to_storage()));
    }

    #[test]
    fn strings_and_bytes_read_back(text in any::<String>(), bytes in any::<Vec<u8>>(), uuid in any::<[u8; 16]>()) {
        read_back(Type::TEXT, &Value::Text(text.replace('\0', "")));
        read_back(Type::BYTEA, &Value::Blob(bytes));
        read_back(Type::UUID, &Value::Blob(uuid.to_vec()));
    }

    #[test]
    fn arrays_and_json_read_back(elements in elements(), text in json_text()) {
        let array = array_text(&elements);
        read_back(Type::TEXT.array().unwrap(), &Value::Text(array.clone()));
        let parsed = array::parse(&array).unwrap().elements;
        let parsed: Vec<Option<String>> = parsed.into_iter().map(|e| e.map(Into::into)).collect();
        prop_assert_eq!(parsed, elements);
        let canonical = json::canonical(&text).unwrap();
        read_back(Type::JSONB, &Value::Text(canonical));
        read_back(Type::JSON, &Value::Text(text));
    }

    #[test]
    fn bytes_never_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..24) {
        let lossy = String::from_utf8_lossy(&bytes).into_owned();
        // An array's header is rarely hit by chance.
        let mut array = vec![0, 0, 0, 1, 0, 0, 0, 0];
        array.extend_from_slice(&bytes[cut.min(bytes.len())..]);
        for info in Type::built_in() {
            let _ = text::input(info.of, -1, &lossy, &Style::default());
            for bytes in [&bytes, &array] {
                if let Ok(value) = binary::input(info.of, -1, bytes, &Style::default()) {
                    let _ = text::to_string(info.of, value.as_ref(), &style()).unwrap();
                }
            }
        }
    }

    #[test]
    fn odd_text_never_does_harm(text in "[-+0-9a-zTP:./ ,{}\\[\\]\"$@?()*=<>&|!]{0,30}", pattern in "[-A-Za-z0-9.,: \"]{0,12}") {
        for info in Type::built_in() {
            let _ = text::input(info.of, -1, &text, &Style::default());
        }
        let _ = Zone::named(&text);
        let _ = bole_sql_types::format::to_timestamp(&text, &pattern, &Zone::utc());
        let _ = bole_sql_types::format::timestamp_to_char(0, &pattern);
        let _ = bole_sql_types::format::number_to_char("12.5", &pattern);
        let _ = bole_sql_types::format::to_number(&text, &pattern);
    }

    #[test]
    fn orders_are_total((collation, [a, b, c]) in three()) {
        let compare = |a: &str, b: &str| collation::compare(collation, a, b);
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le(), "{:?}: {} {} {}", collation, a, b, c);
        }
    }

    #[test]
    fn orders_agree_with_models(a in number(), b in number(), x in any::<f64>(), y in any::<f64>()) {
        let parsed = Numeric::parse(&a).unwrap().compare(&Numeric::parse(&b).unwrap());
        prop_assert_eq!(collation::compare(Collation::Numeric, &a, &b), parsed);
        let model = match (x.is_nan(), y.is_nan()) {
            (false, false) => x.partial_cmp(&y).unwrap(),
            (x, y) => x.cmp(&y),
        };
        prop_assert_eq!(compare_floats(x, y), model);
    }

    #[test]
    fn arithmetic_agrees_with_integers(a in -1_i128 << 100..1_i128 << 100, b in -1_i128 << 60..1_i128 << 60) {
        let (x, y) = (a.to_string(), b.to_string());
        prop_assert_eq!(operators::add(&x, &y).unwrap(), (a + b).to_string());
        prop_assert_eq!(operators::subtract(&x, &y).unwrap(), (a - b).to_string());
        if b != 0 {
            prop_assert_eq!(operators::remainder(&x, &y).unwrap(), (a % b).to_string());
            let whole = Numeric::parse(&x).unwrap().divide_whole(&Numeric::parse(&y).unwrap()).unwrap();
            prop_assert_eq!(whole.to_string(), (a / b).to_string());
        }
        let (small, other) = (a >> 40, b);
        prop_assert_eq!(operators::multiply(&small.to_string(), &y).unwrap(), (small * other).to_string());
    }
}
