//! Protocol Buffers, proto2 and proto3: text in, or a `FileDescriptorProto` in base64; text and descriptor out.
//!
//! Two texts are the same schema when they compile to the same descriptor, whatever their comments and spaces. A schema that comes
//! in the serialized form is kept as the text that [`render`] writes for it; options that are extensions are lost in this form.

pub mod compatible;
mod render;
mod scan;

use std::collections::HashMap;

use base64ct::{Base64, Encoding as _};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::prost::Message as _;
use protox::prost::encoding::decode_varint;
use protox::prost_reflect::prost_types::FileDescriptorProto;

use super::{Reading, Source};

/// The name that a schema is compiled under. A reference of that name cannot be imported.
const MAIN: &str = "schema.proto";
/// The name where a reference is called as the schema itself would be.
const OTHER_MAIN: &str = "bole/schema.proto";

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    text: String,
    descriptor: Vec<u8>,
    /// Its file, then those that it imports.
    files: Vec<FileDescriptorProto>,
}

impl Schema {
    /// Compiles a text; the dependencies are found by the names that they are imported by. The error is a sentence for the client.
    pub fn parse(source: &Source, reading: Reading) -> Result<Self, String> {
        let text = text_of(&source.text)?;
        let mut schema = compile(text, source)?;
        if reading.normalize {
            schema.text = render::file(&schema.files[0])?;
        }
        Ok(schema)
    }

    /// The text to keep.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The serialized descriptor, which is the same for the same schema.
    pub fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// The descriptor in base64, as clients ask for it with `format=serialized`.
    pub fn serialized(&self) -> String {
        Base64::encode_string(&self.descriptor)
    }

    fn file(&self) -> &FileDescriptorProto {
        &self.files[0]
    }
}

/// The text of a schema in either form.
fn text_of(given: &str) -> Result<String, String> {
    let decoded = Base64::decode_vec(given.trim()).ok().filter(|bytes| !bytes.is_empty());
    match decoded.and_then(|bytes| FileDescriptorProto::decode(&*bytes).ok()) {
        Some(file) => render::file(&file),
        None => Ok(given.to_owned()),
    }
}

/// The texts that a schema may import.
struct Dependencies(HashMap<String, String>);

impl FileResolver for Dependencies {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

fn compile(text: String, source: &Source) -> Result<Schema, String> {
    scan::check(&text)?;
    let mut files = HashMap::new();
    for dependency in &source.dependencies {
        let text = text_of(&dependency.text)
            .and_then(|text| scan::check(&text).map(|()| text))
            .map_err(|error| format!("reference \"{}\": {error}", dependency.name))?;
        files.insert(dependency.name.clone(), text);
    }
    let main = if files.contains_key(MAIN) { OTHER_MAIN } else { MAIN };
    files.insert(main.to_owned(), text.clone());
    let mut resolver = ChainFileResolver::new();
    resolver.add(Dependencies(files));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(main).map_err(|error| sentence(&error))?;
    let pool = compiler.descriptor_pool();
    let file = pool.get_file_by_name(main).ok_or("the schema is not among its own files")?;
    let mut all = vec![file.file_descriptor_proto().clone()];
    all.extend(
        pool.files().filter(|file| file.name() != main).map(|file| file.file_descriptor_proto().clone()),
    );
    Ok(Schema { text, descriptor: without_source_info(&file.encode_to_vec()), files: all })
}

/// A serialized `FileDescriptorProto` without field 9, which says where in the text everything stood. Copied field by field, so that options
/// which are extensions stay.
fn without_source_info(descriptor: &[u8]) -> Vec<u8> {
    const SOURCE_INFO: u64 = 9;
    const WITH_LENGTH: u64 = 2;
    let mut out = Vec::with_capacity(descriptor.len());
    let mut rest = descriptor;
    while !rest.is_empty() {
        let whole = rest;
        // The bytes are the compiler's own, so they have their form; if not, nothing is cut.
        let Ok(tag) = decode_varint(&mut rest) else { return descriptor.to_vec() };
        let Ok(value) = decode_varint(&mut rest) else { return descriptor.to_vec() };
        if tag & 7 == WITH_LENGTH {
            let Some(after) = rest.get(value as usize..) else { return descriptor.to_vec() };
            rest = after;
        }
        if tag >> 3 != SOURCE_INFO {
            out.extend_from_slice(&whole[..whole.len() - rest.len()]);
        }
    }
    out
}

/// An error of the compiler with what stands behind it.
fn sentence(error: &protox::Error) -> String {
    use std::error::Error as _;
    let file = error.file().filter(|file| *file != MAIN && *file != OTHER_MAIN);
    let mut text = file.map_or_else(|| error.to_string(), |file| format!("{file}: {error}"));
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text.replace(OTHER_MAIN, MAIN)
}
