//! Registering a schema under a subject, and looking one up.

use std::sync::atomic::Ordering;

use super::check::Older;
use super::prepare::{NewSchema, Prepared};
use super::{mode_of, subject_name};
use crate::Error;
use crate::entry::{Change, SchemaId};
use crate::error::Full;
use crate::limits::{ATTEMPTS_MAX, STATE_BYTES_MAX, SUBJECTS_MAX, VERSIONS_MAX};
use crate::mode::Mode;
use crate::service::Service;
use crate::state::{State, Subject};

/// What a registration asks for besides the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The id that the schema must get; in mode IMPORT only.
    pub id: Option<SchemaId>,
    /// The number that the version must get; in mode IMPORT any that is free, else the next one.
    pub version: Option<i32>,
    /// Whether the schema is normalized; none means what is configured.
    pub normalize: Option<bool>,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The subject.
    pub subject: String,
    /// The version's number.
    pub version: i32,
    /// The schema's id.
    pub id: SchemaId,
}

/// The outcome of one look at the state under its lock.
enum Decision {
    /// It was there already, or is there now; whether it is new.
    Done(Registered, bool),
    /// What it was compared with has changed meanwhile.
    Stale,
}

impl Service {
    /// Registers a schema. Durable when this returns. One that the subject has is found, not registered again.
    pub async fn register(
        &self,
        subject: &str,
        new: &NewSchema,
        wanted: Wanted,
    ) -> Result<Registered, Error> {
        let subject = subject_name(subject)?;
        for _ in 0..ATTEMPTS_MAX {
            let prepared = self.prepare(&subject, new, wanted.normalize, true).await?;
            let known = |state: &State| existing(state, &subject, &prepared, wanted);
            if let Some(found) = self.store.read(known).await? {
                return Ok(found);
            }
            let older = self.store.read(|state| {
                check_mode(state, &subject, wanted)?;
                Older::of(state, &subject)
            });
            let older = older.await??;
            let details = self.compare(&prepared.schema, &older).await?;
            if !details.is_empty() {
                return Err(Error::Incompatible { subject, details });
            }
            let decided =
                self.store.change(|state| decide(state, &subject, &prepared, wanted, &older)).await?;
            if let Decision::Done(registered, is_new) = decided {
                self.metrics.registered.fetch_add(u64::from(is_new), Ordering::Relaxed);
                return Ok(registered);
            }
        }
        Err(Error::Contended)
    }

    /// Finds a schema among the versions of a subject; `hidden` ones too if asked for.
    pub async fn look_up(
        &self,
        subject: &str,
        new: &NewSchema,
        normalize: Option<bool>,
        hidden: bool,
    ) -> Result<Registered, Error> {
        let subject = subject_name(subject)?;
        self.store.read(|state| known_subject(state, &subject, hidden).map(drop)).await??;
        let prepared = self.prepare(&subject, new, normalize, false).await?;
        let found = self.store.read(|state| {
            let ids: Vec<SchemaId> = state.ids_of(&prepared.key).collect();
            let versions =
                state.subject(&subject).into_iter().flat_map(|subject| subject.versions.iter().rev());
            let mut fitting =
                versions.filter(|(_, version)| (hidden || !version.hidden) && ids.contains(&version.id));
            fitting.next().map(|(number, version)| (*number, version.id))
        });
        let (version, id) = found.await?.ok_or(Error::SchemaNotUnderSubject)?;
        Ok(Registered { subject, version, id })
    }
}

/// A subject that has versions, hidden ones counted if asked for.
pub(crate) fn known_subject<'a>(state: &'a State, name: &str, hidden: bool) -> Result<&'a Subject, Error> {
    let counts = |subject: &&Subject| {
        if hidden { !subject.versions.is_empty() } else { subject.visible().next().is_some() }
    };
    state.subject(name).filter(counts).ok_or_else(|| Error::SubjectNotFound(name.to_owned()))
}

/// The version of the subject that the schema is already.
fn existing(state: &State, name: &str, prepared: &Prepared, wanted: Wanted) -> Option<Registered> {
    let ids: Vec<SchemaId> = state.ids_of(&prepared.key).collect();
    let mut visible = state.subject(name)?.visible().rev();
    let fits = |version: i32, id: SchemaId| {
        ids.contains(&id)
            && wanted.id.is_none_or(|wanted| wanted == id)
            && wanted.version.is_none_or(|wanted| wanted == version)
    };
    let (version, id) = visible.find(|(version, id)| fits(*version, *id))?;
    Some(Registered { subject: name.to_owned(), version, id })
}

