//! Sequences: their options and bounds, as PostgreSQL checks them, and `CREATE` and `ALTER SEQUENCE`.

use bole_sql_types::{Error, Result, SqlState, Type};

use super::change::{Change, wrong_kind};
use super::syntax::{Kind, Name, SequenceOption};
use crate::catalog::{Object, Sequence};
use crate::plan::Step;

/// What is to be done to a sequence's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Keep,
    Restart(i64),
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// The lowest and the highest number of a type.
const fn range(ty: Type) -> (i64, i64) {
    match ty {
        Type::INT2 => (i16::MIN as i64, i16::MAX as i64),
        Type::INT4 => (i32::MIN as i64, i32::MAX as i64),
        _ => (i64::MIN, i64::MAX),
    }
}

/// What options say of a sequence, on their way to its fields.
struct Options<'o> {
    all: &'o [SequenceOption],
    /// The sequence is new, so what is not said has defaults.
    new: bool,
}

impl Options<'_> {
    fn last<T>(&self, pick: impl Fn(&SequenceOption) -> Option<T>) -> Result<Option<T>> {
        let mut found = self.all.iter().filter_map(pick);
        let first = found.next();
        if found.next().is_some() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options"));
        }
        Ok(first)
    }

    fn set_bounds(&self, sequence: &mut Sequence, old_type: Type) -> Result<()> {
        use SequenceOption as O;
        let ty = Type(sequence.type_oid);
        let (low, high) = range(ty);
        let up = sequence.increment > 0;
        let max = self.last(|option| if let O::Max(value) = option { Some(*value) } else { None })?;
        let min = self.last(|option| if let O::Min(value) = option { Some(*value) } else { None })?;
        let type_changed = !self.new && old_type != ty;
        match max {
            Some(Some(value)) => sequence.max = value,
            Some(None) => sequence.max = if up { high } else { -1 },
            None if self.new || type_changed && sequence.max == range(old_type).1 => {
                sequence.max = if up { high } else { -1 }
            }
            None => {}
        }
        match min {
            Some(Some(value)) => sequence.min = value,
            Some(None) => sequence.min = if up { 1 } else { low },
            None if self.new || type_changed && sequence.min == range(old_type).0 => {
                sequence.min = if up { 1 } else { low }
            }
            None => {}
        }
        let name = ty.info().map_or("bigint", |info| info.sql_name);
        for (what, value) in [("MAXVALUE", sequence.max), ("MINVALUE", sequence.min)] {
            if value < low || value > high {
                return Err(invalid(format!(
                    "{what} ({value}) is out of range for sequence data type {name}"
                )));
            }
        }
        if sequence.min >= sequence.max {
            return Err(invalid(format!(
                "MINVALUE ({}) must be less than MAXVALUE ({})",
                sequence.min, sequence.max
            )));
        }
        Ok(())
    }

    fn apply(&self, sequence: &mut Sequence) -> Result<Value> {
        use SequenceOption as O;
        let old_type = Type(sequence.type_oid);
        if let Some(cycle) = self.last(|option| if let O::Cycle(it) = option { Some(*it) } else { None })? {
            sequence.cycle = cycle;
        }
        if let Some(increment) =
            self.last(|option| if let O::Increment(it) = option { Some(*it) } else { None })?
        {
            if increment == 0 {
                return Err(invalid("INCREMENT must not be zero"));
            }
            sequence.increment = increment;
        }
        self.set_bounds(sequence, old_type)?;
        let start = self.last(|option| if let O::Start(it) = option { Some(*it) } else { None })?;
        if start.is_some() || self.new {
            sequence.start =
                start.unwrap_or(if sequence.increment > 0 { sequence.min } else { sequence.max });
        }
        if sequence.start < sequence.min {
            return Err(invalid(format!(
                "START value ({}) cannot be less than MINVALUE ({})",
                sequence.start, sequence.min
            )));
        }
        if sequence.start > sequence.max {
            return Err(invalid(format!(
                "START value ({}) cannot be greater than MAXVALUE ({})",
                sequence.start, sequence.max
            )));
        }
        if let Some(cache) = self.last(|option| if let O::Cache(it) = option { Some(*it) } else { None })? {
            if cache <= 0 {
                return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
            }
            sequence.cache = cache;
        }
        let restart = self.last(|option| if let O::Restart(it) = option { Some(*it) } else { None })?;
        let Some(restart) = restart else { return Ok(Value::Keep) };
        let value = restart.unwrap_or(sequence.start);
        if value < sequence.min {
            return Err(invalid(format!(
                "RESTART value ({value}) cannot be less than MINVALUE ({})",
                sequence.min
            )));
        }
        if value > sequence.max {
            return Err(invalid(format!(
                "RESTART value ({value}) cannot be greater than MAXVALUE ({})",
                sequence.max
            )));
        }
        Ok(Value::Restart(value))
    }
}

