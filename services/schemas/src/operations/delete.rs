//! Deleting versions and subjects: first softly, which hides them, then for good.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::register::known_subject;
use super::{VersionName, refuse_read_only, subject_name};
use crate::Error;
use crate::entry::{Change, SchemaId};
use crate::service::Service;
use crate::state::{State, Subject};

/// Schemas that a refusal names.
const SHOWN_MAX: usize = 10;

impl Service {
    /// Deletes a version; returns its number. Errors: others refer to it, or for `permanent` it was not deleted softly.
    pub async fn delete_version(
        &self,
        subject: &str,
        version: VersionName,
        permanent: bool,
    ) -> Result<i32, Error> {
        let name = subject_name(subject)?;
        self.store
            .change(|state| {
                let subject = known_subject(state, &name, true)?;
                refuse_read_only(state, &name)?;
                let number = numbered(subject, &name, version, permanent)?;
                check_references(state, &name, &[number], permanent)?;
                let change = if permanent {
                    remove(state, &name, vec![number])
                } else {
                    Change::Hide { subject: name.clone(), versions: vec![number] }
                };
                Ok((vec![change], number))
            })
            .await
    }

    /// Deletes all versions of a subject; returns their numbers. Softly, its settings and its mode go too.
    pub async fn delete_subject(&self, subject: &str, permanent: bool) -> Result<Vec<i32>, Error> {
        let name = subject_name(subject)?;
        self.store
            .change(|state| {
                let subject = known_subject(state, &name, true)?;
                refuse_read_only(state, &name)?;
                let visible: Vec<i32> = subject.visible().map(|(number, _)| number).collect();
                if permanent && !visible.is_empty() {
                    return Err(Error::SubjectNotHidden(name.clone()));
                }
                if !permanent && visible.is_empty() {
                    return Err(Error::SubjectHidden(name.clone()));
                }
                let versions = if permanent { subject.versions.keys().copied().collect() } else { visible };
                check_references(state, &name, &versions, permanent)?;
                let mut changes = Vec::new();
                if permanent {
                    changes.push(remove(state, &name, versions.clone()));
                } else {
                    changes.push(Change::Hide { subject: name.clone(), versions: versions.clone() });
                    if subject.settings.is_some() {
                        changes.push(Change::Configure { subject: Some(name.clone()), settings: None });
                    }
                    if subject.mode.is_some() {
                        changes.push(Change::SetMode { subject: Some(name.clone()), mode: None });
                    }
                }
                Ok((changes, versions))
            })
            .await
    }
}

/// The number of the version to delete.
fn numbered(subject: &Subject, name: &str, version: VersionName, permanent: bool) -> Result<i32, Error> {
    let number = match version {
        VersionName::Number(number) => number,
        VersionName::Latest => {
            let latest = subject.visible().next_back().map(|(number, _)| number);
            latest.ok_or_else(|| Error::VersionNotFound("latest".to_owned()))?
        }
    };
    match subject.versions.get(&number) {
        None => Err(Error::VersionNotFound(number.to_string())),
        Some(found) if found.hidden && !permanent => Err(Error::VersionHidden(name.to_owned(), number)),
        Some(found) if !found.hidden && permanent => Err(Error::VersionNotHidden(name.to_owned(), number)),
        Some(_) => Ok(number),
    }
}

/// What others refer to stays: softly, what schemas of versions that are not hidden refer to; for good, what any schema refers to.
fn check_references(state: &State, name: &str, versions: &[i32], permanent: bool) -> Result<(), Error> {
    for version in versions {
        let counts = |id: &SchemaId| permanent || is_visible(state, *id);
        let ids: Vec<SchemaId> = state.referrers(name, *version).filter(counts).take(SHOWN_MAX).collect();
        if !ids.is_empty() {
            return Err(Error::Referenced { subject: name.to_owned(), version: *version, ids });
        }
    }
    Ok(())
}

/// Whether a version that is not hidden is of the schema.
pub(crate) fn is_visible(state: &State, id: SchemaId) -> bool {
    state.uses(id).any(|(name, number)| {
        let version = state.subject(name).and_then(|subject| subject.versions.get(number));
        version.is_some_and(|version| !version.hidden)
    })
}

/// The removal of versions, and of the schemas that no other version is of.
fn remove(state: &State, name: &str, versions: Vec<i32>) -> Change {
    let going: BTreeSet<i32> = versions.iter().copied().collect();
    let goes = |place: &(Arc<str>, i32)| &*place.0 == name && going.contains(&place.1);
    let subject = state.subject(name);
    let ids = versions.iter().filter_map(|version| Some(subject?.versions.get(version)?.id));
    let mut schemas: Vec<SchemaId> = ids.filter(|id| state.uses(*id).all(goes)).collect();
    schemas.sort_unstable();
    schemas.dedup();
    Change::Remove { subject: name.to_owned(), versions, schemas }
}
