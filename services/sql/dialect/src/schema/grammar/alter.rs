//! `ALTER` of all kinds of objects.

use bole_sql_types::Error;

use super::reader::Reader;
use super::{Parse, behaviour, create, kind, sequence, table};
use crate::schema::syntax::{AlterAction, Kind, RuleSpec, Statement};

type Action = AlterAction;

/// After `ALTER`.
pub(super) fn alter(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let kind = kind(reader)?;
    if reader.at("ALL IN TABLESPACE") {
        reader.skip_statement();
        return Ok(Statement::Refused(Error::unsupported("a tablespace")));
    }
    let if_exists = reader.eat("IF EXISTS");
    reader.eat("ONLY");
    let name = reader.qualified_star()?;
    let actions = match kind {
        Kind::Table => reader.list(table_action)?,
        Kind::Sequence => vec![sequence_action(reader)?],
        Kind::Type => vec![type_action(reader)?],
        Kind::View | Kind::MaterializedView => vec![view_action(reader)?],
        Kind::Schema | Kind::Index => vec![any_action(reader)?],
    };
    Ok(Statement::Alter { kind, name, if_exists, actions })
}

fn refuse(reader: &mut Reader<'_, '_>) -> Action {
    let what: Vec<_> = (0..3).map_while(|ahead| reader.upper(ahead)).collect();
    reader.skip_statement();
    Action::Refused(Error::unsupported(format!("ALTER … {}", what.join(" "))))
}

/// What every kind has.
fn any_action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    Ok(if reader.eat("RENAME TO") {
        Action::Rename(reader.identifier()?)
    } else if reader.eat("SET SCHEMA") {
        Action::SetSchema(reader.identifier()?)
    } else if reader.eat("OWNER TO") {
        Action::Owner(create::role(reader)?)
    } else {
        refuse(reader)
    })
}

fn sequence_action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    if reader.at("RENAME") || reader.at("SET") || reader.at("OWNER TO") {
        return any_action(reader);
    }
    let options = sequence::options(reader)?;
    if options.is_empty() { reader.unexpected("an option") } else { Ok(Action::Sequence(options)) }
}

fn view_action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    if reader.at("RENAME TO") {
        return any_action(reader);
    }
    if reader.at("RENAME") {
        return rename(reader);
    }
    any_action(reader)
}

fn type_action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    if reader.eat("RENAME VALUE") {
        let from = reader.string()?;
        reader.expect("TO")?;
        return Ok(Action::RenameValue { from, to: reader.string()? });
    }
    if !reader.eat("ADD VALUE") {
        return any_action(reader);
    }
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let label = reader.string()?;
    let beside = if reader.eat("BEFORE") {
        Some((false, reader.string()?))
    } else if reader.eat("AFTER") {
        Some((true, reader.string()?))
    } else {
        None
    };
    Ok(Action::AddValue { label, if_not_exists, beside })
}

fn table_action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    if reader.at("RENAME TO") || reader.at("SET SCHEMA") || reader.at("OWNER TO") {
        return any_action(reader);
    }
    if reader.at("RENAME") {
        return rename(reader);
    }
    if reader.eat("ADD") {
        return add(reader);
    }
    if reader.eat("DROP") {
        return drop(reader);
    }
    if reader.eat("VALIDATE CONSTRAINT") {
        return Ok(Action::ValidateConstraint(reader.identifier()?));
    }
    if reader.eat("ALTER CONSTRAINT") {
        return alter_constraint(reader);
    }
    if reader.eat("ALTER") {
        reader.eat("COLUMN");
        let column = reader.identifier()?;
        return alter_column(reader, column);
    }
    Ok(refuse(reader))
}

fn rename(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    reader.expect("RENAME")?;
    let constraint = reader.eat("CONSTRAINT");
    if !constraint {
        reader.eat("COLUMN");
    }
    let from = reader.identifier()?;
    reader.expect("TO")?;
    let to = reader.identifier()?;
    Ok(if constraint { Action::RenameConstraint { from, to } } else { Action::RenameColumn { from, to } })
}

