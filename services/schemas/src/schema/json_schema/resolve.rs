//! Where a `$ref` leads: inside its document by pointer or anchor, or to another document by its name or `$id`.

use std::collections::HashMap;

use crate::schema::json::Json;

/// A document: the name that others refer to it by, and its root.
pub(super) struct Document<'a> {
    pub(super) name: String,
    pub(super) root: &'a Json,
}

/// All documents of a schema; the main one is the last.
pub(super) struct Documents<'a> {
    all: Vec<Document<'a>>,
    /// By name and by `$id`, without an empty fragment.
    ids: HashMap<String, Place<'a>>,
    /// `$anchor`s of each document.
    anchors: HashMap<(usize, String), &'a Json>,
}

/// A value and the document that it stands in.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) document: usize,
    pub(super) json: &'a Json,
}

impl<'a> Documents<'a> {
    pub(super) fn new(all: Vec<Document<'a>>) -> Self {
        let mut documents = Self { all, ids: HashMap::new(), anchors: HashMap::new() };
        for index in 0..documents.all.len() {
            documents.index(index);
        }
        documents
    }

    /// Collects the ids and anchors of a document.
    fn index(&mut self, document: usize) {
        let Document { name, root } = &self.all[document];
        let root = *root;
        if !name.is_empty() {
            self.ids.insert(name.trim_end_matches('#').to_owned(), Place { document, json: root });
        }
        let mut open = vec![root];
        while let Some(json) = open.pop() {
            for key in ["$id", "id", "$anchor"] {
                let Some(text) = json.get(key).and_then(Json::as_str) else { continue };
                if key == "$anchor" || text.starts_with('#') {
                    self.anchors.insert((document, text.trim_start_matches('#').to_owned()), json);
                } else {
                    let place = Place { document, json };
                    self.ids.entry(text.trim_end_matches('#').to_owned()).or_insert(place);
                }
            }
            match json {
                Json::Array(items) => open.extend(items),
                Json::Object(members) => open.extend(members.iter().map(|(_, value)| value)),
                _ => {}
            }
        }
    }

    /// The main document.
    pub(super) fn main(&self) -> Place<'a> {
        let document = self.all.len() - 1;
        Place { document, json: self.all[document].root }
    }

    /// The value that `reference` means in a document. The error is a sentence for the client.
    pub(super) fn resolve(&self, document: usize, reference: &str) -> Result<Place<'a>, String> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let root = if base.is_empty() {
            Place { document, json: self.all[document].root }
        } else {
            let joined = self.join(document, base);
            let found = self.ids.get(base).or_else(|| self.ids.get(&joined));
            *found.ok_or_else(|| {
                format!("$ref \"{reference}\" leads outside of the schema and is none of its references")
            })?
        };
        let json = if fragment.is_empty() {
            Some(root.json)
        } else if fragment.starts_with('/') {
            pointer(root.json, fragment)
        } else {
            self.anchors.get(&(root.document, fragment.to_owned())).copied()
        };
        let json = json.ok_or_else(|| format!("$ref \"{reference}\" leads nowhere"))?;
        Ok(Place { document: root.document, json })
    }

    /// A relative reference behind the folder of its document's `$id`, or of its name.
    fn join(&self, document: usize, base: &str) -> String {
        let Document { name, root } = &self.all[document];
        let id = root.get("$id").or_else(|| root.get("id")).and_then(Json::as_str).unwrap_or(name);
        let folder = id.rfind('/').map_or("", |slash| &id[..=slash]);
        format!("{folder}{}", base.trim_start_matches("./"))
    }
}

/// What a JSON pointer (RFC 6901), percent-encoded as in a fragment, leads to.
fn pointer<'a>(root: &'a Json, pointer: &str) -> Option<&'a Json> {
    let mut at = root;
    for step in pointer.split('/').skip(1) {
        let step = decoded(step)?.replace("~1", "/").replace("~0", "~");
        at = match at {
            Json::Object(_) => at.get(&step)?,
            Json::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(at)
}

/// Percent-decoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