impl Change<'_> {
    /// Makes a sequence of that type, and gives its OID.
    pub(super) fn make_sequence(
        &mut self,
        (schema, name): (u32, String),
        ty: Type,
        options: &[SequenceOption],
        owner: Option<(u32, i16)>,
    ) -> Result<u32> {
        let oid = self.catalog.allocate(schema);
        let mut sequence = Sequence {
            oid,
            schema,
            name,
            type_oid: ty.0,
            start: 1,
            increment: 1,
            min: 1,
            max: 1,
            cache: 1,
            cycle: false,
            owner,
            comment: None,
        };
        if let Some(written) = self.sequence_type(options)? {
            sequence.type_oid = written.0;
        }
        let value = Options { all: options, new: true }.apply(&mut sequence)?;
        let start = if let Value::Restart(value) = value { value } else { sequence.start };
        if let Some(owner) = self.sequence_owner(options, schema)? {
            sequence.owner = owner;
        }
        self.put(Object::Sequence(sequence));
        self.steps.push(Step::Sequence(oid, start, false));
        Ok(oid)
    }

    fn sequence_type(&self, options: &[SequenceOption]) -> Result<Option<Type>> {
        let written = options
            .iter()
            .find_map(|option| if let SequenceOption::As(ty) = option { Some(ty) } else { None });
        let Some(written) = written else { return Ok(None) };
        let (ty, _) = self.data_type(written)?;
        if [Type::INT2, Type::INT4, Type::INT8].contains(&ty) {
            return Ok(Some(ty));
        }
        Err(invalid("sequence type must be smallint, integer, or bigint"))
    }

    /// What `OWNED BY` says, if it is there.
    #[expect(clippy::option_option, reason = "OWNED BY may be left out, be NONE, or name a column")]
    fn sequence_owner(
        &mut self,
        options: &[SequenceOption],
        schema: u32,
    ) -> Result<Option<Option<(u32, i16)>>> {
        let owned = options.iter().find_map(|option| {
            if let SequenceOption::OwnedBy(it) = option { Some(it.clone()) } else { None }
        });
        let Some(owned) = owned else { return Ok(None) };
        let Some((table, column)) = owned else { return Ok(Some(None)) };
        let table = self.find_table(&table)?;
        if table.schema != schema {
            let message = "sequence must be in same schema as table it is linked to";
            return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        let missing = || {
            let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
            Error::new(SqlState::UNDEFINED_COLUMN, message)
        };
        let number = table.column(&column).ok_or_else(missing)?.number;
        Ok(Some(Some((table.oid, number))))
    }

    pub(super) fn create_sequence(
        &mut self,
        (name, temporary): (&Name, bool),
        if_not_exists: bool,
        options: &[SequenceOption],
    ) -> Result<()> {
        if options.iter().any(|option| matches!(option, SequenceOption::Called(_))) {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "invalid sequence option SEQUENCE NAME"));
        }
        let schema = self.place_for(name, temporary)?;
        if self.is_free(schema, &name.name, if_not_exists)? {
            self.make_sequence((schema, name.name.clone()), Type::INT8, options, None)?;
        }
        Ok(())
    }

    /// Changes a sequence by options.
    pub(super) fn alter_sequence(&mut self, oid: u32, options: &[SequenceOption]) -> Result<()> {
        let Some(Object::Sequence(mut sequence)) = self.catalog.object(oid).cloned() else {
            let name = self.catalog.object(oid).map(|object| object.name().to_owned()).unwrap_or_default();
            return Err(wrong_kind(&name, Kind::Sequence));
        };
        let old_type = Type(sequence.type_oid);
        if let Some(ty) = self.sequence_type(options)? {
            sequence.type_oid = ty.0;
        }
        let all = Options { all: options, new: false };
        if Type(sequence.type_oid) != old_type {
            // The bounds of the old type become those of the new one, as if they had not been said.
            let (low, high) = range(old_type);
            let (new_low, new_high) = range(Type(sequence.type_oid));
            if sequence.max == high {
                sequence.max = new_high;
            }
            if sequence.min == low {
                sequence.min = new_low;
            }
        }
        let value = all.apply(&mut sequence)?;
        if let Some(owner) = self.sequence_owner(options, sequence.schema)? {
            let identity = sequence
                .owner
                .and_then(|(table, number)| self.catalog.table(table)?.numbered(number)?.identity);
            if identity.is_some() {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot change ownership of identity sequence",
                ));
            }
            sequence.owner = owner;
        }
        self.put(Object::Sequence(sequence));
        if let Value::Restart(value) = value {
            self.steps.push(Step::Sequence(oid, value, false));
        }
        Ok(())
    }
}
