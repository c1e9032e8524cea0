//! From JSON to types, and at the same time to the canonical text.

use std::collections::{HashMap, HashSet};

use super::{Enum, Field, Fixed, Named, Primitive, Record, Schema, Type, TypeId, default};
use crate::schema::json::Json;
use crate::schema::{Reading, Source};

type Result<T> = std::result::Result<T, String>;

pub(super) fn parse(source: &Source, reading: Reading) -> Result<Schema> {
    let mut parser = Parser { types: Vec::new(), names: HashMap::new(), reading, defaults: Vec::new() };
    for dependency in &source.dependencies {
        let json = Json::parse(&dependency.text)
            .map_err(|error| format!("reference \"{}\": {error}", dependency.name))?;
        parser.parse(&json, "").map_err(|error| format!("reference \"{}\": {error}", dependency.name))?;
        if !parser.names.contains_key(&dependency.name) {
            return Err(format!(
                "the schema referred to as \"{}\" defines no type of that name",
                dependency.name
            ));
        }
    }
    let checked_from = parser.defaults.len();
    let json = Json::parse(&source.text)?;
    let (root, canonical) = parser.parse(&json, "")?;
    if let Some(name) = parser.types.iter().position(|found| matches!(found, Type::Open)) {
        return Err(format!("type number {name} is never defined"));
    }
    let schema = Schema { types: parser.types, root, text: canonical.to_string() };
    if reading.strict {
        for (owner, index) in &parser.defaults[checked_from..] {
            default::check(&schema, *owner, *index)?;
        }
    }
    Ok(schema)
}

struct Parser {
    types: Vec<Type>,
    names: HashMap<String, TypeId>,
    reading: Reading,
    /// Fields with defaults: record and index. They are checked when all types are known.
    defaults: Vec<(TypeId, usize)>,
}

impl Parser {
    fn add(&mut self, new: Type) -> TypeId {
        self.types.push(new);
        self.types.len() - 1
    }

    /// The type of a JSON value inside a namespace, and its canonical JSON.
    fn parse(&mut self, json: &Json, space: &str) -> Result<(TypeId, Json)> {
        match json {
            Json::String(name) => self.by_name(name, space),
            Json::Array(branches) => self.union(branches, space),
            Json::Object(_) => self.object(json, space),
            _ => Err(format!("{json} is not a schema; it should be a name, an object or an array")),
        }
    }

    fn by_name(&mut self, name: &str, space: &str) -> Result<(TypeId, Json)> {
        if let Some(primitive) = Primitive::from_name(name) {
            return Ok((self.add(Type::Primitive(primitive)), Json::String(name.to_owned())));
        }
        let full = qualified(name, space);
        let found = self.names.get(&full).map(|id| (*id, full.clone()));
        let found = found.or_else(|| self.names.get(name).map(|id| (*id, name.to_owned())));
        let (id, full) = found.ok_or_else(|| {
            format!("\"{full}\" is no type and not defined before it is used; define it or add a reference")
        })?;
        Ok((id, Json::String(shortened(&full, space).to_owned())))
    }

    fn union(&mut self, branches: &[Json], space: &str) -> Result<(TypeId, Json)> {
        let (mut ids, mut texts, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for branch in branches {
            let (id, text) = self.parse(branch, space)?;
            let found = &self.types[id];
            if matches!(found, Type::Union(_)) {
                return Err("a union may not hold another union directly".to_owned());
            }
            let word = match found.named() {
                Some(named) => named.full.clone(),
                None if matches!(found, Type::Open) => shown(&text, space),
                None => found.word().to_owned(),
            };
            if !seen.insert(word.clone()) {
                return Err(format!("a union has \"{word}\" twice"));
            }
            ids.push(id);
            texts.push(text);
        }
        Ok((self.add(Type::Union(ids)), Json::Array(texts)))
    }

    fn object(&mut self, json: &Json, space: &str) -> Result<(TypeId, Json)> {
        let kind = json.get("type").ok_or_else(|| format!("{} has no \"type\"", excerpt(json)))?;
        let Some(word) = kind.as_str() else {
            // {"type": {…}} and {"type": […]}: the inner one, as Avro's own parser takes it.
            return self.parse(kind, space);
        };
        match word {
            "record" | "error" => self.record(json, word, space),
            "enum" => self.enumeration(json, space),
            "fixed" => self.fixed(json, space),
            "array" => {
                let items = json.get("items").ok_or("an array has no \"items\"")?;
                let (of, text) = self.parse(items, space)?;
                let written = self.write(json, &[("type", name("array")), ("items", text)]);
                Ok((self.add(Type::Array(of)), written))
            }
            "map" => {
                let values = json.get("values").ok_or("a map has no \"values\"")?;
                let (of, text) = self.parse(values, space)?;
                let written = self.write(json, &[("type", name("map")), ("values", text)]);
                Ok((self.add(Type::Map(of)), written))
            }
            _ => {
                let (id, text) = self.by_name(word, space)?;
                if self.types[id].named().is_some() || matches!(self.types[id], Type::Open) {
                    return Ok((id, text));
                }
                let written = self.write(json, &[("type", text.clone())]);
                let plain = written.as_object().is_some_and(|members| members.len() == 1);
                Ok((id, if plain { text } else { written }))
            }
        }
    }

    /// An object with `known` in front and the properties that the specification does not know behind.
    fn write(&self, json: &Json, known: &[(&str, Json)]) -> Json {
        let mut members: Vec<(String, Json)> =
            known.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let reserved = |key: &str| {
            let kind = json.get("type").and_then(Json::as_str).unwrap_or_default();
            let of_kind: &[&str] = match kind {
                "record" | "error" => &["name", "namespace", "doc", "fields", "aliases"],
                "enum" => &["name", "namespace", "doc", "symbols", "default", "aliases"],
                "fixed" => &["name", "namespace", "doc", "size", "aliases"],
                "array" => &["items"],
                "map" => &["values"],
                _ => &[],
            };
            key == "type" || of_kind.contains(&key)
        };
        let others = json.as_object().unwrap_or_default().iter().filter(|(key, _)| !reserved(key));
        members.extend(self.properties(others));
        Json::Object(members)
    }

    fn properties<'a>(&self, all: impl Iterator<Item = &'a (String, Json)>) -> Vec<(String, Json)> {
        let mut all: Vec<_> = all.cloned().collect();
        if self.reading.normalize {
            all = all.into_iter().map(|(key, value)| (key, value.sorted())).collect();
            all.sort_by(|one, other| one.0.cmp(&other.0));
        }
        all
    }

