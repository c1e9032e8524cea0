use bole_schemas::schema::protobuf;

use super::{Dependency, Kind, Reading, Schema, Source, check, parse};

fn message(body: &str) -> &'static str {
    Box::leak(format!("syntax = \"proto3\"; package p; message M {{ {body} }}").into_boxed_str())
}

fn proto2(body: &str) -> &'static str {
    Box::leak(format!("syntax = \"proto2\"; message M {{ {body} }}").into_boxed_str())
}

#[test]
fn messages() {
    check(
        Kind::Protobuf,
        &[
            (message("int32 a = 1;"), message("int32 a = 1; string b = 2;"), ""),
            (message("int32 a = 1; string b = 2;"), message("int32 a = 1;"), ""),
            (message("int32 a = 1;"), message("int32 renamed = 1;"), ""),
            (message("int32 a = 1;"), message("int64 a = 1;"), ""),
            (message("int32 a = 1;"), message("bool a = 1;"), ""),
            (message("int32 a = 1;"), message("sint32 a = 1;"), "FIELD_SCALAR_KIND_CHANGED"),
            (message("sint32 a = 1;"), message("sint64 a = 1;"), ""),
            (message("string a = 1;"), message("bytes a = 1;"), ""),
            (message("fixed32 a = 1;"), message("sfixed32 a = 1;"), ""),
            (message("fixed32 a = 1;"), message("fixed64 a = 1;"), "FIELD_SCALAR_KIND_CHANGED"),
            (message("float a = 1;"), message("double a = 1;"), "FIELD_SCALAR_KIND_CHANGED"),
            (message("string a = 1;"), message("int32 a = 1;"), "FIELD_SCALAR_KIND_CHANGED"),
            (message("enum E { X = 0; } E a = 1;"), message("int32 a = 1;"), ""),
            (message("enum E { X = 0; } E a = 1;"), message("enum E { X = 0; Y = 1; } E a = 1;"), ""),
            (message("enum E { X = 0; } E a = 1;"), message("bool a = 1;"), "FIELD_KIND_CHANGED"),
            (message("message N { } N a = 1;"), message("message N { } string a = 1;"), "FIELD_KIND_CHANGED"),
            (
                message("message N { } message O { } N a = 1;"),
                message("message N { } message O { } O a = 1;"),
                "FIELD_NAMED_TYPE_CHANGED",
            ),
            (
                message("message N { int32 x = 1; } N a = 1;"),
                message("message N { string x = 1; } N a = 1;"),
                "FIELD_SCALAR_KIND_CHANGED",
            ),
            (message("message N { }"), message(""), "MESSAGE_REMOVED"),
            (message(""), message("message N { }"), ""),
            (message("repeated int32 a = 1;"), message("int32 a = 1;"), "FIELD_NUMERIC_LABEL_CHANGED"),
            (message("repeated string a = 1;"), message("string a = 1;"), ""),
            (message("map<string, int32> a = 1;"), message("map<string, int64> a = 1;"), ""),
            (
                message("map<string, int32> a = 1;"),
                message("map<string, string> a = 1;"),
                "FIELD_SCALAR_KIND_CHANGED",
            ),
            (message("map<string, int32> a = 1;"), message("string a = 1;"), "FIELD_KIND_CHANGED"),
            (message("int32 a = 1;"), "syntax = \"proto3\"; package q; message M { int32 a = 1; }", ""),
            (message("optional int32 a = 1;"), message("int32 a = 1;"), ""),
            (message("M a = 1;"), message("M a = 1; M b = 2;"), ""),
            (
                proto2("optional int32 a = 1;"),
                proto2("optional int32 a = 1; required int32 b = 2;"),
                "REQUIRED_FIELD_ADDED",
            ),
            (proto2("optional int32 a = 1;"), proto2("required int32 a = 1;"), "REQUIRED_FIELD_ADDED"),
            (proto2("required int32 a = 1;"), proto2("optional int32 a = 1;"), ""),
            (proto2("required int32 a = 1;"), proto2(""), "REQUIRED_FIELD_REMOVED"),
        ],
    );
}

#[test]
fn oneofs() {
    check(
        Kind::Protobuf,
        &[
            (message("int32 a = 1;"), message("oneof o { int32 a = 1; string b = 2; }"), ""),
            (
                message("int32 a = 1; int32 b = 2;"),
                message("oneof o { int32 a = 1; int32 b = 2; }"),
                "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
            ),
            (
                message("oneof o { int32 a = 1; } int32 b = 2;"),
                message("oneof o { int32 a = 1; int32 b = 2; }"),
                "FIELD_MOVED_TO_EXISTING_ONEOF",
            ),
            (message("oneof o { int32 a = 1; }"), message("oneof o { int32 a = 1; int32 b = 2; }"), ""),
            (
                message("oneof o { int32 a = 1; int32 b = 2; }"),
                message("oneof o { int32 a = 1; }"),
                "ONEOF_FIELD_REMOVED",
            ),
            (message("oneof o { int32 a = 1; int32 b = 2; }"), message("int32 a = 1; int32 b = 2;"), ""),
            (
                message("optional int32 a = 1; optional int32 b = 2;"),
                message("int32 a = 1; int32 b = 2;"),
                "",
            ),
        ],
    );
}

