use super::{Dependency, Kind, Reading, Schema, Source, check, parse};

fn record(fields: &str) -> &'static str {
    Box::leak(format!("{{\"type\":\"record\",\"name\":\"r\",\"fields\":[{fields}]}}").into_boxed_str())
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn resolution() {
    let string = "{\"name\":\"a\",\"type\":\"string\"}";
    let two = format!("{string},{{\"name\":\"b\",\"type\":\"int\"}}");
    let defaulted = format!("{string},{{\"name\":\"b\",\"type\":\"int\",\"default\":0}}");
    let renamed = "{\"name\":\"c\",\"type\":\"string\",\"aliases\":[\"a\"]}";
    let list = "{\"type\":\"record\",\"name\":\"n\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"n\"]},{\"name\":\"v\",\"type\":\"TYPE\"}]}";
    let list = |of: &str| -> &'static str { Box::leak(list.replace("TYPE", of).into_boxed_str()) };
    let symbols = |list: &str, more: &str| -> &'static str {
        Box::leak(format!("{{\"type\":\"enum\",\"name\":\"e\",\"symbols\":{list}{more}}}").into_boxed_str())
    };
    let fixed = |name: &str, size: u8, more: &str| -> &'static str {
        Box::leak(
            format!("{{\"type\":\"fixed\",\"name\":\"{name}\",\"size\":{size}{more}}}").into_boxed_str(),
        )
    };
    check(
        Kind::Avro,
        &[
            ("\"int\"", "\"long\"", ""),
            ("\"int\"", "\"float\"", ""),
            ("\"int\"", "\"double\"", ""),
            ("\"long\"", "\"double\"", ""),
            ("\"float\"", "\"double\"", ""),
            ("\"string\"", "\"bytes\"", ""),
            ("\"bytes\"", "\"string\"", ""),
            ("\"long\"", "\"int\"", "TYPE_MISMATCH"),
            ("\"double\"", "\"float\"", "TYPE_MISMATCH"),
            ("\"int\"", "\"boolean\"", "TYPE_MISMATCH"),
            ("\"int\"", "\"string\"", "TYPE_MISMATCH"),
            ("\"int\"", "[\"null\",\"long\"]", ""),
            ("[\"null\",\"int\"]", "[\"long\",\"null\"]", ""),
            ("[\"null\",\"int\"]", "[\"null\",\"string\"]", "MISSING_UNION_BRANCH"),
            ("[\"null\",\"int\"]", "\"int\"", "TYPE_MISMATCH"),
            ("[\"int\"]", "\"long\"", ""),
            ("[]", "\"long\"", ""),
            ("{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"long\"}", ""),
            (
                "{\"type\":\"array\",\"items\":\"long\"}",
                "{\"type\":\"array\",\"items\":\"int\"}",
                "TYPE_MISMATCH",
            ),
            (
                "{\"type\":\"map\",\"values\":\"int\"}",
                "{\"type\":\"array\",\"items\":\"int\"}",
                "TYPE_MISMATCH",
            ),
            ("{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":\"double\"}", ""),
            (record(string), record(&defaulted), ""),
            (record(string), record(&two), "READER_FIELD_MISSING_DEFAULT_VALUE"),
            (record(&two), record(string), ""),
            (record(string), record(renamed), ""),
            (
                record(string),
                record("{\"name\":\"c\",\"type\":\"string\"}"),
                "READER_FIELD_MISSING_DEFAULT_VALUE",
            ),
            (
                "{\"type\":\"record\",\"name\":\"x.r\",\"fields\":[]}",
                "{\"type\":\"record\",\"name\":\"y.r\",\"fields\":[]}",
                "",
            ),
            (
                "{\"type\":\"record\",\"name\":\"r\",\"fields\":[]}",
                "{\"type\":\"record\",\"name\":\"s\",\"fields\":[]}",
                "NAME_MISMATCH",
            ),
            (
                "{\"type\":\"record\",\"name\":\"x.r\",\"fields\":[]}",
                "{\"type\":\"record\",\"name\":\"x.s\",\"aliases\":[\"r\"],\"fields\":[]}",
                "",
            ),
            (list("int"), list("long"), ""),
            (list("long"), list("int"), "TYPE_MISMATCH"),
            (symbols("[\"A\",\"B\"]", ""), symbols("[\"B\",\"A\",\"C\"]", ""), ""),
            (symbols("[\"A\",\"B\"]", ""), symbols("[\"A\"]", ""), "MISSING_ENUM_SYMBOLS"),
            (symbols("[\"A\",\"B\"]", ""), symbols("[\"A\"]", ",\"default\":\"A\""), ""),
            (fixed("f", 4, ""), fixed("f", 4, ""), ""),
            (fixed("f", 4, ""), fixed("f", 5, ""), "FIXED_SIZE_MISMATCH"),
            (fixed("f", 4, ""), fixed("g", 4, ""), "NAME_MISMATCH"),
            (fixed("f", 4, ""), fixed("g", 4, ",\"aliases\":[\"f\"]"), ""),
        ],
    );
}

