//! Reading subjects, versions and schemas.

use std::sync::Arc;

use super::delete::is_visible;
use super::prepare::source_of;
use super::register::{Registered, known_subject};
use super::{VersionName, subject_name};
use crate::Error;
use crate::entry::{SchemaId, Stored};
use crate::limits::{SCHEMAS_LISTED_MAX, SUBJECTS_LISTED_MAX};
use crate::schema::Schema;
use crate::service::Service;
use crate::state::{State, Subject};

/// Which versions are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// Those that are not deleted.
    #[default]
    Visible,
    /// Those that are deleted softly too.
    All,
    /// Only those.
    Hidden,
}

impl Seen {
    const fn sees(self, hidden: bool) -> bool {
        match self {
            Self::Visible => !hidden,
            Self::All => true,
            Self::Hidden => hidden,
        }
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many to leave out.
    pub offset: usize,
    /// How many at most; none means as many as the list has bounds for.
    pub limit: Option<usize>,
}

impl Page {
    fn of<T>(self, items: impl Iterator<Item = T>, most: usize) -> Vec<T> {
        items.skip(self.offset).take(self.limit.unwrap_or(most).min(most)).collect()
    }
}

/// A version with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// Subject, number and id.
    pub registered: Registered,
    /// The schema.
    pub schema: Arc<Stored>,
}

impl Service {
    /// Names of subjects that begin with `prefix`, in order.
    pub async fn subjects(&self, prefix: &str, seen: Seen, page: Page) -> Result<Vec<String>, Error> {
        let prefix = prefix_of(prefix)?;
        let counts = |subject: &Subject| match seen {
            // A subject is deleted when all of its versions are.
            Seen::Hidden => !subject.versions.is_empty() && subject.visible().next().is_none(),
            seen => subject.versions.values().any(|version| seen.sees(version.hidden)),
        };
        let names = self.store.read(|state| {
            let fitting = state.subjects_from(prefix).take_while(|(name, _)| name.starts_with(prefix));
            let fitting = fitting.filter(|(_, subject)| counts(subject)).map(|(name, _)| name.to_string());
            page.of(fitting, SUBJECTS_LISTED_MAX)
        });
        Ok(names.await?)
    }

    /// Numbers of the versions of a subject, ascending.
    pub async fn versions(&self, subject: &str, seen: Seen, page: Page) -> Result<Vec<i32>, Error> {
        let name = subject_name(subject)?;
        self.store
            .read(|state| {
                let subject = known_subject(state, &name, seen != Seen::Visible)?;
                let versions = subject.versions.iter().filter(|(_, version)| seen.sees(version.hidden));
                Ok(page.of(versions.map(|(number, _)| *number), crate::limits::VERSIONS_MAX))
            })
            .await?
    }

    /// One version.
    pub async fn version(&self, subject: &str, version: VersionName, seen: Seen) -> Result<Full, Error> {
        let name = subject_name(subject)?;
        self.store
            .read(|state| {
                let subject = known_subject(state, &name, seen != Seen::Visible)?;
                let mut sees = subject.versions.iter().filter(|(_, version)| seen.sees(version.hidden));
                let (found, shown) = match version {
                    VersionName::Latest => (sees.next_back(), "latest".to_owned()),
                    VersionName::Number(wanted) => {
                        (sees.find(|(number, _)| **number == wanted), wanted.to_string())
                    }
                };
                let (number, found) = found.ok_or(Error::VersionNotFound(shown))?;
                full(state, &name, *number, found.id)
            })
            .await?
    }

    /// Ids of the schemas that refer to a version.
    pub async fn referenced_by(
        &self,
        subject: &str,
        version: VersionName,
        hidden: bool,
    ) -> Result<Vec<SchemaId>, Error> {
        let found = self.version(subject, version, Seen::Visible).await?.registered;
        let ids = self.store.read(|state| {
            let referrers = state.referrers(&found.subject, found.version);
            referrers.filter(|id| hidden || is_visible(state, *id)).take(SCHEMAS_LISTED_MAX).collect()
        });
        Ok(ids.await?)
    }