    /// Makes room for a named type: its number, names, namespace, and the members that begin its canonical text.
    fn begin(&mut self, json: &Json, kind: &str, space: &str) -> Result<Begun> {
        let given = json.get("name").and_then(Json::as_str);
        let given = given.ok_or_else(|| format!("a {kind} has no \"name\""))?;
        let namespace = json.get("namespace").map(|value| text_of(value, "namespace")).transpose()?;
        let full = match namespace {
            Some(namespace) if !given.contains('.') && !namespace.is_empty() => {
                format!("{namespace}.{given}")
            }
            Some(_) if !given.contains('.') => given.to_owned(),
            _ => qualified(given, space),
        };
        check_full_name(&full)?;
        if Primitive::from_name(&full).is_some() {
            return Err(format!("\"{full}\" is the name of a type of Avro itself"));
        }
        let inner = namespace_of(&full).to_owned();
        let aliases = strings(json, "aliases")?.into_iter().map(|alias| qualified(&alias, &inner)).collect();
        let id = self.add(Type::Open);
        if self.names.insert(full.clone(), id).is_some() {
            return Err(format!("\"{full}\" is defined twice"));
        }
        let named = Named { full, aliases };
        let mut head = vec![("type", name(kind)), ("name", name(named.short()))];
        if inner != space {
            head.push(("namespace", name(&inner)));
        }
        if let Some(doc) = json.get("doc") {
            head.push(("doc", doc.clone()));
        }
        Ok(Begun { id, named, inner, head })
    }

    fn finish(&mut self, json: &Json, begun: Begun, new: Type, body: Vec<(&str, Json)>) -> (TypeId, Json) {
        let mut head = begun.head;
        head.extend(body);
        let Json::Object(mut members) = self.write(json, &head) else {
            unreachable!("write gives an object")
        };
        if let Some(aliases) = json.get("aliases") {
            members.push(("aliases".to_owned(), aliases.clone()));
        }
        self.types[begun.id] = new;
        (begun.id, Json::Object(members))
    }

