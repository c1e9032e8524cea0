//! A descriptor as `.proto` text, which compiles to the same descriptor.

use std::fmt::Write as _;

use protox::prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};

mod options;

use options::{enum_options, field_options, file_options, list, message_options, method_options};

/// Field numbers end here; a reserved range up to it is written as `max`.
const FIELD_NUMBER_END: i32 = 536_870_912;

/// The text of a file. The error is a sentence for the client.
pub(super) fn file(file: &FileDescriptorProto) -> Result<String, String> {
    let syntax = file.syntax.as_deref().unwrap_or("proto2");
    if syntax != "proto2" && syntax != "proto3" {
        return Err(format!("syntax \"{syntax}\" is not supported; use proto2 or proto3"));
    }
    let mut out = Out { text: String::new(), depth: 0, proto3: syntax == "proto3" };
    out.line(&format!("syntax = \"{syntax}\";"));
    if let Some(package) = file.package.as_deref().filter(|package| !package.is_empty()) {
        out.line(&format!("package {package};"));
    }
    for (index, name) in file.dependency.iter().enumerate() {
        let index = index as i32;
        let manner = if file.public_dependency.contains(&index) {
            "public "
        } else if file.weak_dependency.contains(&index) {
            "weak "
        } else {
            ""
        };
        out.line(&format!("import {manner}{};", quoted(name)));
    }
    file_options(file).iter().for_each(|option| out.line(&format!("option {option};")));
    file.message_type.iter().for_each(|message| out.message(message, ""));
    file.enum_type.iter().for_each(|symbols| out.enumeration(symbols));
    out.extensions(&file.extension);
    file.service.iter().for_each(|service| out.service(service));
    Ok(out.text)
}

/// Text in quotes, with everything that is not plain ASCII as octal escapes of its bytes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

struct Out {
    text: String,
    depth: usize,
    proto3: bool,
}

impl Out {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    fn message(&mut self, message: &DescriptorProto, head: &str) {
        let head = if head.is_empty() { format!("message {}", message.name()) } else { head.to_owned() };
        self.block(&head, |out| out.message_body(message));
    }

    fn message_body(&mut self, message: &DescriptorProto) {
        message_options(message).iter().for_each(|option| self.line(&format!("option {option};")));
        let mut oneofs_done = vec![false; message.oneof_decl.len()];
        for field in &message.field {
            let oneof = field.oneof_index.map(|index| index as usize).filter(|_| !field.proto3_optional());
            let Some(index) = oneof.filter(|index| *index < oneofs_done.len()) else {
                self.field(field, &message.nested_type, true);
                continue;
            };
            if std::mem::replace(&mut oneofs_done[index], true) {
                continue;
            }
            self.block(&format!("oneof {}", message.oneof_decl[index].name()), |out| {
                let inside = message
                    .field
                    .iter()
                    .filter(|field| field.oneof_index == Some(index as i32) && !field.proto3_optional());
                inside.for_each(|field| out.field(field, &message.nested_type, false));
            });
        }
        for nested in &message.nested_type {
            let of_field = |field: &FieldDescriptorProto| {
                field.r#type() == Type::Group && field.type_name().rsplit('.').next() == Some(nested.name())
            };
            let entry = nested
                .options
                .as_ref()
                .is_some_and(protox::prost_reflect::prost_types::MessageOptions::map_entry);
            let group = message.field.iter().chain(&message.extension).any(of_field);
            if !entry && !group {
                self.message(nested, "");
            }
        }
        message.enum_type.iter().for_each(|symbols| self.enumeration(symbols));
        self.extensions(&message.extension);
        for range in &message.extension_range {
            self.line(&format!("extensions {};", range_text(range.start(), range.end(), FIELD_NUMBER_END)));
        }
        for range in &message.reserved_range {
            self.line(&format!("reserved {};", range_text(range.start(), range.end(), FIELD_NUMBER_END)));
        }
        self.reserved_names(&message.reserved_name);
    }

