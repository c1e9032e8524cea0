use super::{Dependency, Kind, Reading, Schema, Source, check};

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn values() {
    check(
        Kind::Json,
        &[
            ("{\"type\":\"integer\"}", "{\"type\":\"number\"}", ""),
            ("{\"type\":\"number\"}", "{\"type\":\"integer\"}", "TYPE_NARROWED"),
            ("{\"type\":\"string\"}", "{\"type\":\"integer\"}", "TYPE_CHANGED"),
            ("{\"type\":\"string\"}", "{\"type\":[\"string\",\"null\"]}", ""),
            ("{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}", "TYPE_NARROWED"),
            ("{\"type\":\"string\"}", "{}", ""),
            ("{\"type\":\"string\"}", "true", ""),
            ("{}", "{\"type\":\"string\"}", "TYPE_NARROWED"),
            ("{}", "false", "SCHEMA_ADDED"),
            ("false", "{\"type\":\"string\"}", ""),
            (
                "{\"type\":\"string\",\"title\":\"a\"}",
                "{\"type\":\"string\",\"title\":\"b\",\"description\":\"c\",\"default\":\"d\"}",
                "",
            ),
            ("{\"type\":\"string\",\"maxLength\":5}", "{\"type\":\"string\",\"maxLength\":9}", ""),
            (
                "{\"type\":\"string\",\"maxLength\":5}",
                "{\"type\":\"string\",\"maxLength\":4}",
                "MAX_LENGTH_DECREASED",
            ),
            ("{\"type\":\"string\"}", "{\"type\":\"string\",\"maxLength\":4}", "MAX_LENGTH_ADDED"),
            ("{\"type\":\"string\"}", "{\"type\":\"string\",\"minLength\":1}", "MIN_LENGTH_ADDED"),
            ("{\"type\":\"string\"}", "{\"type\":\"string\",\"minLength\":0}", ""),
            (
                "{\"type\":\"string\",\"minLength\":1}",
                "{\"type\":\"string\",\"minLength\":2}",
                "MIN_LENGTH_INCREASED",
            ),
            ("{\"type\":\"string\"}", "{\"type\":\"string\",\"pattern\":\"a\"}", "PATTERN_ADDED"),
            (
                "{\"type\":\"string\",\"pattern\":\"a\"}",
                "{\"type\":\"string\",\"pattern\":\"b\"}",
                "PATTERN_CHANGED",
            ),
            ("{\"type\":\"string\",\"pattern\":\"a\"}", "{\"type\":\"string\"}", ""),
            ("{\"type\":\"number\",\"maximum\":5}", "{\"type\":\"number\",\"maximum\":5.5}", ""),
            (
                "{\"type\":\"number\",\"maximum\":5}",
                "{\"type\":\"number\",\"maximum\":4}",
                "MAXIMUM_DECREASED",
            ),
            ("{\"type\":\"number\",\"exclusiveMaximum\":5}", "{\"type\":\"number\",\"maximum\":5}", ""),
            (
                "{\"type\":\"number\",\"maximum\":5}",
                "{\"type\":\"number\",\"exclusiveMaximum\":5}",
                "EXCLUSIVE_MAXIMUM_ADDED",
            ),
            (
                "{\"type\":\"number\",\"maximum\":5,\"exclusiveMaximum\":true}",
                "{\"type\":\"number\",\"exclusiveMaximum\":5}",
                "",
            ),
            (
                "{\"type\":\"number\",\"minimum\":5}",
                "{\"type\":\"number\",\"minimum\":6}",
                "MINIMUM_INCREASED",
            ),
            ("{\"type\":\"number\",\"multipleOf\":6}", "{\"type\":\"number\",\"multipleOf\":3}", ""),
            (
                "{\"type\":\"number\",\"multipleOf\":3}",
                "{\"type\":\"number\",\"multipleOf\":6}",
                "MULTIPLE_OF_EXPANDED",
            ),
            (
                "{\"type\":\"number\",\"multipleOf\":3}",
                "{\"type\":\"number\",\"multipleOf\":5}",
                "MULTIPLE_OF_CHANGED",
            ),
            ("{\"enum\":[\"a\",\"b\"]}", "{\"enum\":[\"b\",\"a\",\"c\"]}", ""),
            ("{\"enum\":[\"a\",\"b\"]}", "{\"enum\":[\"a\"]}", "ENUM_ARRAY_NARROWED"),
            ("{\"enum\":[\"a\",\"b\"]}", "{\"type\":\"string\"}", ""),
            ("{\"type\":\"string\"}", "{\"enum\":[\"a\"]}", "ENUM_ARRAY_NARROWED"),
            ("{\"const\":{\"x\":1,\"y\":2}}", "{\"enum\":[{\"y\":2,\"x\":1}]}", ""),
            (
                "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
                "{\"type\":\"array\",\"items\":{\"type\":\"number\"}}",
                "",
            ),
            (
                "{\"type\":\"array\",\"items\":{\"type\":\"number\"}}",
                "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
                "TYPE_NARROWED",
            ),
            ("{\"type\":\"array\"}", "{\"type\":\"array\",\"uniqueItems\":true}", "UNIQUE_ITEMS_ADDED"),
            ("{\"type\":\"array\"}", "{\"type\":\"array\",\"maxItems\":3}", "MAX_ITEMS_ADDED"),
            (
                "{\"type\":\"array\",\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}",
                "{\"type\":\"array\",\"items\":[{\"type\":\"string\"},{\"type\":\"integer\"}],\"additionalItems\":false}",
                "",
            ),
            (
                "{\"type\":\"array\",\"items\":[{\"type\":\"string\"}]}",
                "{\"type\":\"array\",\"items\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}",
                "TYPE_NARROWED",
            ),
            (
                "{\"type\":\"array\"}",
                "{\"type\":\"array\",\"contains\":{\"type\":\"integer\"}}",
                "CONTAINS_CHANGED",
            ),
        ],
    );
}

