//! Compatibility: with what a new version is compared, and what is found.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::prepare::{NewSchema, source_of};
use super::register::known_subject;
use super::{VersionName, level_of, mode_of, subject_name};
use crate::Error;
use crate::compatibility::Level;
use crate::entry::SchemaId;
use crate::mode::Mode;
use crate::schema::{Schema, Source};
use crate::service::Service;
use crate::state::State;

/// The text of an old schema is shown with its differences up to this length.
const SHOWN_BYTES_MAX: usize = 4 << 10;

/// The versions that a new one must be compatible with, as they were at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Older {
    level: Level,
    mode: Mode,
    versions: Vec<(i32, SchemaId)>,
    /// Those of them that are compared, newest first.
    sources: Vec<(i32, Source)>,
}

impl Older {
    /// Those of a subject by its level; none in mode IMPORT.
    pub(crate) fn of(state: &State, name: &str) -> Result<Self, Error> {
        let subject = state.subject(name);
        let (level, mode) = (level_of(state, subject), mode_of(state, subject));
        let versions: Vec<(i32, SchemaId)> =
            subject.into_iter().flat_map(super::super::state::Subject::visible).collect();
        let count = match (level, mode) {
            (Level::None, _) | (_, Mode::Import) => 0,
            (level, _) if level.is_transitive() => versions.len(),
            _ => 1,
        };
        let mut sources = Vec::new();
        for (version, id) in versions.iter().rev().take(count) {
            if let Some(stored) = state.schema(*id) {
                sources.push((*version, source_of(state, stored)?));
            }
        }
        Ok(Self { level, mode, versions, sources })
    }

    /// One version alone.
    fn one(state: &State, name: &str, version: i32, id: SchemaId) -> Result<Self, Error> {
        let level = level_of(state, state.subject(name));
        let stored = state.schema(id).ok_or(Error::SchemaNotFound(id))?;
        let source = source_of(state, stored)?;
        Ok(Self { level, mode: Mode::ReadWrite, versions: Vec::new(), sources: vec![(version, source)] })
    }

    /// Whether the subject is still what it was.
    pub(crate) fn is_current(&self, state: &State, name: &str) -> bool {
        let subject = state.subject(name);
        let versions = subject.into_iter().flat_map(super::super::state::Subject::visible);
        level_of(state, subject) == self.level
            && mode_of(state, subject) == self.mode
            && versions.eq(self.versions.iter().copied())
    }
}

impl Service {
    /// Compares a schema with a version of a subject, or without a version with all that its level asks for. What is in the way, as
    /// sentences; nothing if it is compatible.
    pub async fn check(
        &self,
        subject: &str,
        against: Option<VersionName>,
        new: &NewSchema,
        normalize: Option<bool>,
    ) -> Result<Vec<String>, Error> {
        let subject = subject_name(subject)?;
        let older = self.store.read(|state| match against {
            None => {
                known_subject(state, &subject, false)?;
                Older::of(state, &subject).map(Some)
            }
            Some(name) => {
                let mut visible =
                    state.subject(&subject).into_iter().flat_map(super::super::state::Subject::visible);
                let found = match name {
                    VersionName::Latest => visible.next_back(),
                    VersionName::Number(wanted) => visible.find(|(number, _)| *number == wanted),
                };
                match (found, name) {
                    (Some((version, id)), _) => Older::one(state, &subject, version, id).map(Some),
                    // Whatever is the first version is compatible.
                    (None, VersionName::Latest) => Ok(None),
                    (None, VersionName::Number(number)) => {
                        known_subject(state, &subject, false)?;
                        Err(Error::VersionNotFound(number.to_string()))
                    }
                }
            }
        });
        let older = older.await??;
        let prepared = self.prepare(&subject, new, normalize, true).await?;
        match older {
            Some(older) => self.compare(&prepared.schema, &older).await,
            None => Ok(Vec::new()),
        }
    }

    /// Compares with older versions, the newest first, until one is not compatible.
    pub(crate) async fn compare(&self, new: &Arc<Schema>, older: &Older) -> Result<Vec<String>, Error> {
        let level = older.level;
        if level == Level::None {
            return Ok(Vec::new());
        }
        for (version, source) in &older.sources {
            let shown = source.text.clone();
            let old = self.parse_stored(source.clone()).await?;
            let new = Arc::clone(new);
            let found = self.work(move || level.check(&new, &old)).await?;
            self.metrics.comparisons.fetch_add(1, Ordering::Relaxed);
            if found.is_empty() {
                continue;
            }
            self.metrics.incompatible.fetch_add(1, Ordering::Relaxed);
            let mut details: Vec<String> = found.iter().map(ToString::to_string).collect();
            details.push(format!("{{oldSchemaVersion: {version}}}"));
            if shown.len() <= SHOWN_BYTES_MAX {
                details.push(format!("{{oldSchema: '{shown}'}}"));
            }
            details.push(format!("{{compatibility: '{}'}}", level.name()));
            return Ok(details);
        }
        Ok(Vec::new())
    }
}