/// As much of the language as a schema has.
const RICH: &str = r#"
syntax = "proto2";
package x.y;
import "google/protobuf/timestamp.proto";
option java_package = "a.\"b\"";
option java_multiple_files = true;
option optimize_for = CODE_SIZE;
// A comment.
message Outer {
  option deprecated = true;
  extensions 100 to 199, 1000 to max;
  reserved 7, 9 to 11;
  reserved "gone", "lost";
  required string name = 1 [default = "q\"\n\303\244", json_name = "other"];
  optional bytes raw = 2 [default = "\001\377"];
  repeated int32 numbers = 3 [packed = true, deprecated = true];
  map<string, Inner> inners = 4;
  optional Kind kind = 5 [default = TWO];
  optional double big = 6 [default = inf];
  oneof choice { string left = 12; Inner right = 13; }
  optional group Part = 14 { optional int32 x = 1; }
  optional google.protobuf.Timestamp at = 15;
  message Inner { optional Outer back = 1; enum Deep { NONE = 0; } }
  extend Outer { optional int32 inside = 150; }
  enum Kind { option allow_alias = true; ONE = 1; UNO = 1; TWO = 2 [deprecated = true]; reserved 5 to 9, 20 to max; reserved "OLD"; }
}
extend Outer { repeated string more = 151; }
service Things {
  rpc Get (Outer) returns (stream Outer.Inner) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Put (stream Outer) returns (Outer);
}
"#;

fn serialized(text: &str) -> (String, Schema) {
    let schema = parse(Kind::Protobuf, text);
    let Schema::Protobuf(inner) = &schema else { panic!("{schema:?}") };
    (inner.serialized(), schema)
}

#[test]
fn both_forms_are_the_same_schema() {
    let proto3 = "syntax = \"proto3\"; message A { optional int32 a_b = 1; repeated int32 c = 2; map<int32, string> d = 3; oneof o { B e = 4; } } message B { } enum E { Z = 0; N = -1; }";
    for text in [RICH, proto3] {
        let (base64, schema) = serialized(text);
        let Schema::Protobuf(one) = &schema else { panic!("{schema:?}") };
        let again = parse(Kind::Protobuf, &base64);
        let Schema::Protobuf(other) = &again else { panic!("{again:?}") };
        assert!(again.text().contains("message"), "the text is shown, not the base64");
        assert!(one.descriptor() == other.descriptor(), "{}", again.text());
        assert!(schema.differences_to(&again).is_empty() && again.differences_to(&schema).is_empty());
        let normal = Source { kind: Kind::Protobuf, text: text.to_owned(), dependencies: Vec::new() };
        let normal = Schema::parse(&normal, Reading { strict: true, normalize: true }).unwrap();
        assert_eq!(normal.text(), again.text());
    }
}

fn compile(text: &str, dependencies: &[(&str, &str)]) -> Result<protobuf::Schema, String> {
    let dependencies = dependencies
        .iter()
        .map(|(name, text)| Dependency { name: (*name).to_owned(), text: (*text).to_owned() });
    let source = Source { kind: Kind::Protobuf, text: text.to_owned(), dependencies: dependencies.collect() };
    protobuf::Schema::parse(&source, Reading::default())
}

#[test]
fn imports() {
    let common = "syntax = \"proto3\"; package c; message C { int32 x = 1; }";
    let changed = "syntax = \"proto3\"; package c; message C { string x = 1; }";
    let main = "syntax = \"proto3\"; import \"c.proto\"; message M { c.C c = 1; }";
    let old = compile(main, &[("c.proto", common)]).unwrap();
    let new = compile(main, &[("c.proto", changed)]).unwrap();
    let found = protobuf::compatible::compare(&new, &old);
    assert_eq!(found.iter().next().map(|found| found.rule), Some("FIELD_SCALAR_KIND_CHANGED"), "{found:?}");
    assert!(
        compile(
            "syntax = \"proto3\"; import \"schema.proto\"; message M { c.C c = 1; }",
            &[("schema.proto", common)]
        )
        .is_ok()
    );
    for (text, dependencies, part) in [
        (main, &[][..], "c.proto"),
        (main, &[("c.proto", "not proto")], "c.proto"),
        ("syntax = \"proto3\"; message M { N n = 1; }", &[], "N"),
        ("syntax = \"proto3\"; message M { int32 a = 1; int32 b = 1; }", &[], "1"),
        ("syntax = \"proto4\"; message M { }", &[], "proto4"),
        ("{\"type\":\"string\"}", &[], ""),
        ("!!!", &[], ""),
    ] {
        let error = compile(text, dependencies).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
