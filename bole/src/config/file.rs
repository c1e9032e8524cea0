//! The TOML file as a source of settings.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::{Error, Origin, Sink, find, unknown_option, unknown_section};
use super::{SECTIONS, Spec};

/// Reads the settings in `text`, the content of `path`.
pub(super) fn read(path: &Path, text: &str, sink: &mut Sink<'_>) -> Result<(), Error> {
    let at = |byte: usize| Origin::File { path: path.to_path_buf(), line: line_of(text, byte) };
    let document = DeTable::parse(text).map_err(|error| Error::Form {
        origin: at(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    for (section, value) in document.get_ref() {
        let origin = at(section.span().start);
        let name = section.get_ref().as_ref();
        if !SECTIONS.iter().any(|(known, _)| *known == name) {
            return Err(unknown_section(origin, name));
        }
        let DeValue::Table(table) = value.get_ref() else {
            return Err(Error::Form { origin, reason: format!("\"{name}\" is a section: write [{name}]") });
        };
        for (key, value) in table {
            let origin = at(key.span().start);
            let spec = find(name, key.get_ref());
            let spec = spec.ok_or_else(|| unknown_option(origin.clone(), name, key.get_ref()))?;
            sink(spec, plain_text(spec, value, &origin)?, origin)?;
        }
    }
    Ok(())
}

/// The text form of a value: strings as they are, whole numbers and booleans as they print.
fn plain_text(spec: &'static Spec, value: &Spanned<DeValue<'_>>, origin: &Origin) -> Result<String, Error> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| Error::Value {
                origin: origin.clone(),
                spec,
                value: number.as_str().to_owned(),
                reason: "the number is too large".to_owned(),
            }),
        other => Err(Error::Form {
            origin: origin.clone(),
            reason: format!("{} cannot be {}; allowed: {}", spec.name(), article(other), spec.allowed()),
        }),
    }
}

const fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Float(_) => "a fraction",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        _ => "a table",
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    text[..byte.min(text.len())].matches('\n').count() + 1
}
