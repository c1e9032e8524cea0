//! Where settings come from besides the file: environment and flags; and the errors that name the place.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::{COMMAND_VARIABLES, Flags, OPTIONS, SECTIONS, Spec};

/// The place that gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, as it was written.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Why settings cannot be used. The node does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("configuration file {} cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// The place does not have the form of a setting.
    #[error("{origin}: {reason}")]
    Form {
        /// Where.
        origin: Origin,
        /// What is wrong.
        reason: String,
    },
    /// No option has that name.
    #[error("{origin}: {what} \"{name}\" is unknown; {}", suggest(nearest.as_deref()))]
    Unknown {
        /// Where.
        origin: Origin,
        /// What was expected: a section, an option or a variable.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The known name that is nearest.
        nearest: Option<String>,
    },
    /// The option does not allow that value.
    #[error("{origin}: {} = \"{value}\": {reason}; allowed: {}", spec.name(), spec.allowed())]
    Value {
        /// Where.
        origin: Origin,
        /// The option.
        spec: &'static Spec,
        /// The value that was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Options that do not fit each other.
    #[error("settings do not fit each other: {0}")]
    Together(String),
}

fn suggest(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => "`bole config` lists all options".to_owned(),
    }
}

/// Takes one value from its place.
pub(super) type Sink<'a> = dyn FnMut(&'static Spec, String, Origin) -> Result<(), Error> + 'a;

/// The option of that name.
pub(super) fn find(section: &str, key: &str) -> Option<&'static Spec> {
    OPTIONS.iter().find(|spec| spec.section == section && spec.key == key)
}

/// The candidate that is nearest to `name`, if one is near enough to be meant.
pub(super) fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Names the section that is nearest to an unknown one.
pub(super) fn unknown_section(origin: Origin, name: &str) -> Error {
    let nearest = nearest(name, SECTIONS.iter().map(|(section, _)| (*section).to_owned()));
    Error::Unknown { origin, what: "section", name: name.to_owned(), nearest }
}

/// Names the option that is nearest to an unknown one: of its section if that exists, else of all.
pub(super) fn unknown_option(origin: Origin, section: &str, key: &str) -> Error {
    let name = format!("{section}.{key}");
    let siblings = OPTIONS.iter().filter(|spec| spec.section == section).map(Spec::name);
    let nearest = nearest(&name, siblings.filter(|sibling| near_key(sibling, key)))
        .or_else(|| OPTIONS.iter().find(|spec| spec.key == key).map(Spec::name))
        .or_else(|| nearest(&name, OPTIONS.iter().map(Spec::name)));
    Error::Unknown { origin, what: "option", name, nearest }
}

/// Whether the key alone is near: two names of one section share so much that they always look alike.
fn near_key(sibling: &str, key: &str) -> bool {
    let sibling = sibling.split_once('.').map_or(sibling, |(_, key)| key);
    strsim::jaro_winkler(sibling, key) > 0.75
}

/// Reads the variables that start with `BOLE_`.
pub(super) fn read_environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("BOLE_")) else { continue };
        if COMMAND_VARIABLES.contains(&name) {
            continue;
        }
        let origin = Origin::Variable(name.to_owned());
        let Some(spec) = OPTIONS.iter().find(|spec| spec.variable() == name) else {
            let nearest = nearest(name, OPTIONS.iter().map(Spec::variable));
            return Err(Error::Unknown { origin, what: "variable", name: name.to_owned(), nearest });
        };
        let Ok(value) = value.into_string() else {
            return Err(Error::Form { origin, reason: "the value is not UTF-8".to_owned() });
        };
        sink(spec, value, origin)?;
    }
    Ok(())
}

/// Reads `--data` and `--set`.
pub(super) fn read_flags(flags: &Flags, sink: &mut Sink<'_>) -> Result<(), Error> {
    for text in &flags.set {
        let origin = Origin::Flag(format!("--set {text}"));
        let parts =
            text.split_once('=').and_then(|(name, value)| Some((name.trim().split_once('.')?, value)));
        let Some(((section, key), value)) = parts else {
            return Err(Error::Form { origin, reason: "expected section.key=value".to_owned() });
        };
        match find(section, key) {
            Some(spec) => sink(spec, value.trim().to_owned(), origin)?,
            None => return Err(unknown_option(origin, section, key)),
        }
    }
    if let Some(path) = &flags.data {
        let origin = Origin::Flag(format!("--data {}", path.display()));
        let spec = find("node", "data").expect("node.data is in the table");
        let Some(path) = path.to_str() else {
            return Err(Error::Form { origin, reason: "the path is not UTF-8".to_owned() });
        };
        sink(spec, path.to_owned(), origin)?;
    }
    Ok(())
}
