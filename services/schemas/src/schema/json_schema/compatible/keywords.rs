//! The keywords of one base against those of another.

use std::collections::HashSet;

use super::super::{Keywords, Node, NodeId, Types};
use super::{Comparison, types_of};
use crate::schema::difference::{Difference, Differences};

/// Counts: the types that each speaks of, whether a larger value takes more, and the rules for a new bound and a tightened one.
const COUNTS: [(&str, Types, bool, [&str; 2]); 6] = [
    ("maxLength", Types::STRING, true, ["MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED"]),
    ("minLength", Types::STRING, false, ["MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED"]),
    ("maxItems", Types::ARRAY, true, ["MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED"]),
    ("minItems", Types::ARRAY, false, ["MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED"]),
    ("maxProperties", Types::OBJECT, true, ["MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED"]),
    ("minProperties", Types::OBJECT, false, ["MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED"]),
];

/// Bounds of numbers: the keyword, the one that is its inclusive or exclusive twin, and the direction.
const RANGES: [(&str, &str, f64, [&str; 2]); 4] = [
    ("maximum", "exclusiveMaximum", 1.0, ["MAXIMUM_ADDED", "MAXIMUM_DECREASED"]),
    ("minimum", "exclusiveMinimum", -1.0, ["MINIMUM_ADDED", "MINIMUM_INCREASED"]),
    ("exclusiveMaximum", "maximum", 1.0, ["EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED"]),
    ("exclusiveMinimum", "minimum", -1.0, ["EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED"]),
];

/// Where differences of one base are collected.
struct Sink<'a> {
    path: &'a str,
    found: Differences,
}

impl Sink<'_> {
    fn at(&self, place: &str) -> String {
        format!("{}/{place}", self.path)
    }

    fn push(&mut self, rule: &'static str, place: &str, text: impl Into<String>) {
        let at = self.at(place);
        self.found.push(Difference::new(rule, at, text));
    }
}

