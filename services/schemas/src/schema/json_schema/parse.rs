//! From JSON to nodes, one place after the other, without recursion: a `$ref` may lead anywhere.

use std::collections::HashMap;

use regex::RegexBuilder;

use super::resolve::{Document, Documents, Place};
use super::{Keywords, Node, NodeId, Schema, Types};
use crate::limits::PATTERN_BYTES_MAX;
use crate::schema::json::Json;
use crate::schema::{Reading, Source};

type Result<T> = std::result::Result<T, String>;

pub(super) fn parse(source: &Source, reading: Reading) -> Result<Schema> {
    let main = Json::parse(&source.text)?;
    let main = if reading.normalize { main.sorted() } else { main };
    let others: Vec<(String, Json)> = source
        .dependencies
        .iter()
        .map(|dependency| {
            let json = Json::parse(&dependency.text)
                .map_err(|error| format!("reference \"{}\": {error}", dependency.name))?;
            Ok((dependency.name.clone(), json))
        })
        .collect::<Result<_>>()?;
    let mut all: Vec<Document<'_>> =
        others.iter().map(|(name, root)| Document { name: name.clone(), root }).collect();
    all.push(Document { name: String::new(), root: &main });
    let documents = Documents::new(all);
    let mut parser =
        Parser { documents: &documents, nodes: Vec::new(), known: HashMap::new(), open: Vec::new() };
    let root = parser.node(documents.main());
    while let Some((id, place)) = parser.open.pop() {
        parser.nodes[id] = parser.read(place)?;
    }
    let nodes = parser.nodes;
    Ok(Schema { nodes, root, text: main.to_string() })
}

struct Parser<'a, 'd> {
    documents: &'d Documents<'a>,
    nodes: Vec<Node>,
    /// Nodes by the address of their JSON, which stays where it is while this lives.
    known: HashMap<usize, NodeId>,
    /// Nodes that are not read yet.
    open: Vec<(NodeId, Place<'a>)>,
}

/// Bounds that are counts.
const COUNTS: [&str; 8] = [
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxProperties",
    "minProperties",
    "maxContains",
    "minContains",
];
/// Bounds that are numbers.
const NUMBERS: [&str; 5] = ["maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"];
/// Keywords that are only compared for being the same.
const LITERAL: [&str; 5] = ["if", "then", "else", "unevaluatedProperties", "unevaluatedItems"];
/// Drafts that a `$schema` may name, by a part that only they have.
const DRAFTS: [&str; 7] = [
    "draft-04/",
    "draft-05/",
    "draft-06/",
    "draft-07/",
    "draft/2019-09/",
    "draft/2020-12/",
    "json-schema.org/schema",
];

impl<'a> Parser<'a, '_> {
    /// The node of a value, which is read later.
    fn node(&mut self, place: Place<'a>) -> NodeId {
        let address = std::ptr::from_ref(place.json) as usize;
        if let Some(id) = self.known.get(&address) {
            return *id;
        }
        let id = self.nodes.len();
        self.nodes.push(Node::Bool(true));
        self.known.insert(address, id);
        self.open.push((id, place));
        id
    }

    fn read(&mut self, place: Place<'a>) -> Result<Node> {
        match place.json {
            Json::Bool(value) => Ok(Node::Bool(*value)),
            Json::Object(_) => Ok(Node::Keywords(Box::new(self.keywords(place)?))),
            other => {
                let shown: String = other.to_string().chars().take(100).collect();
                Err(format!("{shown} is not a schema; it should be an object, true or false"))
            }
        }
    }

    fn keywords(&mut self, place: Place<'a>) -> Result<Keywords> {
        let json = place.json;
        let mut words = Keywords { default: json.get("default").is_some(), ..Keywords::default() };
        if let Some(draft) = json.get("$schema") {
            let draft = text(draft, "$schema")?;
            if !DRAFTS.iter().any(|part| draft.contains(part)) {
                return Err(format!(
                    "$schema \"{draft}\" is none of draft-04 to draft-07, 2019-09 and 2020-12"
                ));
            }
        }
        for word in ["definitions", "$defs"] {
            for (_, value) in members(json, word)? {
                self.node(Place { json: value, ..place });
            }
        }
        if let Some(reference) = json.get("$ref") {
            let target = self.documents.resolve(place.document, text(reference, "$ref")?)?;
            words.reference = Some(self.node(target));
            let newer = self.documents.main().json.get("$schema").and_then(Json::as_str);
            if !newer.is_some_and(|draft| draft.contains("draft/20") || draft.contains("org/schema")) {
                // Up to draft 7 a $ref makes its neighbours void.
                return Ok(words);
            }
        }
        words.types = types(json)?;
        words.values = values(json)?;
        bounds(json, &mut words)?;
        self.object(place, &mut words)?;
        self.array(place, &mut words)?;
        words.all_of = self.list(place, "allOf")?;
        words.any_of = self.list(place, "anyOf")?;
        words.one_of = self.list(place, "oneOf")?;
        words.not = self.single(place, "not");
        for word in LITERAL {
            if let Some(value) = json.get(word) {
                words.literal.push((word.to_owned(), value.clone()));
                self.node(Place { json: value, ..place });
            }
        }
        Ok(words)
    }

