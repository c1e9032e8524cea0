//! The settings of one session: `SET`, `RESET` and `SHOW` by their table, transactional as in PostgreSQL.
//!
//! # Invariants
//! - A name that is not in the table is refused, and so is a value that would have no effect.
//! - A rollback takes settings back to what they were, a rollback to a savepoint likewise; `SET LOCAL` ends with the transaction.

mod table;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bole_sql_types::style::{ByteaOutput, DateFormat, DateOrder};
use bole_sql_types::zone::Zone;
use bole_sql_types::{Error, Result, SqlState, Style};

pub(super) use table::Setting;
pub(crate) use table::{Kind, SETTINGS};
pub(crate) use values::milliseconds;

/// Settings of the application's own (`myapp.user`) that one session may have.
const CUSTOM_MAX: usize = 1_000;
/// Bytes of a value.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Bytes of the values that a transaction has set, to go back to.
const UNDO_BYTES_MAX: usize = 16 << 20;

/// Settings of a transaction, and those that they begin with.
const MODES: [(&str, &str); 2] = [
    ("transaction_isolation", "default_transaction_isolation"),
    ("transaction_read_only", "default_transaction_read_only"),
];

/// The settings of a session.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: BTreeMap<String, Value>,
    reset: BTreeMap<String, String>,
    undo: Vec<(String, Option<Value>)>,
    /// Bytes of that, about.
    undo_bytes: usize,
    /// Rises with every change.
    generation: u64,
    derived: Derived,
    shared: Option<Arc<BTreeMap<String, String>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    session: String,
    local: Option<String>,
}

impl Value {
    fn current(&self) -> &str {
        self.local.as_deref().unwrap_or(&self.session)
    }
}

/// What settings mean, computed when one changes.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    /// How values are written.
    pub style: Style,
    /// Schemas by name, as in `search_path`.
    pub search_path: Vec<String>,
    /// `None`: no limit.
    pub statement_timeout: Option<Duration>,
    /// `None`: no limit.
    pub lock_timeout: Option<Duration>,
    /// `None`: no limit but that of who holds the write ticket.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// `None`: no limit.
    pub idle_session_timeout: Option<Duration>,
    /// The rank of the lowest messages that are sent: 0 notices, 1 warnings, 2 neither.
    pub client_min_messages: u8,
    /// `default_transaction_isolation`.
    pub default_isolation: String,
    /// `default_transaction_read_only`.
    pub default_read_only: bool,
}

/// The entry of a name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