#[test]
fn objects() {
    let closed =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}";
    let closed_two = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"additionalProperties\":false}";
    let open = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}";
    let open_two =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}}}";
    let partly = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":{\"type\":\"integer\"}}";
    let partly_number = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"n\":{\"type\":\"number\"}},\"additionalProperties\":{\"type\":\"integer\"}}";
    let required = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"required\":[\"b\"],\"additionalProperties\":false}";
    let defaulted = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\",\"default\":\"x\"}},\"required\":[\"b\"],\"additionalProperties\":false}";
    check(
        Kind::Json,
        &[
            (closed, closed_two, ""),
            (closed_two, closed, "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"),
            (open, open_two, "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"),
            (open_two, open, ""),
            (open, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{}}}", ""),
            (closed, open, ""),
            (open, closed, "ADDITIONAL_PROPERTIES_REMOVED"),
            (closed, partly, ""),
            (open, partly, "ADDITIONAL_PROPERTIES_NARROWED"),
            (partly, open, ""),
            (partly, partly_number, ""),
            (partly, open_two, "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"),
            (partly_number, partly, "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"),
            (closed, required, "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"),
            (closed, defaulted, ""),
            (closed_two, required, "REQUIRED_ATTRIBUTE_ADDED"),
            (closed_two, defaulted, ""),
            (required, closed_two, ""),
            ("{\"type\":\"object\"}", "{\"type\":\"object\",\"maxProperties\":3}", "MAX_PROPERTIES_ADDED"),
            (
                "{\"type\":\"object\"}",
                "{\"type\":\"object\",\"dependencies\":{\"a\":[\"b\"]}}",
                "DEPENDENCY_ARRAY_ADDED",
            ),
            (
                "{\"type\":\"object\",\"dependencies\":{\"a\":[\"b\",\"c\"]}}",
                "{\"type\":\"object\",\"dependencies\":{\"a\":[\"b\"]}}",
                "",
            ),
            (
                "{\"type\":\"object\",\"dependencies\":{\"a\":[\"b\"]}}",
                "{\"type\":\"object\",\"dependencies\":{\"a\":[\"b\",\"c\"]}}",
                "DEPENDENCY_ARRAY_EXTENDED",
            ),
            (
                "{\"type\":\"object\"}",
                "{\"type\":\"object\",\"propertyNames\":{\"maxLength\":3}}",
                "MAX_LENGTH_ADDED",
            ),
            (
                "{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"integer\"}},\"additionalProperties\":false}",
                "{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"integer\"}},\"properties\":{\"xy\":{\"type\":\"number\"}},\"additionalProperties\":false}",
                "",
            ),
        ],
    );
}