    fn single(&mut self, place: Place<'a>, word: &str) -> Option<NodeId> {
        let json = place.json.get(word)?;
        Some(self.node(Place { json, ..place }))
    }

    fn list(&mut self, place: Place<'a>, word: &str) -> Result<Vec<NodeId>> {
        let Some(json) = place.json.get(word) else { return Ok(Vec::new()) };
        let items = json.as_array().filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| format!("\"{word}\" should be a list of schemas"))?;
        Ok(items.iter().map(|json| self.node(Place { json, ..place })).collect())
    }

    fn object(&mut self, place: Place<'a>, words: &mut Keywords) -> Result<()> {
        let json = place.json;
        for (name, value) in members(json, "properties")? {
            let id = self.node(Place { json: value, ..place });
            words.properties.push((name.clone(), id));
            words.property.insert(name.clone(), id);
        }
        for (pattern, value) in members(json, "patternProperties")? {
            let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok();
            words.patterns.push((pattern.clone(), compiled, self.node(Place { json: value, ..place })));
        }
        words.additional = self.single(place, "additionalProperties");
        words.property_names = self.single(place, "propertyNames");
        // Draft 3 and some generators write a boolean into the property itself; it says nothing about the object.
        words.required = match json.get("required") {
            None | Some(Json::Bool(_)) => Vec::new(),
            Some(list) => texts(list, "required")?,
        };
        for word in ["dependencies", "dependentRequired", "dependentSchemas"] {
            for (name, value) in members(json, word)? {
                if let Json::Array(_) = value {
                    words.dependent_required.push((name.clone(), texts(value, word)?));
                } else {
                    words.dependent_schemas.push((name.clone(), self.node(Place { json: value, ..place })));
                }
            }
        }
        Ok(())
    }

    fn array(&mut self, place: Place<'a>, words: &mut Keywords) -> Result<()> {
        words.tuple = self.list(place, "prefixItems")?;
        match place.json.get("items") {
            Some(Json::Array(items)) => {
                words.tuple = items.iter().map(|json| self.node(Place { json, ..place })).collect();
                words.items = self.single(place, "additionalItems");
            }
            _ => words.items = self.single(place, "items"),
        }
        words.contains = self.single(place, "contains");
        words.unique = match place.json.get("uniqueItems") {
            None => false,
            Some(Json::Bool(value)) => *value,
            Some(_) => return Err("\"uniqueItems\" should be true or false".to_owned()),
        };
        Ok(())
    }
}

fn text<'a>(value: &'a Json, word: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| format!("\"{word}\" should be text"))
}

fn texts(value: &Json, word: &str) -> Result<Vec<String>> {
    let items = value.as_array().ok_or_else(|| format!("\"{word}\" should be a list of names"))?;
    items.iter().map(|item| text(item, word).map(str::to_owned)).collect()
}

fn members<'a>(json: &'a Json, word: &str) -> Result<&'a [(String, Json)]> {
    let Some(value) = json.get(word) else { return Ok(&[]) };
    value.as_object().ok_or_else(|| format!("\"{word}\" should be an object of schemas"))
}

fn types(json: &Json) -> Result<Option<Types>> {
    let names: Vec<&str> = match json.get("type") {
        None => return Ok(None),
        Some(Json::Array(names)) => names.iter().map(|name| text(name, "type")).collect::<Result<_>>()?,
        Some(name) => vec![text(name, "type")?],
    };
    let mut all = Types(0);
    for name in names {
        let one = Types::from_name(name);
        all = all.union(one.ok_or_else(|| format!("\"{name}\" is not a type of JSON Schema"))?);
    }
    Ok(Some(all))
}

fn values(json: &Json) -> Result<Option<Vec<Json>>> {
    if let Some(value) = json.get("const") {
        return Ok(Some(vec![value.clone()]));
    }
    let Some(list) = json.get("enum") else { return Ok(None) };
    list.as_array().map(|values| Some(values.to_vec())).ok_or_else(|| "\"enum\" should be a list".to_owned())
}

fn bounds(json: &Json, words: &mut Keywords) -> Result<()> {
    for word in COUNTS {
        if let Some(value) = json.get(word) {
            let count = value.as_f64().filter(|count| *count >= 0.0 && count.fract() == 0.0);
            words.bounds.insert(word, count.ok_or_else(|| format!("\"{word}\" should be 0 or more"))?);
        }
    }
    for word in NUMBERS {
        match json.get(word) {
            None | Some(Json::Bool(_)) => {}
            Some(value) => {
                let number = value.as_f64().ok_or_else(|| format!("\"{word}\" should be a number"))?;
                words.bounds.insert(word, number);
            }
        }
    }
    if words.bounds.get("multipleOf").is_some_and(|number| *number <= 0.0) {
        return Err("\"multipleOf\" should be above 0".to_owned());
    }
    // Draft 4: true makes the bound beside it exclusive.
    for (word, plain) in [("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")] {
        if json.get(word) == Some(&Json::Bool(true))
            && let Some(bound) = words.bounds.remove(plain)
        {
            words.bounds.insert(word, bound);
        }
    }
    if let Some(pattern) = json.get("pattern") {
        words.pattern = Some(text(pattern, "pattern")?.to_owned());
    }
    Ok(())
}
