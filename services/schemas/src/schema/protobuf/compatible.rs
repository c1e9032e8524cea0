//! Whether a new descriptor reads what an old one wrote: fields are known by their numbers, and what the wire shows of their types
//! must fit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use protox::prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use protox::prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::Schema;
use crate::schema::difference::{Difference, Differences};

/// Why `new` cannot read what `old` wrote; empty if it can.
pub fn compare(new: &Schema, old: &Schema) -> Differences {
    let (new, old) = (Side::new(new), Side::new(old));
    let mut comparison = Comparison { new: &new, old: &old, found: Differences::default(), open: Vec::new() };
    for name in &old.own {
        if new.messages.contains_key(name) {
            comparison.open.push(name.clone());
        } else {
            let text = format!("the message \"{name}\" is gone");
            comparison.add("MESSAGE_REMOVED", name, text);
        }
    }
    comparison.open.reverse();
    let mut seen = HashSet::new();
    while let Some(name) = comparison.open.pop() {
        if seen.insert(name.clone()) {
            comparison.message(&name);
        }
    }
    comparison.found
}

/// The messages of one schema. Those of its own file are named without its package, so that a new package is no change; imported ones
/// with a dot and their whole name.
struct Side<'a> {
    package: String,
    messages: HashMap<String, &'a DescriptorProto>,
    /// Messages of the schema's own file, without map entries.
    own: BTreeSet<String>,
    /// Types of the schema's own file, enums included.
    own_types: HashSet<String>,
}

impl<'a> Side<'a> {
    fn new(schema: &'a Schema) -> Self {
        let package = schema.file().package();
        let package = if package.is_empty() { ".".to_owned() } else { format!(".{package}.") };
        let mut side =
            Self { package, messages: HashMap::new(), own: BTreeSet::new(), own_types: HashSet::new() };
        for (index, file) in schema.files.iter().enumerate() {
            side.add_file(file, index == 0);
        }
        side
    }

    fn add_file(&mut self, file: &'a FileDescriptorProto, own: bool) {
        let prefix = match file.package() {
            _ if own => String::new(),
            "" => ".".to_owned(),
            package => format!(".{package}."),
        };
        let mut open: Vec<(String, &'a DescriptorProto)> = file
            .message_type
            .iter()
            .map(|message| (format!("{prefix}{}", message.name()), message))
            .collect();
        let enums = |message: &'a DescriptorProto, name: &str| {
            message.enum_type.iter().map(|symbols| format!("{name}.{}", symbols.name())).collect::<Vec<_>>()
        };
        if own {
            self.own_types.extend(file.enum_type.iter().map(|symbols| symbols.name().to_owned()));
        }
        while let Some((name, message)) = open.pop() {
            let nested = message.nested_type.iter();
            open.extend(nested.map(|nested| (format!("{name}.{}", nested.name()), nested)));
            if own {
                self.own_types.extend(enums(message, &name));
                self.own_types.insert(name.clone());
                if !is_entry(message) {
                    self.own.insert(name.clone());
                }
            }
            self.messages.insert(name, message);
        }
    }

    /// The name of a field's type among `messages`.
    fn name_of(&self, type_name: &str) -> String {
        let inner = type_name.strip_prefix(&self.package).filter(|inner| self.own_types.contains(*inner));
        inner.unwrap_or(type_name).to_owned()
    }

    /// Key and value of a field that is a map.
    fn entry(
        &self,
        field: &FieldDescriptorProto,
    ) -> Option<(&'a FieldDescriptorProto, &'a FieldDescriptorProto)> {
        let message = self.messages.get(&self.name_of(field.type_name.as_deref()?))?;
        if is_entry(message) { Some((message.field.first()?, message.field.get(1)?)) } else { None }
    }
}

fn is_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(protox::prost_reflect::prost_types::MessageOptions::map_entry)
}

/// The `oneof` that a field is part of; those that stand for `optional` do not count.
fn oneof_of(field: &FieldDescriptorProto) -> Option<i32> {
    field.oneof_index.filter(|_| !field.proto3_optional())
}

struct Comparison<'a> {
    new: &'a Side<'a>,
    old: &'a Side<'a>,
    found: Differences,
    /// Messages that both sides have and that are not compared yet.
    open: Vec<String>,
}

