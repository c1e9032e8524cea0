//! The options of descriptors as text, each as `name = value`.

use protox::prost_reflect::prost_types::field_descriptor_proto::Type;
use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto,
    field_options, file_options, method_options,
};

use super::quoted;

/// Options behind a field: `[a = 1, b = 2]`, or nothing.
pub(super) fn list(options: &[String]) -> String {
    if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) }
}

/// Collects options that are set.
#[derive(Default)]
struct Options(Vec<String>);

impl Options {
    fn text(&mut self, name: &str, value: Option<&String>) {
        self.0.extend(value.map(|value| format!("{name} = {}", quoted(value))));
    }

    fn word(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        self.0.extend(value.map(|value| format!("{name} = {value}")));
    }
}

pub(super) fn file_options(file: &FileDescriptorProto) -> Vec<String> {
    let Some(given) = &file.options else { return Vec::new() };
    let mut options = Options::default();
    options.text("java_package", given.java_package.as_ref());
    options.text("java_outer_classname", given.java_outer_classname.as_ref());
    options.word("java_multiple_files", given.java_multiple_files);
    options.word("java_string_check_utf8", given.java_string_check_utf8);
    #[expect(deprecated, reason = "what a descriptor has is kept, although it has no effect")]
    options.word("java_generate_equals_and_hash", given.java_generate_equals_and_hash);
    let optimize = given.optimize_for.and_then(|mode| file_options::OptimizeMode::try_from(mode).ok());
    options.word("optimize_for", optimize.map(|mode| mode.as_str_name()));
    options.text("go_package", given.go_package.as_ref());
    options.word("cc_generic_services", given.cc_generic_services);
    options.word("java_generic_services", given.java_generic_services);
    options.word("py_generic_services", given.py_generic_services);
    options.word("deprecated", given.deprecated);
    options.word("cc_enable_arenas", given.cc_enable_arenas);
    options.text("objc_class_prefix", given.objc_class_prefix.as_ref());
    options.text("csharp_namespace", given.csharp_namespace.as_ref());
    options.text("swift_prefix", given.swift_prefix.as_ref());
    options.text("php_class_prefix", given.php_class_prefix.as_ref());
    options.text("php_namespace", given.php_namespace.as_ref());
    options.text("php_metadata_namespace", given.php_metadata_namespace.as_ref());
    options.text("ruby_package", given.ruby_package.as_ref());
    options.0
}

pub(super) fn message_options(message: &DescriptorProto) -> Vec<String> {
    let Some(given) = &message.options else { return Vec::new() };
    let mut options = Options::default();
    options.word("message_set_wire_format", given.message_set_wire_format);
    options.word("no_standard_descriptor_accessor", given.no_standard_descriptor_accessor);
    options.word("deprecated", given.deprecated);
    options.0
}

pub(super) fn enum_options(symbols: &EnumDescriptorProto) -> Vec<String> {
    let Some(given) = &symbols.options else { return Vec::new() };
    let mut options = Options::default();
    options.word("allow_alias", given.allow_alias);
    options.word("deprecated", given.deprecated);
    options.0
}

pub(super) fn method_options(method: &MethodDescriptorProto) -> Vec<String> {
    let Some(given) = &method.options else { return Vec::new() };
    let mut options = Options::default();
    options.word("deprecated", given.deprecated);
    let level =
        given.idempotency_level.and_then(|level| method_options::IdempotencyLevel::try_from(level).ok());
    options.word("idempotency_level", level.map(|level| level.as_str_name()));
    options.0
}

pub(super) fn field_options(field: &FieldDescriptorProto) -> Vec<String> {
    let mut options = Options::default();
    match (&field.default_value, field.r#type()) {
        (None, _) => {}
        (Some(value), Type::String) => options.text("default", Some(value)),
        // Bytes are escaped in the descriptor already.
        (Some(value), Type::Bytes) => options.word("default", Some(format!("\"{value}\""))),
        (Some(value), _) => options.word("default", Some(value)),
    }
    if field.json_name.as_deref().is_some_and(|name| name != json_name(field.name()))
        && field.extendee.is_none()
    {
        options.text("json_name", field.json_name.as_ref());
    }
    if let Some(given) = &field.options {
        let kind = given.ctype.and_then(|kind| field_options::CType::try_from(kind).ok());
        options.word("ctype", kind.map(|kind| kind.as_str_name()));
        options.word("packed", given.packed);
        let kind = given.jstype.and_then(|kind| field_options::JsType::try_from(kind).ok());
        options.word("jstype", kind.map(|kind| kind.as_str_name()));
        options.word("lazy", given.lazy);
        options.word("deprecated", given.deprecated);
        options.word("weak", given.weak);
    }
    options.0
}

/// The name of a field in JSON when none is given: letters behind underscores become capitals.
fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for letter in name.chars() {
        if letter == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            out.push(letter.to_ascii_uppercase());
        } else {
            out.push(letter);
        }
    }
    out
}
