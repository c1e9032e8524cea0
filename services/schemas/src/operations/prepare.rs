//! A schema of a request with all that it refers to, and what is stored with all that it refers to.

use std::collections::HashMap;
use std::sync::Arc;

use super::normalizes;
use crate::Error;
use crate::entry::Stored;
use crate::limits::{
    CLOSURE_BYTES_MAX, CLOSURE_SCHEMAS_MAX, REFERENCE_NAME_BYTES_MAX, REFERENCES_MAX, SCHEMA_BYTES_MAX,
};
use crate::schema::{Dependency, Key, Kind, Reading, Reference, Schema, Source};
use crate::service::Service;
use crate::state::State;

/// A schema as a request brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchema {
    /// Its language.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// What it refers to; version -1 means the last one.
    pub references: Vec<Reference>,
}

/// A schema of a request, parsed.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The schema.
    pub schema: Arc<Schema>,
    /// What it is found by.
    pub key: Key,
    /// Its references with the numbers of their versions.
    pub references: Vec<Reference>,
}

impl Prepared {
    /// The schema as it is kept.
    pub fn stored(&self) -> Stored {
        Stored {
            key: self.key,
            kind: self.schema.kind(),
            text: self.schema.text().to_owned(),
            references: self.references.clone(),
        }
    }
}

impl Service {
    /// Parses a schema of a request. `strict` for one that is about to be registered.
    pub(crate) async fn prepare(
        &self,
        subject: &str,
        new: &NewSchema,
        normalize: Option<bool>,
        strict: bool,
    ) -> Result<Prepared, Error> {
        check_size(new)?;
        let found = self.store.read(|state| {
            let normalize = normalize.unwrap_or_else(|| normalizes(state, state.subject(subject)));
            let references = numbered(state, &new.references)?;
            let source = source(state, new.kind, &new.text, &references)?;
            Ok::<_, Error>((normalize, references, source))
        });
        let (normalize, references, source) = found.await??;
        let reading = Reading { strict, normalize };
        let schema = self.work(move || Schema::parse(&source, reading)).await?;
        let schema = Arc::new(schema.map_err(Error::InvalidSchema)?);
        Ok(Prepared { key: Key::of(&schema, &references), schema, references })
    }

    /// Parses a schema that is stored.
    pub(crate) async fn parse_stored(&self, source: Source) -> Result<Arc<Schema>, Error> {
        let parsed = self.work(move || Schema::parse(&source, Reading::default())).await?;
        parsed.map(Arc::new).map_err(Error::InvalidSchema)
    }
}

fn check_size(new: &NewSchema) -> Result<(), Error> {
    if new.text.trim().is_empty() {
        return Err(Error::InvalidSchema("Empty schema".to_owned()));
    }
    if new.text.len() > SCHEMA_BYTES_MAX {
        let bytes = new.text.len();
        return Err(Error::InvalidSchema(format!("it has {bytes} bytes; {SCHEMA_BYTES_MAX} are the most")));
    }
    if new.references.len() > REFERENCES_MAX {
        let count = new.references.len();
        return Err(Error::InvalidSchema(format!(
            "it has {count} references; {REFERENCES_MAX} are the most"
        )));
    }
    match new
        .references
        .iter()
        .find(|reference| reference.name.is_empty() || reference.name.len() > REFERENCE_NAME_BYTES_MAX)
    {
        Some(reference) => {
            let bytes = reference.name.len();
            Err(Error::InvalidSchema(format!(
                "a reference's name has {bytes} bytes; it has 1 to {REFERENCE_NAME_BYTES_MAX}"
            )))
        }
        None => Ok(()),
    }
}

/// The references with the numbers of their versions, which must not be deleted.
fn numbered(state: &State, references: &[Reference]) -> Result<Vec<Reference>, Error> {
    let number = |reference: &Reference| {
        let subject = super::subject_name(&reference.subject)?;
        let visible = state.subject(&subject);
        let mut visible = visible.into_iter().flat_map(super::super::state::Subject::visible);
        let found = match reference.version {
            -1 => visible.next_back(),
            version => visible.find(|(number, _)| *number == version),
        };
        let missing = || {
            let Reference { name, subject, version } = reference;
            Error::InvalidSchema(format!(
                "reference \"{name}\": subject \"{subject}\" has no version {version}"
            ))
        };
        let (version, _) = found.ok_or_else(missing)?;
        Ok(Reference { name: reference.name.clone(), subject, version })
    };
    references.iter().map(number).collect()
}

/// A text with all that it refers to, hidden versions included: what was registered stays readable.
pub(crate) fn source(
    state: &State,
    kind: Kind,
    text: &str,
    references: &[Reference],
) -> Result<Source, Error> {
    let mut closure = Closure { state, kind, dependencies: Vec::new(), names: HashMap::new(), bytes: 0 };
    closure.add(references).map_err(Error::InvalidSchema)?;
    Ok(Source { kind, text: text.to_owned(), dependencies: closure.dependencies })
}

/// A stored schema with all that it refers to.
pub(crate) fn source_of(state: &State, stored: &Stored) -> Result<Source, Error> {
    source(state, stored.kind, &stored.text, &stored.references)
}

struct Closure<'a> {
    state: &'a State,
    kind: Kind,
    dependencies: Vec<Dependency>,
    /// Which version each name stands for.
    names: HashMap<String, (String, i32)>,
    bytes: usize,
}

/// A step of the walk through references.
enum Step {
    Enter(Reference),
    Leave(Dependency),
}

impl<'a> Closure<'a> {
    /// Adds what `references` lead to, each behind what it refers to itself. A reference is to something older, so there is no circle; and
    /// each name is walked once, so the work is bounded.
    fn add(&mut self, references: &[Reference]) -> Result<(), String> {
        let mut open: Vec<Step> = references.iter().rev().cloned().map(Step::Enter).collect();
        while let Some(step) = open.pop() {
            match step {
                Step::Leave(dependency) => self.dependencies.push(dependency),
                Step::Enter(reference) => {
                    let Some(stored) = self.enter(&reference)? else { continue };
                    let dependency = Dependency { name: reference.name, text: stored.text.clone() };
                    open.push(Step::Leave(dependency));
                    open.extend(stored.references.iter().rev().cloned().map(Step::Enter));
                }
            }
        }
        Ok(())
    }

    /// The schema of a reference, unless its name was walked already.
    fn enter(&mut self, reference: &Reference) -> Result<Option<&'a Stored>, String> {
        let Reference { name, subject, version } = reference;
        if let Some((known, number)) = self.names.get(name) {
            let same = known == subject && number == version;
            return if same { Ok(None) } else { Err(format!("the name \"{name}\" is used for two schemas")) };
        }
        let found = self.state.subject(subject).and_then(|subject| subject.versions.get(version));
        let stored = found.and_then(|version| self.state.schema(version.id));
        let missing = || format!("reference \"{name}\": subject \"{subject}\" has no version {version}");
        let stored = stored.ok_or_else(missing)?;
        if stored.kind != self.kind {
            return Err(format!("reference \"{name}\" is {}, not {}", stored.kind, self.kind));
        }
        self.bytes += stored.text.len();
        if self.names.len() >= CLOSURE_SCHEMAS_MAX || self.bytes > CLOSURE_BYTES_MAX {
            return Err(format!(
                "it needs more than {CLOSURE_SCHEMAS_MAX} schemas or {CLOSURE_BYTES_MAX} bytes of them"
            ));
        }
        self.names.insert(name.clone(), (subject.clone(), *version));
        Ok(Some(stored))
    }
}
