//! Options of sequences, in `CREATE SEQUENCE`, `ALTER SEQUENCE` and identity columns.

use super::Parse;
use super::reader::Reader;
use crate::schema::syntax::SequenceOption;

/// Options up to what is none.
pub(super) fn options(reader: &mut Reader<'_, '_>) -> Parse<Vec<SequenceOption>> {
    let mut options = Vec::new();
    while let Some(option) = option(reader)? {
        options.push(option);
    }
    Ok(options)
}

/// Options in parentheses, if there are any.
pub(super) fn enclosed(reader: &mut Reader<'_, '_>) -> Parse<Vec<SequenceOption>> {
    if !reader.eat_symbol('(') {
        return Ok(Vec::new());
    }
    let options = options(reader)?;
    reader.expect_symbol(')')?;
    Ok(options)
}

/// One option, if there is one.
pub(super) fn option(reader: &mut Reader<'_, '_>) -> Parse<Option<SequenceOption>> {
    use SequenceOption as O;
    let option = if reader.eat("AS") {
        O::As(reader.parser.parse_data_type()?)
    } else if reader.eat("INCREMENT") {
        reader.eat("BY");
        O::Increment(reader.integer()?)
    } else if reader.eat("NO MINVALUE") {
        O::Min(None)
    } else if reader.eat("MINVALUE") {
        O::Min(Some(reader.integer()?))
    } else if reader.eat("NO MAXVALUE") {
        O::Max(None)
    } else if reader.eat("MAXVALUE") {
        O::Max(Some(reader.integer()?))
    } else if reader.eat("START") {
        reader.eat("WITH");
        O::Start(reader.integer()?)
    } else if reader.eat("CACHE") {
        O::Cache(reader.integer()?)
    } else if reader.eat("NO CYCLE") {
        O::Cycle(false)
    } else if reader.eat("CYCLE") {
        O::Cycle(true)
    } else if reader.eat("RESTART") {
        let has_value = reader.eat("WITH")
            || !(reader.at_end()
                || reader.at_symbol(')')
                || reader.upper(0).is_some()
                || reader.at_symbol(','));
        O::Restart(if has_value { Some(reader.integer()?) } else { None })
    } else if reader.eat("OWNED BY NONE") {
        O::OwnedBy(None)
    } else if reader.eat("OWNED BY") {
        O::OwnedBy(Some(reader.column_name()?))
    } else if reader.eat("SEQUENCE NAME") {
        O::Called(reader.qualified()?)
    } else {
        return Ok(None);
    };
    Ok(Some(option))
}