    fn reserved_names(&mut self, names: &[String]) {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            self.line(&format!("reserved {};", names.join(", ")));
        }
    }

    fn field(&mut self, field: &FieldDescriptorProto, nested: &[DescriptorProto], labelled: bool) {
        let label = match field.label() {
            _ if !labelled => "",
            Label::Repeated if map_entry(field, nested).is_some() => "",
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if !self.proto3 || field.proto3_optional() => "optional ",
            Label::Optional => "",
        };
        let options = list(&field_options(field));
        if field.r#type() == Type::Group {
            let short = field.type_name().rsplit('.').next().unwrap_or_default();
            let head = format!("{label}group {short} = {}{options}", field.number());
            match nested.iter().find(|nested| nested.name() == short) {
                Some(body) => self.message(body, &head),
                None => self.line(&format!("{head} {{}}")),
            }
            return;
        }
        let kind = match map_entry(field, nested) {
            Some((key, value)) => format!("map<{}, {}>", kind_of(key), kind_of(value)),
            None => kind_of(field),
        };
        self.line(&format!("{label}{kind} {} = {}{options};", field.name(), field.number()));
    }

    fn extensions(&mut self, extensions: &[FieldDescriptorProto]) {
        for extension in extensions {
            self.block(&format!("extend {}", extension.extendee()), |out| out.field(extension, &[], true));
        }
    }

    fn enumeration(&mut self, symbols: &EnumDescriptorProto) {
        self.block(&format!("enum {}", symbols.name()), |out| {
            enum_options(symbols).iter().for_each(|option| out.line(&format!("option {option};")));
            for value in &symbols.value {
                let deprecated = value.options.as_ref().and_then(|options| options.deprecated);
                let options: Vec<String> =
                    deprecated.map(|is| format!("deprecated = {is}")).into_iter().collect();
                out.line(&format!("{} = {}{};", value.name(), value.number(), list(&options)));
            }
            for range in &symbols.reserved_range {
                // Ranges of enums include their ends.
                let end = range.end().saturating_add(1);
                out.line(&format!("reserved {};", range_text(range.start(), end, i32::MAX)));
            }
            out.reserved_names(&symbols.reserved_name);
        });
    }

    fn service(&mut self, service: &ServiceDescriptorProto) {
        self.block(&format!("service {}", service.name()), |out| {
            if let Some(is) = service.options.as_ref().and_then(|options| options.deprecated) {
                out.line(&format!("option deprecated = {is};"));
            }
            for method in &service.method {
                let stream = |is: bool| if is { "stream " } else { "" };
                let head = format!(
                    "rpc {} ({}{}) returns ({}{})",
                    method.name(),
                    stream(method.client_streaming()),
                    method.input_type(),
                    stream(method.server_streaming()),
                    method.output_type()
                );
                let options = method_options(method);
                if options.is_empty() {
                    out.line(&format!("{head};"));
                } else {
                    out.block(&head, |out| {
                        options.iter().for_each(|option| out.line(&format!("option {option};")));
                    });
                }
            }
        });
    }
}

/// `5`, `5 to 9` or `5 to max`, of a range that ends before `end`.
fn range_text(start: i32, end: i32, max_end: i32) -> String {
    if end >= max_end {
        format!("{start} to max")
    } else if end - 1 <= start {
        start.to_string()
    } else {
        format!("{start} to {}", end - 1)
    }
}

/// Key and value of a field that is a map.
fn map_entry<'a>(
    field: &FieldDescriptorProto,
    nested: &'a [DescriptorProto],
) -> Option<(&'a FieldDescriptorProto, &'a FieldDescriptorProto)> {
    let short = field.type_name.as_deref()?.rsplit('.').next()?;
    let entry = nested.iter().find(|nested| nested.name() == short)?;
    let is_entry =
        entry.options.as_ref().is_some_and(protox::prost_reflect::prost_types::MessageOptions::map_entry);
    if is_entry { Some((entry.field.first()?, entry.field.get(1)?)) } else { None }
}

fn kind_of(field: &FieldDescriptorProto) -> String {
    let name = match field.r#type() {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
        Type::Group | Type::Message | Type::Enum => field.type_name(),
    };
    name.to_owned()
}