    /// A schema by its id, and the highest id there is; under one subject only, if one is named.
    pub async fn schema_by_id(
        &self,
        id: SchemaId,
        subject: Option<&str>,
    ) -> Result<(Arc<Stored>, SchemaId), Error> {
        let name = subject.filter(|name| !name.is_empty()).map(subject_name).transpose()?;
        self.store
            .read(|state| {
                let under = |name: &String| state.uses(id).any(|(used, _)| **used == **name);
                let found = state.schema(id).filter(|_| name.as_ref().is_none_or(under));
                let stored = found.ok_or(Error::SchemaNotFound(id))?;
                Ok((Arc::clone(stored), state.globals().last_id))
            })
            .await?
    }

    /// The descriptor of a Protobuf schema in base64.
    pub async fn serialized(&self, stored: &Stored) -> Result<String, Error> {
        let source = self.store.read(|state| source_of(state, stored)).await??;
        match &*self.parse_stored(source).await? {
            Schema::Protobuf(schema) => Ok(schema.serialized()),
            other => Err(Error::Unsupported(format!(
                "format \"serialized\" is for PROTOBUF; this schema is {}",
                other.kind()
            ))),
        }
    }

    /// The versions that are of a schema, by subject and number.
    pub async fn uses(&self, id: SchemaId, seen: Seen) -> Result<Vec<(String, i32)>, Error> {
        self.store
            .read(|state| {
                state.schema(id).ok_or(Error::SchemaNotFound(id))?;
                let sees = |(name, number): &&(Arc<str>, i32)| {
                    let version = state.subject(name).and_then(|subject| subject.versions.get(number));
                    version.is_some_and(|version| seen.sees(version.hidden))
                };
                let uses = state.uses(id).filter(sees).map(|(name, number)| (name.to_string(), *number));
                Ok(uses.take(SUBJECTS_LISTED_MAX).collect())
            })
            .await?
    }

    /// Versions of all subjects that begin with `prefix`, by subject and number; the last of each only, if asked for.
    pub async fn schemas(
        &self,
        prefix: &str,
        seen: Seen,
        latest: bool,
        page: Page,
    ) -> Result<Vec<Full>, Error> {
        let prefix = prefix_of(prefix)?;
        self.store
            .read(|state| {
                let subjects = state.subjects_from(prefix).take_while(|(name, _)| name.starts_with(prefix));
                let versions = subjects.flat_map(|(name, subject)| {
                    let sees = subject.versions.iter().filter(move |(_, version)| seen.sees(version.hidden));
                    let skipped = if latest { sees.clone().count().saturating_sub(1) } else { 0 };
                    sees.skip(skipped).map(move |(number, version)| (name, *number, version.id))
                });
                let chosen = page.of(versions, SCHEMAS_LISTED_MAX);
                chosen.into_iter().map(|(name, number, id)| full(state, name, number, id)).collect()
            })
            .await?
    }
}

fn full(state: &State, name: &str, version: i32, id: SchemaId) -> Result<Full, Error> {
    let schema = state.schema(id).ok_or(Error::SchemaNotFound(id))?;
    let registered = Registered { subject: name.to_owned(), version, id };
    Ok(Full { registered, schema: Arc::clone(schema) })
}

/// The prefix of names without that of a context; `:*:` means every context, of which there is one.
fn prefix_of(given: &str) -> Result<&str, Error> {
    let inner = given.strip_prefix(":*:").or_else(|| given.strip_prefix(":.:"));
    match inner {
        Some(inner) => Ok(inner),
        None if given.starts_with(":.") => Err(Error::InvalidSubject {
            subject: given.chars().take(100).collect(),
            reason: "only the default context \".\" exists here",
        }),
        None => Ok(given),
    }
}
