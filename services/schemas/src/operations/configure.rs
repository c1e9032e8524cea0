//! Settings and modes, of all and of a subject.

use super::{mode_of, refuse_read_only, subject_name};
use crate::Error;
use crate::compatibility::Level;
use crate::entry::{Change, Settings};
use crate::error::Full;
use crate::limits::SUBJECTS_MAX;
use crate::mode::Mode;
use crate::service::Service;
use crate::state::State;

/// What becomes of one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update<T> {
    /// It stays what it is.
    #[default]
    Keep,
    /// It is removed.
    Clear,
    /// It is set.
    Set(T),
}

impl<T> Update<T> {
    fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// A change of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewSettings {
    /// The level.
    pub level: Update<Level>,
    /// Whether schemas are normalized.
    pub normalize: Update<bool>,
}

impl Service {
    /// The settings of all, or of a subject; of a subject that has none an error, or those of all if `or_global`.
    pub async fn settings(&self, subject: Option<&str>, or_global: bool) -> Result<Settings, Error> {
        let name = subject.map(subject_name).transpose()?;
        self.store
            .read(|state| {
                let own = name.as_ref().and_then(|name| state.subject(name)?.settings);
                match (&name, own) {
                    (Some(name), None) if !or_global => Err(Error::NoSettings(name.clone())),
                    (Some(_), Some(own)) => Ok(own),
                    _ => Ok(global(state)),
                }
            })
            .await?
    }

    /// Sets settings of all or of a subject, durably; returns what is in force there now.
    pub async fn configure(&self, subject: Option<&str>, new: NewSettings) -> Result<Settings, Error> {
        let name = subject.map(subject_name).transpose()?;
        self.store
            .change(|state| {
                refuse_writes(state, name.as_deref())?;
                let before = match &name {
                    Some(name) => state.subject(name).and_then(|subject| subject.settings),
                    None => state.globals().settings,
                };
                let mut settings = before.unwrap_or_default();
                settings.level = new.level.over(settings.level);
                settings.normalize = new.normalize.over(settings.normalize);
                let change = Change::Configure { subject: name.clone(), settings: Some(settings) };
                Ok((vec![change], settings))
            })
            .await
    }

    /// Removes settings, durably; returns what they were.
    pub async fn forget_settings(&self, subject: Option<&str>) -> Result<Settings, Error> {
        let name = subject.map(subject_name).transpose()?;
        self.store
            .change(|state| {
                refuse_writes(state, name.as_deref())?;
                let before = match &name {
                    Some(name) => {
                        let own = state.subject(name).and_then(|subject| subject.settings);
                        own.ok_or_else(|| Error::NoSettings(name.clone()))?
                    }
                    None => global(state),
                };
                Ok((vec![Change::Configure { subject: name.clone(), settings: None }], before))
            })
            .await
    }

    /// The mode of all, or of a subject; of a subject that has none an error, or that of all if `or_global`.
    pub async fn mode(&self, subject: Option<&str>, or_global: bool) -> Result<Mode, Error> {
        let name = subject.map(subject_name).transpose()?;
        self.store
            .read(|state| match &name {
                None => Ok(mode_of(state, None)),
                Some(name) => {
                    let subject = state.subject(name);
                    let own = subject.and_then(|subject| subject.mode);
                    if own.is_none() && !or_global {
                        return Err(Error::NoMode(name.clone()));
                    }
                    Ok(mode_of(state, subject))
                }
            })
            .await?
    }

    /// Sets a mode, durably. Mode IMPORT is refused where there are versions, unless `force`d.
    pub async fn set_mode(&self, subject: Option<&str>, mode: Mode, force: bool) -> Result<Mode, Error> {
        let name = subject.map(subject_name).transpose()?;
        self.store
            .change(|state| {
                check_room(state, name.as_deref())?;
                let has_versions = match &name {
                    Some(name) => {
                        state.subject(name).is_some_and(|subject| subject.visible().next().is_some())
                    }
                    None => state.subjects_from("").any(|(_, subject)| subject.visible().next().is_some()),
                };
                if mode == Mode::Import && has_versions && !force {
                    let text = "Cannot import since found existing subjects; delete them, or set force=true";
                    return Err(Error::NotPermitted(text.to_owned()));
                }
                Ok((vec![Change::SetMode { subject: name.clone(), mode: Some(mode) }], mode))
            })
            .await
    }

    /// Removes a subject's mode, durably; returns what it was.
    pub async fn forget_mode(&self, subject: &str) -> Result<Mode, Error> {
        let name = subject_name(subject)?;
        self.store
            .change(|state| {
                let before = state.subject(&name).and_then(|subject| subject.mode);
                let before = before.ok_or_else(|| Error::NoMode(name.clone()))?;
                Ok((vec![Change::SetMode { subject: Some(name.clone()), mode: None }], before))
            })
            .await
    }
}

/// The settings of all, with the level that counts.
fn global(state: &State) -> Settings {
    let settings = state.globals().settings.unwrap_or_default();
    Settings { level: Some(settings.level.unwrap_or_default()), ..settings }
}

fn refuse_writes(state: &State, name: Option<&str>) -> Result<(), Error> {
    match name {
        Some(name) => refuse_read_only(state, name)?,
        None if mode_of(state, None).is_read_only() => {
            return Err(Error::NotPermitted("the registry is in read-only mode".to_owned()));
        }
        None => {}
    }
    check_room(state, name)
}

/// A setting of an unknown subject makes it known.
fn check_room(state: &State, name: Option<&str>) -> Result<(), Error> {
    let new = name.is_some_and(|name| state.subject(name).is_none());
    if new && state.subject_count() >= SUBJECTS_MAX {
        return Err(Error::Full(Full::Subjects));
    }
    Ok(())
}
