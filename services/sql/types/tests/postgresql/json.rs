//! json and jsonb.

use std::borrow::Cow;

use bole_sql_types::json::operators::{self, Kind};
use bole_sql_types::json::{build, change, raw};
use bole_sql_types::storage::Collation;
use bole_sql_types::{Result, Type, ValueRef, array, collation, json, text};

use crate::{check, style, type_named};

fn flag(value: bool) -> String {
    if value { "t" } else { "f" }.to_owned()
}

fn path(text: &str) -> Vec<Option<String>> {
    let elements = array::parse(text).unwrap().elements;
    elements.into_iter().map(|element| element.map(Cow::into_owned)).collect()
}

fn steps(path: &[Option<String>]) -> Vec<Option<&str>> {
    path.iter().map(Option::as_deref).collect()
}

/// The parts of a set-returning function, as the rows have them. PostgreSQL's `string_agg` of none is NULL.
#[expect(clippy::needless_pass_by_value, reason = "the parts are made for it")]
fn joined(parts: Vec<String>) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join("|"))
}

fn text_or_null(text: &str) -> Result<String> {
    Ok(raw::as_text(text)?.unwrap_or_else(|| "NULL".to_owned()))
}

/// Functions that both types have; the first argument says which.
fn both(call: &str, a: &[String]) -> Option<Result<Option<String>>> {
    let kind = match &*a[0] {
        "json" => Kind::Json,
        "jsonb" => Kind::Jsonb,
        _ => return None,
    };
    let stored = if a.len() > 1 && kind == Kind::Jsonb {
        json::canonical(&a[1])
    } else {
        Ok(a.get(1).cloned().unwrap_or_default())
    };
    let stored = stored.unwrap_or_default();
    let as_text = |found: Option<&str>| found.map_or(Ok(None), raw::as_text);
    let owned = |found: Option<&str>| found.map(str::to_owned);
    let number = || a[2].parse().unwrap();
    Some(match call {
        "member" => raw::member(&stored, &a[2]).map(owned),
        "member_text" => raw::member(&stored, &a[2]).and_then(as_text),
        "element" => raw::element(&stored, number(), kind).map(owned),
        "element_text" => raw::element(&stored, number(), kind).and_then(as_text),
        "path" => raw::at_path(&stored, &steps(&path(&a[2]))).map(owned),
        "path_text" => raw::at_path(&stored, &steps(&path(&a[2]))).and_then(as_text),
        "typeof" => operators::type_of(&stored).map(|name| Some(name.to_owned())),
        "array_length" => operators::array_length(&stored).map(|length| Some(length.to_string())),
        "object_keys" => {
            operators::keys(&stored, kind).map(|keys| joined(keys.into_iter().map(Into::into).collect()))
        }
        "each" => operators::each(&stored, kind, false)
            .map(|members| joined(members.iter().map(|(key, value)| format!("{key}={value}")).collect())),
        "each_text" => operators::each(&stored, kind, true).and_then(|members| {
            let parts = members.iter().map(|(key, value)| Ok(format!("{key}={}", text_or_null(value)?)));
            Ok(joined(parts.collect::<Result<_>>()?))
        }),
        "array_elements" => operators::elements(&stored, kind, false)
            .map(|elements| joined(elements.into_iter().map(str::to_owned).collect())),
        "array_elements_text" => operators::elements(&stored, kind, true)
            .and_then(|elements| Ok(joined(elements.into_iter().map(text_or_null).collect::<Result<_>>()?))),
        "strip_nulls" if kind == Kind::Json => change::strip_nulls_compact(&stored).map(Some),
        "strip_nulls" => change::strip_nulls(&stored).map(Some),
        _ => return built(call, a, kind),
    })
}

fn built(call: &str, a: &[String], kind: Kind) -> Option<Result<Option<String>>> {
    let style = style();
    let value = a.get(2).map(|text| text::input(type_named(&a[1]), -1, text, &style).unwrap());
    let value = value.as_ref().map_or(ValueRef::Null, |value| value.as_ref());
    let ty = a.get(1).filter(|_| a.len() == 3).map_or(Type::TEXT, |name| type_named(name));
    let null = (Type::INT4, ValueRef::Null);
    let key = |key| (Type::TEXT, ValueRef::Text(key));
    let result = match call {
        "to_json" => build::to_json(ty, value, &style, kind),
        "build_array" => {
            build::build_array(&[(ty, value), null, (Type::INT4, ValueRef::Integer(2))], &style, kind)
        }
        "build_object" => build::build_object(&[key("k"), (ty, value), key("l"), null], &style, kind),
        "build_object_key" => {
            build::build_object(&[(ty, value), (Type::INT4, ValueRef::Integer(1))], &style, kind)
        }
        "build_object_null" => build::build_object(&[(Type::TEXT, ValueRef::Null), null], &style, kind),
        "build_object_odd" => build::build_object(&[key("a")], &style, kind),
        _ => return None,
    };
    Some(result.map(Some))
}

fn jsonb(call: &str, a: &[String]) -> Result<Option<String>> {
    let canonical = |at: usize| json::canonical(&a[at]).unwrap();
    let keys = || path(&a[1]);
    let result = match call {
        "pretty" => change::pretty(&canonical(0)),
        "contains" => operators::contains(&canonical(0), &canonical(1)).map(flag),
        "concat" => change::concatenate(&canonical(0), &canonical(1)),
        "compare" => {
            let order = collation::compare(Collation::Jsonb, &canonical(1), &canonical(2));
            Ok(flag(match &*a[0] {
                "<" => order.is_lt(),
                "=" => order.is_eq(),
                _ => order.is_gt(),
            }))
        }
        "has_key" => operators::has_key(&canonical(0), &a[1]).map(flag),
        "has_any" => operators::has_any_key(&canonical(0), &steps(&keys())).map(flag),
        "has_all" => operators::has_all_keys(&canonical(0), &steps(&keys())).map(flag),
        "delete_key" => change::delete_keys(&canonical(0), &[Some(&a[1])]),
        "delete_keys" => change::delete_keys(&canonical(0), &steps(&keys())),
        "delete_element" => change::delete_element(&canonical(0), a[1].parse().unwrap()),
        "delete_path" => change::delete_path(&canonical(0), &steps(&keys())),
        "set" => change::set(&canonical(0), &steps(&keys()), "[9]", a[2] == "true"),
        "insert" => change::insert(&canonical(0), &steps(&keys()), "[9]", a[2] == "true"),
        _ => panic!("{call}"),
    };
    result.map(Some)
}

#[test]
fn json_and_jsonb() {
    check(include_str!("json.txt"), 2_000, |call, arguments| {
        both(call, arguments).unwrap_or_else(|| jsonb(call, arguments))
    });
}