fn add(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    let constraint = ["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY KEY", "FOREIGN KEY"];
    if constraint.iter().any(|words| reader.at(words)) {
        return table::table_constraint(reader).map(Action::AddConstraint);
    }
    if reader.at("EXCLUDE") {
        return Ok(refuse(reader));
    }
    reader.eat("COLUMN");
    let if_not_exists = reader.eat("IF NOT EXISTS");
    Ok(Action::AddColumn { column: table::column(reader)?, if_not_exists })
}

fn drop(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    let constraint = reader.eat("CONSTRAINT");
    if !constraint {
        reader.eat("COLUMN");
    }
    let if_exists = reader.eat("IF EXISTS");
    let name = reader.identifier()?;
    let cascade = behaviour(reader);
    Ok(if constraint {
        Action::DropConstraint { name, if_exists, cascade }
    } else {
        Action::DropColumn { name, if_exists, cascade }
    })
}

fn alter_constraint(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    let name = reader.identifier()?;
    let rule = RuleSpec::Null;
    let mut spec = crate::schema::syntax::ConstraintSpec {
        name: None,
        rule,
        deferrable: false,
        deferred: false,
        not_valid: false,
    };
    table::attributes(reader, &mut spec);
    Ok(Action::AlterConstraint { name, deferrable: spec.deferrable, deferred: spec.deferred })
}

fn alter_column(reader: &mut Reader<'_, '_>, column: String) -> Parse<Action> {
    if reader.eat("SET DATA TYPE") || reader.eat("TYPE") {
        let ty = reader.parser.parse_data_type()?;
        let collation = if reader.eat("COLLATE") { Some(reader.qualified()?) } else { None };
        let using = if reader.eat("USING") { Some(reader.expression()?) } else { None };
        return Ok(Action::SetType { column, ty, collation, using });
    }
    if reader.eat("SET DEFAULT") {
        return Ok(Action::SetDefault { column, default: Some(reader.expression()?) });
    }
    if reader.eat("DROP DEFAULT") {
        return Ok(Action::SetDefault { column, default: None });
    }
    let not_null = reader.eat("SET NOT NULL");
    if not_null || reader.eat("DROP NOT NULL") {
        return Ok(Action::SetNotNull { column, not_null });
    }
    if reader.eat("DROP EXPRESSION") {
        return Ok(Action::DropExpression { column, if_exists: reader.eat("IF EXISTS") });
    }
    if reader.eat("DROP IDENTITY") {
        return Ok(Action::DropIdentity { column, if_exists: reader.eat("IF EXISTS") });
    }
    if reader.eat("ADD GENERATED") {
        let always = reader.eat("ALWAYS");
        reader.expect(if always { "AS IDENTITY" } else { "BY DEFAULT AS IDENTITY" })?;
        return Ok(Action::AddIdentity { column, always, options: sequence::enclosed(reader)? });
    }
    set_identity(reader, column)
}

/// `SET GENERATED …`, `SET` with an option of the sequence, `RESTART`; any number of them.
fn set_identity(reader: &mut Reader<'_, '_>, column: String) -> Parse<Action> {
    let (mut always, mut options) = (None, Vec::new());
    loop {
        if reader.eat("SET GENERATED ALWAYS") {
            always = Some(true);
        } else if reader.eat("SET GENERATED BY DEFAULT") {
            always = Some(false);
        } else if reader.at("RESTART") {
            options.extend(sequence::option(reader)?);
        } else if ["INCREMENT", "MINVALUE", "MAXVALUE", "NO", "START", "CACHE", "CYCLE"]
            .iter()
            .any(|word| reader.at(&format!("SET {word}")))
        {
            reader.expect("SET")?;
            options.extend(sequence::option(reader)?);
        } else if always.is_none() && options.is_empty() {
            return Ok(refuse(reader));
        } else {
            return Ok(Action::SetIdentity { column, always, options });
        }
    }
}