fn decide(
    state: &State,
    name: &str,
    prepared: &Prepared,
    wanted: Wanted,
    older: &Older,
) -> Result<(Vec<Change>, Decision), Error> {
    if let Some(found) = existing(state, name, prepared, wanted) {
        return Ok((Vec::new(), Decision::Done(found, false)));
    }
    check_mode(state, name, wanted)?;
    if !older.is_current(state, name) || !references_are_there(state, prepared) {
        return Ok((Vec::new(), Decision::Stale));
    }
    let subject = state.subject(name);
    let version = version_for(subject, name, wanted)?;
    let id = id_for(state, prepared, wanted)?;
    let schema = state.schema(id).is_none().then(|| prepared.stored());
    check_room(state, subject, schema.as_ref().map_or(0, |schema| schema.text.len()))?;
    let registered = Registered { subject: name.to_owned(), version, id };
    let change = Change::Register { subject: name.to_owned(), version, id, schema };
    Ok((vec![change], Decision::Done(registered, true)))
}

fn check_mode(state: &State, name: &str, wanted: Wanted) -> Result<(), Error> {
    let mode = mode_of(state, state.subject(name));
    let refusal = match mode {
        Mode::ReadOnly | Mode::ReadOnlyOverride => format!("Subject {name} is in read-only mode"),
        Mode::Import if wanted.id.is_none() => {
            format!("Subject {name} is in import mode, which takes schemas with their ids only")
        }
        Mode::ReadWrite if wanted.id.is_some() => {
            format!("Subject {name} is not in import mode, so the registry gives out the id itself")
        }
        Mode::Import | Mode::ReadWrite => return Ok(()),
    };
    Err(Error::NotPermitted(refusal))
}

fn references_are_there(state: &State, prepared: &Prepared) -> bool {
    prepared.references.iter().all(|reference| {
        let subject = state.subject(&reference.subject);
        subject
            .and_then(|subject| subject.versions.get(&reference.version))
            .is_some_and(|version| !version.hidden)
    })
}

fn version_for(subject: Option<&Subject>, name: &str, wanted: Wanted) -> Result<i32, Error> {
    let last = subject.map_or(0, |subject| subject.last);
    let next = last.checked_add(1).ok_or(Error::Full(Full::Versions))?;
    let Some(version) = wanted.version else { return Ok(next) };
    if version < 1 {
        return Err(Error::InvalidVersion(version.to_string()));
    }
    if subject.is_some_and(|subject| subject.versions.contains_key(&version)) {
        return Err(Error::NotPermitted(format!(
            "Subject {name} has a version {version} with another schema"
        )));
    }
    if wanted.id.is_none() && version != next {
        return Err(Error::NotPermitted(format!(
            "the next version of subject {name} is {next}, not {version}"
        )));
    }
    Ok(version)
}

fn id_for(state: &State, prepared: &Prepared, wanted: Wanted) -> Result<SchemaId, Error> {
    const ID_MAX: SchemaId = i32::MAX as SchemaId;
    match wanted.id {
        Some(id) if id == 0 || id > ID_MAX => {
            Err(Error::NotPermitted(format!("{id} is not an id; ids are 1 to {ID_MAX}")))
        }
        Some(id) if state.schema(id).is_some_and(|known| known.key != prepared.key) => {
            Err(Error::NotPermitted(format!("Overwrite new schema with id {id} is not permitted.")))
        }
        Some(id) => Ok(id),
        None => match state.ids_of(&prepared.key).next() {
            Some(id) => Ok(id),
            None if state.globals().last_id >= ID_MAX => Err(Error::Full(Full::Ids)),
            None => Ok(state.globals().last_id + 1),
        },
    }
}

fn check_room(state: &State, subject: Option<&Subject>, text_bytes: usize) -> Result<(), Error> {
    let full = if subject.is_none() && state.subject_count() >= SUBJECTS_MAX {
        Full::Subjects
    } else if subject.is_some_and(|subject| subject.versions.len() >= VERSIONS_MAX) {
        Full::Versions
    } else if state.text_bytes() + text_bytes as u64 > STATE_BYTES_MAX {
        Full::Text
    } else {
        return Ok(());
    };
    Err(Error::Full(full))
}