impl Comparison<'_> {
    /// Why the keywords of `new` do not take what those of `old` take, among values of the types `only`.
    pub(super) fn keywords(
        &mut self,
        new: &Keywords,
        old: &Keywords,
        only: Types,
        path: &str,
    ) -> Differences {
        let mut sink = Sink { path, found: Differences::default() };
        let olds = types_of(old).both(only);
        let shared = types(new, olds, &mut sink);
        values(new, old, &mut sink);
        for (word, types, upper, rules) in COUNTS {
            if shared.overlaps(types) {
                count(new, old, word, upper, rules, &mut sink);
            }
        }
        if shared.overlaps(Types::NUMBERS) {
            range(new, old, &mut sink);
        }
        if shared.overlaps(Types::STRING) && new.pattern.is_some() && new.pattern != old.pattern {
            let rule = if old.pattern.is_some() { "PATTERN_CHANGED" } else { "PATTERN_ADDED" };
            sink.push(rule, "pattern", "the pattern is another one");
        }
        if shared.overlaps(Types::OBJECT) {
            self.properties(new, old, &mut sink);
            self.content_models(new, old, &mut sink);
            self.required(new, old, &mut sink);
            self.dependencies(new, old, &mut sink);
        }
        if shared.overlaps(Types::ARRAY) {
            self.arrays(new, old, &mut sink);
        }
        sink.found
    }

    fn properties(&mut self, new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
        for (name, id) in &new.properties {
            let place = format!("properties/{name}");
            if let Some(before) = old.property.get(name) {
                let found = self.nodes(Some(*id), Some(*before), Types::ALL, &sink.at(&place));
                sink.found.extend(found);
                continue;
            }
            let before = unnamed(old, name);
            if !self.nodes(Some(*id), before, Types::ALL, &sink.at(&place)).is_empty() {
                let rule = match before {
                    None => "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                    Some(_) => "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                };
                let text =
                    format!("the property \"{name}\" is new, and the old schema took other values for it");
                sink.push(rule, &place, text);
            }
        }
        for (name, before) in old.properties.iter().filter(|(name, _)| !new.property.contains_key(name)) {
            let place = format!("properties/{name}");
            let now = unnamed(new, name);
            if !self.nodes(now, Some(*before), Types::ALL, &sink.at(&place)).is_empty() {
                let rule = if self.is_closed(now) {
                    "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"
                } else {
                    "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
                };
                let text =
                    format!("the property \"{name}\" is gone, and its values are not taken without it");
                sink.push(rule, &place, text);
            }
        }
    }

    fn is_closed(&self, new: Option<NodeId>) -> bool {
        new.is_some_and(|id| matches!(self.new.get(id), Node::Bool(false)))
    }

    /// `additionalProperties`, `patternProperties` and `propertyNames`.
    fn content_models(&mut self, new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
        let place = "additionalProperties";
        if !self.nodes(new.additional, old.additional, Types::ALL, &sink.at(place)).is_empty() {
            let closed = self.is_closed(new.additional);
            let rule =
                if closed { "ADDITIONAL_PROPERTIES_REMOVED" } else { "ADDITIONAL_PROPERTIES_NARROWED" };
            sink.push(rule, place, "fewer additional properties are taken");
        }
        let find = |words: &Keywords, wanted: &str| {
            words.patterns.iter().find(|(pattern, _, _)| pattern == wanted).map(|(_, _, id)| *id)
        };
        for (pattern, _, id) in &new.patterns {
            let before = find(old, pattern).or(old.additional);
            let at = sink.at(&format!("patternProperties/{pattern}"));
            sink.found.extend(self.nodes(Some(*id), before, Types::ALL, &at));
        }
        for (pattern, _, before) in old.patterns.iter().filter(|(pattern, _, _)| find(new, pattern).is_none())
        {
            let at = sink.at(&format!("patternProperties/{pattern}"));
            sink.found.extend(self.nodes(new.additional, Some(*before), Types::ALL, &at));
        }
        let at = sink.at("propertyNames");
        sink.found.extend(self.nodes(new.property_names, old.property_names, Types::STRING, &at));
    }

    fn required(&self, new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
        let before: HashSet<&String> = old.required.iter().collect();
        for name in new.required.iter().filter(|name| !before.contains(name)) {
            let default = new.property.get(name).is_some_and(|id| match self.new.get(*id) {
                Node::Keywords(words) => words.default,
                Node::Bool(_) => false,
            });
            if default {
                continue;
            }
            let rule = if old.property.contains_key(name) {
                "REQUIRED_ATTRIBUTE_ADDED"
            } else {
                "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"
            };
            let text = format!("the property \"{name}\" is required now and has no default");
            sink.push(rule, &format!("required/{name}"), text);
        }
    }

    fn dependencies(&mut self, new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
        for (name, needed) in &new.dependent_required {
            let before = old.dependent_required.iter().find(|(other, _)| other == name).map(|(_, list)| list);
            if !needed.iter().all(|needed| before.is_some_and(|before| before.contains(needed))) {
                let rule =
                    if before.is_some() { "DEPENDENCY_ARRAY_EXTENDED" } else { "DEPENDENCY_ARRAY_ADDED" };
                let text = format!("the property \"{name}\" asks for more properties");
                sink.push(rule, &format!("dependencies/{name}"), text);
            }
        }
        for (name, id) in &new.dependent_schemas {
            let before = old.dependent_schemas.iter().find(|(other, _)| other == name).map(|(_, id)| *id);
            let at = sink.at(&format!("dependencies/{name}"));
            sink.found.extend(self.nodes(Some(*id), before, Types::ALL, &at));
        }
    }

    fn arrays(&mut self, new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
        for index in 0..new.tuple.len().max(old.tuple.len()) {
            let item = |words: &Keywords| words.tuple.get(index).copied().or(words.items);
            let at = sink.at(&format!("items/{index}"));
            sink.found.extend(self.nodes(item(new), item(old), Types::ALL, &at));
        }
        let at = sink.at("items");
        sink.found.extend(self.nodes(new.items, old.items, Types::ALL, &at));
        if new.unique && !old.unique {
            sink.push("UNIQUE_ITEMS_ADDED", "uniqueItems", "items must differ from each other now");
        }
        let Some(contained) = new.contains else { return };
        let same =
            ["minContains", "maxContains"].iter().all(|word| new.bounds.get(word) == old.bounds.get(word));
        if old.contains.is_none() || !same {
            sink.push("CONTAINS_CHANGED", "contains", "\"contains\" is new or counts differently");
        } else {
            let at = sink.at("contains");
            sink.found.extend(self.nodes(Some(contained), old.contains, Types::ALL, &at));
        }
    }
}