#[test]
fn combined() {
    let not = |inner: &str| -> &'static str { Box::leak(format!("{{\"not\":{inner}}}").into_boxed_str()) };
    let tree = |of: &str| -> &'static str {
        let text = format!(
            "{{\"definitions\":{{\"t\":{{\"type\":\"object\",\"properties\":{{\"v\":{{\"type\":\"{of}\"}},\"n\":{{\"$ref\":\"#/definitions/t\"}}}}}}}},\"$ref\":\"#/definitions/t\"}}"
        );
        Box::leak(text.into_boxed_str())
    };
    check(
        Kind::Json,
        &[
            ("{\"type\":\"string\"}", "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", ""),
            (
                "{\"type\":[\"string\",\"null\"]}",
                "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "",
            ),
            (
                "{\"oneOf\":[{\"type\":\"string\"}]}",
                "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "",
            ),
            (
                "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "{\"oneOf\":[{\"type\":\"string\"}]}",
                "SUM_TYPE_NARROWED",
            ),
            (
                "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "{\"type\":\"string\"}",
                "TYPE_CHANGED",
            ),
            (
                "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "{\"type\":[\"string\",\"null\"]}",
                "",
            ),
            ("{\"oneOf\":[{\"type\":\"null\"}]}", "{\"anyOf\":[{\"type\":\"null\"}]}", ""),
            (
                "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":3},{\"type\":\"string\",\"minLength\":2}]}",
                "{\"oneOf\":[{\"type\":\"string\",\"maxLength\":3},{\"type\":\"string\",\"minLength\":2}]}",
                "COMBINED_TYPE_CHANGED",
            ),
            (
                "{\"type\":\"integer\"}",
                "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
                "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
            ),
            (
                "{\"allOf\":[{\"type\":\"string\"},{\"maxLength\":3}]}",
                "{\"allOf\":[{\"type\":\"string\"}]}",
                "",
            ),
            ("{\"allOf\":[{\"type\":\"string\"},{\"maxLength\":3}]}", "{\"type\":\"string\"}", ""),
            (
                "{\"type\":\"string\"}",
                "{\"allOf\":[{\"type\":\"string\"},{\"maxLength\":3}]}",
                "MAX_LENGTH_ADDED",
            ),
            (not("{\"type\":\"string\"}"), not("{\"type\":\"string\",\"maxLength\":3}"), ""),
            (not("{\"type\":\"string\",\"maxLength\":3}"), not("{\"type\":\"string\"}"), "NOT_TYPE_EXTENDED"),
            ("{}", not("{\"type\":\"string\"}"), "NOT_TYPE_EXTENDED"),
            (tree("integer"), tree("number"), ""),
            (tree("number"), tree("integer"), "TYPE_NARROWED"),
            (
                "{\"if\":{\"type\":\"string\"}}",
                "{\"if\":{\"type\":\"string\"},\"then\":{\"maxLength\":3}}",
                "KEYWORD_CHANGED",
            ),
        ],
    );
}

fn parse(text: &str, dependencies: Vec<Dependency>) -> Result<Schema, String> {
    let source = Source { kind: Kind::Json, text: text.to_owned(), dependencies };
    Schema::parse(&source, Reading { strict: true, normalize: false })
}

#[test]
fn what_is_no_schema() {
    for (text, part) in [
        ("", "EOF"),
        ("5", "is not a schema"),
        ("{\"type\":\"strin\"}", "not a type"),
        ("{\"type\":5}", "should be text"),
        ("{\"properties\":{\"a\":5}}", "is not a schema"),
        ("{\"properties\":[]}", "object of schemas"),
        ("{\"allOf\":[]}", "list of schemas"),
        ("{\"maxLength\":-1}", "0 or more"),
        ("{\"multipleOf\":0}", "above 0"),
        ("{\"required\":\"a\"}", "list of names"),
        ("{\"$ref\":\"#/definitions/x\"}", "leads nowhere"),
        ("{\"$ref\":\"other.json\"}", "none of its references"),
        ("{\"definitions\":{\"x\":{\"type\":\"y\"}}}", "not a type"),
        ("{\"$schema\":\"http://example/other\"}", "is none of draft-04"),
    ] {
        let error = parse(text, Vec::new()).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn references_resolve() {
    let other = |name: &str, text: &str| Dependency { name: name.to_owned(), text: text.to_owned() };
    let address = "{\"$id\":\"http://x/address.json\",\"type\":\"object\",\"definitions\":{\"zip\":{\"$id\":\"#zip\",\"type\":\"string\"}}}";
    for (reference, name, good) in [
        ("address.json", "address.json", true),
        ("http://x/address.json", "a", true),
        ("address.json#/definitions/zip", "address.json", true),
        ("address.json#zip", "address.json", true),
        ("address.json#/definitions/nothing", "address.json", false),
        ("elsewhere.json", "address.json", false),
    ] {
        let text = format!(
            "{{\"$id\":\"http://y/main.json\",\"properties\":{{\"a\":{{\"$ref\":\"{reference}\"}}}}}}"
        );
        let found = parse(&text, vec![other(name, address)]);
        assert_eq!(found.is_ok(), good, "{reference}: {found:?}");
    }
}
