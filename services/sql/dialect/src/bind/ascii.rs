//! What would mean something else under a collation of ASCII (`C`, `POSIX`, `ucs_basic`): which letters have another case, and which characters are letters at all. Order is the same
//! under each collation that there is, so nothing else looks at them; what does is refused where such a collation is written at its argument.
//!
//! Not seen: a collation that is written deeper inside an argument, one of a column, and that of the type `name`. There case and classes are those of the database's locale.

use bole_sql_types::{Error, Result};
use sqlparser::ast::{self, BinaryOperator, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::names::name_of;

/// Functions of the case of letters.
const OF_CASE: [&str; 3] = ["lower", "upper", "initcap"];

fn is_ascii(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Nested(inner) => is_ascii(inner),
        ast::Expr::Collate { collation, .. } => {
            let name = collation.0.last().and_then(ast::ObjectNamePart::as_ident).map(name_of);
            matches!(name.as_deref(), Some("C" | "POSIX" | "ucs_basic"))
        }
        _ => false,
    }
}

/// Whether a pattern is known, and names neither classes nor options.
fn is_plain(pattern: &ast::Expr) -> bool {
    match pattern {
        ast::Expr::Nested(inner) | ast::Expr::Collate { expr: inner, .. } => is_plain(inner),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => {
                !["[:", "(?", "\\", "***"].iter().any(|special| text.contains(special))
            }
            _ => false,
        },
        _ => false,
    }
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!("{what} under a collation of ASCII"))
}

/// Refuses an operator. Errors: 0A000.
pub(super) fn check_operator(operator: &BinaryOperator, left: &ast::Expr, right: &ast::Expr) -> Result<()> {
    use BinaryOperator as O;
    let depends = match operator {
        O::PGRegexIMatch | O::PGRegexNotIMatch | O::PGILikeMatch | O::PGNotILikeMatch => true,
        O::PGRegexMatch | O::PGRegexNotMatch => !is_plain(right),
        _ => false,
    };
    if depends && (is_ascii(left) || is_ascii(right)) {
        return Err(refused(&format!("operator {operator}")));
    }
    Ok(())
}

/// Refuses `ILIKE`. Errors: 0A000.
pub(super) fn check_ilike(of: &ast::Expr, pattern: &ast::Expr) -> Result<()> {
    if is_ascii(of) || is_ascii(pattern) { Err(refused("ILIKE")) } else { Ok(()) }
}

/// Refuses a call. Errors: 0A000.
pub(super) fn check_call(name: &str, arguments: &FunctionArguments) -> Result<()> {
    let is_regex = name.starts_with("regexp_");
    let FunctionArguments::List(list) = arguments else { return Ok(()) };
    if !is_regex && !OF_CASE.contains(&name) {
        return Ok(());
    }
    let values = list.args.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    let values: Vec<&ast::Expr> = values.collect();
    let is_known = is_regex && values.len() <= 3 && values.get(1).is_some_and(|pattern| is_plain(pattern));
    if !is_known && values.iter().any(|value| is_ascii(value)) {
        return Err(refused(&format!("function {name}")));
    }
    Ok(())
}