    fn record(&mut self, json: &Json, kind: &str, space: &str) -> Result<(TypeId, Json)> {
        let begun = self.begin(json, kind, space)?;
        let all = json.get("fields").and_then(Json::as_array);
        let all = all.ok_or_else(|| format!("record \"{}\" has no list \"fields\"", begun.named.full))?;
        let (mut fields, mut texts, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for (index, field) in all.iter().enumerate() {
            let (field, text) = self
                .field(field, &begun.inner)
                .map_err(|error| format!("record \"{}\": {error}", begun.named.full))?;
            if !seen.insert(field.name.clone()) {
                return Err(format!("record \"{}\" has field \"{}\" twice", begun.named.full, field.name));
            }
            if field.default.is_some() {
                self.defaults.push((begun.id, index));
            }
            fields.push(field);
            texts.push(text);
        }
        let record = Type::Record(Record { named: begun.named.clone(), fields });
        Ok(self.finish(json, begun, record, vec![("fields", Json::Array(texts))]))
    }

    fn field(&mut self, json: &Json, space: &str) -> Result<(Field, Json)> {
        const KNOWN: [&str; 6] = ["name", "type", "doc", "default", "order", "aliases"];
        let field_name = json.get("name").and_then(Json::as_str).ok_or("a field has no \"name\"")?;
        check_name(field_name)?;
        let kind = json.get("type").ok_or_else(|| format!("field \"{field_name}\" has no \"type\""))?;
        let (of, text) =
            self.parse(kind, space).map_err(|error| format!("field \"{field_name}\": {error}"))?;
        let order = json.get("order");
        if order.is_some_and(|order| !matches!(order.as_str(), Some("ascending" | "descending" | "ignore"))) {
            return Err(format!("field \"{field_name}\": order is ascending, descending or ignore"));
        }
        let aliases = strings(json, "aliases")?;
        let mut members = vec![("name".to_owned(), name(field_name)), ("type".to_owned(), text)];
        for key in ["doc", "default", "order"] {
            if let Some(value) =
                json.get(key).filter(|value| value.as_str() != Some("ascending") || key != "order")
            {
                members.push((key.to_owned(), value.clone()));
            }
        }
        if let Some(value) = json.get("aliases") {
            members.push(("aliases".to_owned(), value.clone()));
        }
        let others = json.as_object().unwrap_or_default().iter();
        members.extend(self.properties(others.filter(|(key, _)| !KNOWN.contains(&key.as_str()))));
        let default = json.get("default").cloned();
        Ok((Field { name: field_name.to_owned(), aliases, of, default }, Json::Object(members)))
    }

    fn enumeration(&mut self, json: &Json, space: &str) -> Result<(TypeId, Json)> {
        let begun = self.begin(json, "enum", space)?;
        let full = &begun.named.full;
        if json.get("symbols").is_none() {
            return Err(format!("enum \"{full}\" has no \"symbols\""));
        }
        let symbols = strings(json, "symbols")?;
        let mut seen = HashSet::new();
        for symbol in &symbols {
            check_name(symbol).map_err(|error| format!("enum \"{full}\": {error}"))?;
            if !seen.insert(symbol) {
                return Err(format!("enum \"{full}\" has symbol \"{symbol}\" twice"));
            }
        }
        let default = json.get("default").map(|value| text_of(value, "default")).transpose()?;
        if let Some(default) = default.filter(|default| !symbols.iter().any(|symbol| symbol == default)) {
            return Err(format!("enum \"{full}\": the default \"{default}\" is none of its symbols"));
        }
        let mut body = vec![("symbols", json.get("symbols").cloned().unwrap_or(Json::Null))];
        body.extend(json.get("default").map(|value| ("default", value.clone())));
        let default = default.map(str::to_owned);
        let new = Type::Enum(Enum { named: begun.named.clone(), symbols, default });
        Ok(self.finish(json, begun, new, body))
    }

    fn fixed(&mut self, json: &Json, space: &str) -> Result<(TypeId, Json)> {
        let begun = self.begin(json, "fixed", space)?;
        let size = json.get("size").and_then(Json::as_i64).and_then(|size| u64::try_from(size).ok());
        let size =
            size.ok_or_else(|| format!("fixed \"{}\" has no \"size\" of 0 or more", begun.named.full))?;
        let new = Type::Fixed(Fixed { named: begun.named.clone(), size });
        let body = vec![("size", Json::Number(size.into()))];
        Ok(self.finish(json, begun, new, body))
    }
}

/// A named type whose definition is being read.
struct Begun {
    id: TypeId,
    named: Named,
    inner: String,
    head: Vec<(&'static str, Json)>,
}

fn name(text: &str) -> Json {
    Json::String(text.to_owned())
}

fn shown(text: &Json, space: &str) -> String {
    qualified(text.as_str().unwrap_or_default(), space)
}

fn excerpt(json: &Json) -> String {
    json.to_string().chars().take(100).collect()
}

fn text_of<'a>(value: &'a Json, key: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| format!("\"{key}\" is {}; it should be text", excerpt(value)))
}

fn strings(json: &Json, key: &str) -> Result<Vec<String>> {
    let Some(value) = json.get(key) else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| format!("\"{key}\" should be a list of names"))?;
    items.iter().map(|item| text_of(item, key).map(str::to_owned)).collect()
}

/// A name with the namespace around it, unless it has one itself.
fn qualified(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_owned() } else { format!("{space}.{name}") }
}

fn namespace_of(full: &str) -> &str {
    full.rsplit_once('.').map_or("", |(space, _)| space)
}

/// A full name as it is written inside a namespace.
fn shortened<'a>(full: &'a str, space: &str) -> &'a str {
    match full.rsplit_once('.') {
        Some((inner, short)) if inner == space && Primitive::from_name(short).is_none() => short,
        _ => full,
    }
}

fn check_full_name(full: &str) -> Result<()> {
    full.split('.').try_for_each(check_name)
}

/// A letter or underscore, then letters, digits and underscores.
fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    Err(format!(
        "\"{}\" is not a name; one begins with a letter or _ and goes on with letters, digits and _",
        name.chars().take(100).collect::<String>()
    ))
}