#[test]
fn canonical_texts() {
    for (text, canonical) in [
        ("{\"type\":\"string\"}", "\"string\""),
        (" [ \"null\" , {\"type\":\"int\"} ] ", "[\"null\",\"int\"]"),
        ("{\"logicalType\":\"date\",\"type\":\"int\"}", "{\"type\":\"int\",\"logicalType\":\"date\"}"),
        (
            "{\"fields\":[{\"type\":{\"type\":\"fixed\",\"namespace\":\"x\",\"size\":2,\"name\":\"f\"},\"name\":\"a\",\"order\":\"ascending\"},{\"name\":\"b\",\"type\":\"x.f\"}],\"name\":\"x.r\",\"type\":\"record\",\"p\":1}",
            "{\"type\":\"record\",\"name\":\"r\",\"namespace\":\"x\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}},{\"name\":\"b\",\"type\":\"f\"}],\"p\":1}",
        ),
    ] {
        let schema = parse(Kind::Avro, text);
        assert_eq!(schema.text(), canonical);
        assert_eq!(parse(Kind::Avro, canonical).text(), canonical);
    }
}

#[test]
fn what_is_no_schema() {
    for (text, part) in [
        ("", "EOF"),
        ("5", "is not a schema"),
        ("\"strin\"", "\"strin\" is no type"),
        ("{\"type\":\"record\",\"name\":\"r\"}", "no list \"fields\""),
        ("{\"type\":\"record\",\"fields\":[]}", "no \"name\""),
        ("{\"type\":\"record\",\"name\":\"1\",\"fields\":[]}", "\"1\" is not a name"),
        ("{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "of Avro itself"),
        (record("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"), "field \"a\" twice"),
        (record("{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}"), "not a value of its type, int"),
        (record("{\"name\":\"a\",\"type\":\"int\",\"default\":3000000000}"), "not a value of its type, int"),
        (
            record("{\"name\":\"a\",\"type\":[\"null\",\"int\"],\"default\":\"x\"}"),
            "not a value of its type, union",
        ),
        ("[\"int\",\"int\"]", "\"int\" twice"),
        ("[\"int\",[\"null\"]]", "another union"),
        ("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"A\"]}", "symbol \"A\" twice"),
        ("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"],\"default\":\"B\"}", "none of its symbols"),
        ("{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}", "\"size\""),
        ("{\"type\":\"array\"}", "no \"items\""),
        ("{\"type\":\"map\"}", "no \"values\""),
    ] {
        let source = Source { kind: Kind::Avro, text: text.to_owned(), dependencies: Vec::new() };
        let error = Schema::parse(&source, Reading { strict: true, normalize: false }).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn references_define_types() {
    let dependency = |name: &str, text: &str| Dependency { name: name.to_owned(), text: text.to_owned() };
    let fixed = dependency("x.f", "{\"type\":\"fixed\",\"name\":\"x.f\",\"size\":2}");
    let user = dependency(
        "x.u",
        "{\"type\":\"record\",\"name\":\"x.u\",\"fields\":[{\"name\":\"f\",\"type\":\"f\"}]}",
    );
    for (dependencies, text, good) in [
        (vec![fixed.clone(), user.clone()], "{\"type\":\"array\",\"items\":\"x.u\"}", true),
        (vec![fixed.clone()], "[\"x.f\",\"null\"]", true),
        (vec![user], "\"x.u\"", false),
        (Vec::new(), "\"x.f\"", false),
        (vec![dependency("y", &fixed.text)], "\"x.f\"", false),
    ] {
        let source = Source { kind: Kind::Avro, text: text.to_owned(), dependencies };
        let found = Schema::parse(&source, Reading::default());
        assert_eq!(found.is_ok(), good, "{text}: {found:?}");
    }
}