/// What a schema says of a property that it does not name: the schema of a pattern that matches, or of `additionalProperties`; nothing
/// if it takes everything.
fn unnamed(words: &Keywords, name: &str) -> Option<NodeId> {
    let matches =
        |pattern: &Option<regex::Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name));
    let matching = words.patterns.iter().find(|(_, pattern, _)| matches(pattern)).map(|(_, _, id)| *id);
    matching.or(words.additional)
}

/// Compares `type`; returns the types that both take.
fn types(new: &Keywords, olds: Types, sink: &mut Sink<'_>) -> Types {
    let news = new.types.unwrap_or(Types::ALL);
    let shared = olds.both(news.complete());
    if !olds.inside(news) {
        let rule = if shared == Types(0) { "TYPE_CHANGED" } else { "TYPE_NARROWED" };
        let text = format!("the new types are {}; the old ones {}", news.names(), olds.names());
        sink.push(rule, "type", text);
    }
    shared
}

/// `enum` and `const`: the values that were taken must still be.
fn values(new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
    let Some(news) = &new.values else { return };
    let Some(olds) = &old.values else {
        sink.push("ENUM_ARRAY_NARROWED", "enum", "values are listed now that were not");
        return;
    };
    let known: HashSet<String> = news.iter().map(|value| value.sorted().to_string()).collect();
    if let Some(lost) = olds.iter().find(|value| !known.contains(&value.sorted().to_string())) {
        let shown: String = lost.to_string().chars().take(100).collect();
        sink.push("ENUM_ARRAY_NARROWED", "enum", format!("the value {shown} is gone"));
    }
}

fn count(
    new: &Keywords,
    old: &Keywords,
    word: &'static str,
    upper: bool,
    rules: [&'static str; 2],
    sink: &mut Sink<'_>,
) {
    let Some(now) = new.bounds.get(word).copied().filter(|bound| upper || *bound > 0.0) else { return };
    match old.bounds.get(word) {
        None => sink.push(rules[0], word, format!("\"{word}\" is {now} now and was not there")),
        Some(before) if (upper && now < *before) || (!upper && now > *before) => {
            sink.push(rules[1], word, format!("\"{word}\" is {now} now and was {before}"));
        }
        Some(_) => {}
    }
}

/// Bounds of numbers, inclusive and exclusive ones together, and `multipleOf`.
fn range(new: &Keywords, old: &Keywords, sink: &mut Sink<'_>) {
    let get = |words: &Keywords, word| words.bounds.get(word).copied();
    for (word, twin, sign, rules) in RANGES {
        let Some(now) = get(new, word) else { continue };
        let kept = |before: f64| before * sign <= now * sign;
        // An inclusive bound implies an exclusive one only when it is stricter.
        let implied = |before: f64| {
            if word.starts_with("exclusive") { before * sign < now * sign } else { kept(before) }
        };
        let (same, across) = (get(old, word), get(old, twin));
        if same.is_some_and(kept) || across.is_some_and(implied) {
            continue;
        }
        let rule = if same.is_some() { rules[1] } else { rules[0] };
        sink.push(rule, word, format!("\"{word}\" is {now} now, which takes less than before"));
    }
    let Some(now) = get(new, "multipleOf") else { return };
    let rule = match get(old, "multipleOf") {
        None => "MULTIPLE_OF_ADDED",
        Some(before) if before % now == 0.0 => return,
        Some(before) if now % before == 0.0 => "MULTIPLE_OF_EXPANDED",
        Some(_) => "MULTIPLE_OF_CHANGED",
    };
    sink.push(rule, "multipleOf", format!("\"multipleOf\" is {now} now, which takes less than before"));
}