fn unknown(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

impl Settings {
    /// Those of a new session, with what the server says of itself.
    pub(crate) fn new(own: &[(&str, String)]) -> Self {
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let text = own.iter().find(|(name, _)| *name == setting.name);
            let text = text.map_or_else(|| setting.default.to_owned(), |(_, text)| text.clone());
            values.insert(setting.name.to_lowercase(), Value { session: text, local: None });
        }
        let reset = values.iter().map(|(name, value)| (name.clone(), value.session.clone())).collect();
        let derived = Derived::of(&values);
        Self { values, reset, undo: Vec::new(), undo_bytes: 0, generation: 1, derived, shared: None }
    }

    /// What they mean.
    pub(crate) const fn derived(&self) -> &Derived {
        &self.derived
    }

    /// Rises with every change.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// A setting's value. Errors: 42704.
    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        self.values.get(&name.to_lowercase()).map(Value::current).ok_or_else(|| unknown(name))
    }

    /// What `RESET` sets a setting to.
    pub(crate) fn reset_value(&self, name: &str) -> Option<&str> {
        self.reset.get(&name.to_lowercase()).map(String::as_str)
    }

    /// All of them, for `current_setting`.
    pub(crate) fn shared(&mut self) -> Arc<BTreeMap<String, String>> {
        let values = &self.values;
        let all = || values.iter().map(|(name, value)| (name.clone(), value.current().to_owned())).collect();
        Arc::clone(self.shared.get_or_insert_with(|| Arc::new(all())))
    }

    /// Sets a value of the startup packet, which `RESET` then goes back to.
    pub(crate) fn start(&mut self, name: &str, value: &str) -> Result<()> {
        self.change(name, Some(value), false)?;
        self.undo.clear();
        self.undo_bytes = 0;
        let name = name.to_lowercase();
        if let Some(value) = self.values.get(&name) {
            self.reset.insert(name, value.session.clone());
        }
        Ok(())
    }

    /// As [`Settings::set`], for those who cannot change the transaction itself. Errors: 0A000 for what only it can follow.
    pub(crate) fn change(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<()> {
        let mode = MODES.iter().any(|(shown, _)| shown.eq_ignore_ascii_case(name));
        let same = value.is_some_and(|value| {
            self.get(name).is_ok_and(|now| self.checked(name, value).is_ok_and(|text| text == now))
        });
        if mode && !same {
            let message = format!("parameter \"{name}\" other than by SET TRANSACTION");
            return Err(Error::unsupported(message));
        }
        if mode { Ok(()) } else { self.set(name, value, local) }
    }

    /// Sets a value, or with `None` that of the start. With `local`, until the transaction ends.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<()> {
        let key = name.to_lowercase();
        let text = match value {
            Some(text) => self.checked(name, text)?,
            None => match self.reset.get(&key) {
                Some(text) => text.clone(),
                None if key.contains('.') => String::new(),
                None => return Err(unknown(name)),
            },
        };
        if find(name).is_some_and(|setting| matches!(setting.kind, Kind::Internal)) {
            let message = format!("parameter \"{name}\" cannot be changed");
            return Err(Error::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, message));
        }
        if self.undo_bytes > UNDO_BYTES_MAX {
            let message = "too many settings are changed in one transaction";
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        self.put(key, text, local);
        Ok(())
    }

    fn checked(&self, name: &str, text: &str) -> Result<String> {
        if text.len() > VALUE_BYTES_MAX {
            let message = format!("invalid value for parameter \"{name}\": {} bytes", text.len());
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        match find(name) {
            Some(setting) => values::check(setting, text),
            None if name.contains('.') && self.values.len() < SETTINGS.len() + CUSTOM_MAX => {
                Ok(text.to_owned())
            }
            None => Err(unknown(name)),
        }
    }

    fn put(&mut self, key: String, text: String, local: bool) {
        let before = self.values.get(&key).cloned();
        let mut value = before.clone().unwrap_or(Value { session: String::new(), local: None });
        if local {
            value.local = Some(text);
        } else {
            value = Value { session: text, local: None };
        }
        self.undo_bytes += undo_bytes(&key, before.as_ref());
        self.undo.push((key.clone(), before));
        self.values.insert(key, value);
        self.changed();
    }

    fn changed(&mut self) {
        self.generation += 1;
        self.shared = None;
        self.derived = Derived::of(&self.values);
    }

    /// Sets everything back to the start, but what a transaction or the server sets.
    pub(crate) fn reset_all(&mut self) {
        let reset = self.reset.clone();
        for (name, text) in reset {
            if find(&name).is_none_or(|setting| setting.resets)
                && self.values.get(&name).is_some_and(|now| now.current() != text)
            {
                self.put(name, text, false);
            }
        }
        let custom: Vec<_> = self.values.keys().filter(|name| find(name).is_none()).cloned().collect();
        for name in custom {
            self.put(name, String::new(), false);
        }
    }

    /// Names and values, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Setting, &str)> {
        SETTINGS
            .iter()
            .filter_map(|setting| Some((setting, self.values.get(&setting.name.to_lowercase())?.current())))
    }

    /// A mark to go back to.
    pub(crate) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back what was set after a mark.
    pub(crate) fn rollback_to(&mut self, mark: usize) {
        if self.undo.len() <= mark {
            return;
        }
        while self.undo.len() > mark {
            let last = self.undo.pop();
            if let Some((name, before)) = &last {
                self.undo_bytes = self.undo_bytes.saturating_sub(undo_bytes(name, before.as_ref()));
            }
            match last {
                Some((name, Some(value))) => drop(self.values.insert(name, value)),
                Some((name, None)) => drop(self.values.remove(&name)),
                None => {}
            }
        }
        self.changed();
    }

    /// A transaction begins, with the modes that are set for all.
    pub(crate) fn begin_transaction(&mut self) {
        for (shown, default) in MODES {
            let text = self.values.get(default).map_or("", Value::current);
            if self.values.get(shown).is_some_and(|value| value.current() != text) {
                let text = text.to_owned();
                self.put(shown.to_owned(), text, true);
            }
        }
    }

    /// The transaction was committed.
    pub(crate) fn commit(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        self.undo_bytes = 0;
        let mut any = false;
        for (name, _) in undo {
            any |= self.values.get_mut(&name).is_some_and(|value| value.local.take().is_some());
        }
        if any {
            self.changed();
        }
    }
}

/// What it takes to remember a value.
fn undo_bytes(name: &str, before: Option<&Value>) -> usize {
    let value = before.map_or(0, |value| value.session.len() + value.local.as_ref().map_or(0, String::len));
    size_of::<(String, Option<Value>)>() + name.len() + value
}

impl Derived {
    fn of(values: &BTreeMap<String, Value>) -> Self {
        let get = |name: &str| values.get(name).map_or("", Value::current);
        let time = |name: &str| {
            let milliseconds = values::milliseconds(get(name)).unwrap_or(0);
            (milliseconds > 0).then(|| Duration::from_millis(milliseconds as u64))
        };
        let (date_format, date_order) = values::date_style(get("datestyle")).unwrap_or_default();
        Self {
            style: Style {
                date_format,
                date_order,
                bytea_output: match get("bytea_output") {
                    "escape" => ByteaOutput::Escape,
                    _ => ByteaOutput::Hex,
                },
                extra_float_digits: get("extra_float_digits").parse().unwrap_or(1),
                zone: Zone::named(get("timezone")).unwrap_or_else(Zone::utc),
                now: None,
            },
            search_path: values::names(get("search_path")).unwrap_or_default(),
            statement_timeout: time("statement_timeout"),
            lock_timeout: time("lock_timeout"),
            idle_in_transaction_timeout: time("idle_in_transaction_session_timeout"),
            idle_session_timeout: time("idle_session_timeout"),
            client_min_messages: match get("client_min_messages") {
                "warning" => 1,
                "error" => 2,
                _ => 0,
            },
            default_isolation: get("default_transaction_isolation").to_owned(),
            default_read_only: get("default_transaction_read_only") == "on",
        }
    }
}

/// The parts of a `DateStyle`.
pub(super) type DateStyle = (DateFormat, DateOrder);

#[cfg(test)]
mod tests;