impl Comparison<'_> {
    fn add(&mut self, rule: &'static str, path: &str, text: String) {
        self.found.push(Difference::new(rule, format!("#/{path}"), text));
    }

    fn message(&mut self, name: &str) {
        let (Some(new), Some(old)) = (self.new.messages.get(name), self.old.messages.get(name)) else {
            return;
        };
        let by_number = |message: &&'_ DescriptorProto| {
            message.field.iter().map(|field| (field.number(), field.clone())).collect::<BTreeMap<_, _>>()
        };
        let (news, olds) = (by_number(new), by_number(old));
        for (number, before) in &olds {
            let path = format!("{name}/{number}");
            match news.get(number) {
                Some(now) => self.field(now, before, &path),
                None if before.label() == Label::Required => {
                    let text = format!("the field \"{}\" was required and is gone", before.name());
                    self.add("REQUIRED_FIELD_REMOVED", &path, text);
                }
                None => {}
            }
        }
        for (number, now) in news.iter().filter(|(number, _)| !olds.contains_key(number)) {
            if now.label() == Label::Required {
                let text = format!("the field \"{}\" is new and required", now.name());
                self.add("REQUIRED_FIELD_ADDED", &format!("{name}/{number}"), text);
            }
        }
        self.oneofs(name, &news, &olds);
    }

    fn field(&mut self, now: &FieldDescriptorProto, before: &FieldDescriptorProto, path: &str) {
        if now.label() == Label::Required && before.label() != Label::Required {
            let text = format!("the field \"{}\" is required now", now.name());
            self.add("REQUIRED_FIELD_ADDED", path, text);
        }
        match (self.new.entry(now), self.old.entry(before)) {
            (Some((new_key, new_value)), Some((old_key, old_value))) => {
                self.kind(new_key, old_key, path);
                self.kind(new_value, old_value, path);
            }
            (None, None) => {
                self.kind(now, before, path);
                self.label(now, before, path);
            }
            _ => self.add(
                "FIELD_KIND_CHANGED",
                path,
                format!("the field \"{}\" is a map on one side only", now.name()),
            ),
        }
    }

    /// Single and repeated fit each other where the wire has a length in front of each value.
    fn label(&mut self, now: &FieldDescriptorProto, before: &FieldDescriptorProto, path: &str) {
        let repeated = |field: &FieldDescriptorProto| field.label() == Label::Repeated;
        let with_length = matches!(before.r#type(), Type::String | Type::Bytes | Type::Message);
        if repeated(now) != repeated(before) && !with_length {
            let text = format!("the field \"{}\" is repeated on one side only", now.name());
            self.add("FIELD_NUMERIC_LABEL_CHANGED", path, text);
        }
    }

    fn kind(&mut self, now: &FieldDescriptorProto, before: &FieldDescriptorProto, path: &str) {
        let (to, from) = (now.r#type(), before.r#type());
        let is_named = |kind: Type| matches!(kind, Type::Message | Type::Group | Type::Enum);
        if to == from && is_named(to) {
            let (new, old) = (self.new.name_of(now.type_name()), self.old.name_of(before.type_name()));
            if new != old {
                let text = format!("the field \"{}\" was of type \"{old}\" and is of \"{new}\"", now.name());
                self.add("FIELD_NAMED_TYPE_CHANGED", path, text);
            } else if to != Type::Enum {
                self.open.push(new);
            }
            return;
        }
        if family(to) == family(from) && !(bool_and_enum(to, from) || bool_and_enum(from, to)) {
            return;
        }
        let rule =
            if is_named(to) || is_named(from) { "FIELD_KIND_CHANGED" } else { "FIELD_SCALAR_KIND_CHANGED" };
        let word = |kind: Type| kind.as_str_name().trim_start_matches("TYPE_").to_ascii_lowercase();
        let text = format!("the field \"{}\" was {} and is {}", now.name(), word(from), word(to));
        self.add(rule, path, text);
    }

    /// Fields that could be set together must not exclude each other now, and a `oneof` must not lose a field.
    fn oneofs(
        &mut self,
        name: &str,
        news: &BTreeMap<i32, FieldDescriptorProto>,
        olds: &BTreeMap<i32, FieldDescriptorProto>,
    ) {
        // For each new oneof: the old oneofs that its fields come from, and how many come from none.
        let mut origins: BTreeMap<i32, (BTreeSet<i32>, usize)> = BTreeMap::new();
        for (number, now) in news {
            let (Some(oneof), Some(before)) = (oneof_of(now), olds.get(number)) else { continue };
            let (from, alone) = origins.entry(oneof).or_default();
            match oneof_of(before) {
                Some(old) => {
                    from.insert(old);
                }
                None => *alone += 1,
            }
        }
        for (from, alone) in origins.values().filter(|(from, alone)| from.len() + alone > 1) {
            let (rule, text) = if from.is_empty() {
                ("MULTIPLE_FIELDS_MOVED_TO_ONEOF", format!("{alone} fields were moved into one new oneof"))
            } else {
                ("FIELD_MOVED_TO_EXISTING_ONEOF", "a field was moved into a oneof that has others".to_owned())
            };
            self.add(rule, name, text);
        }
        for (number, before) in olds.iter().filter(|(number, _)| !news.contains_key(number)) {
            let Some(oneof) = oneof_of(before) else { continue };
            if origins.values().any(|(from, _)| from.contains(&oneof)) {
                let text = format!("the oneof has lost the field \"{}\"", before.name());
                self.add("ONEOF_FIELD_REMOVED", &format!("{name}/{number}"), text);
            }
        }
    }
}

/// Types that read each other's bytes (Protocol Buffers, "Updating A Message Type").
const fn family(kind: Type) -> u8 {
    match kind {
        Type::Int32 | Type::Int64 | Type::Uint32 | Type::Uint64 | Type::Bool | Type::Enum => 0,
        Type::Sint32 | Type::Sint64 => 1,
        Type::String | Type::Bytes => 2,
        Type::Fixed32 | Type::Sfixed32 => 3,
        Type::Fixed64 | Type::Sfixed64 => 4,
        Type::Double => 5,
        Type::Float => 6,
        Type::Message => 7,
        Type::Group => 8,
    }
}

const fn bool_and_enum(one: Type, other: Type) -> bool {
    matches!((one, other), (Type::Bool, Type::Enum))
}
