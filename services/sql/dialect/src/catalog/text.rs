//! Expressions as text: which columns and relations one names, and how it is rewritten when these are renamed.
//!
//! The text is what the schema's statements stored: PostgreSQL's syntax, columns of one table by their bare names, relations as
//! `'schema.name'::regclass`. So tokens are enough to find both.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::names::quote;

/// The tokens of a text of ours; none if it is not one.
fn tokens(text: &str) -> Vec<Token> {
    Tokenizer::new(&PostgreSqlDialect {}, text).with_unescape(false).tokenize().unwrap_or_default()
}

/// The name that a word means: folded unless it is quoted.
fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.replace("\"\"", "\"")),
        Token::Word(word) => Some(word.value.to_ascii_lowercase()),
        _ => None,
    }
}

/// Words after which a word is a part of a type's name, of `AT TIME ZONE` or of a test's, and no column.
const NO_COLUMN_AFTER: [&str; 13] = [
    "as",
    "at",
    "bit",
    "character",
    "collate",
    "double",
    "interval",
    "is",
    "national",
    "time",
    "timestamp",
    "with",
    "without",
];

/// Words that PostgreSQL quotes in what it writes, though a column of that name needs no quotes.
const COLUMN_NAMES: [&str; 42] = [
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "dec",
    "decimal",
    "exists",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "least",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "xmlexists",
    "xmltable",
];

/// Whether a token is this word, not quoted.
fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(it) if it.quote_style.is_none() && it.value.eq_ignore_ascii_case(word))
}

/// Places of the tokens that may name a column: words that are no type, no function, no field of a date and no part of a longer name.
fn column_places(tokens: &[Token]) -> Vec<usize> {
    let solid = |place: &usize| !matches!(tokens[*place], Token::Whitespace(_));
    let places: Vec<usize> = (0..tokens.len()).filter(solid).collect();
    let is_column = |at: usize| {
        let ahead = |by: usize| at.checked_sub(by).map(|before| &tokens[places[before]]);
        let after = places.get(at + 1).map(|after| &tokens[*after]);
        if matches!(ahead(1), Some(Token::DoubleColon | Token::Period))
            || matches!(after, Some(Token::LParen | Token::Period))
        {
            return false;
        }
        let word = &tokens[places[at]];
        if matches!(word, Token::Word(word) if word.quote_style.is_some()) {
            return true;
        }
        // A column whose name is a reserved word is quoted.
        let reserved =
            name(word).is_some_and(|name| quote(&name) != name && !COLUMN_NAMES.contains(&name.as_str()));
        let part = ahead(1).is_some_and(|before| NO_COLUMN_AFTER.iter().any(|it| is_word(before, it)));
        let field = matches!(ahead(1), Some(Token::LParen))
            && ahead(2).is_some_and(|before| is_word(before, "extract"));
        let literal = matches!(after, Some(Token::SingleQuotedString(_)));
        let unit = matches!(ahead(1), Some(Token::SingleQuotedString(_)));
        !(reserved || part || field || literal || unit)
    };
    (0..places.len())
        .filter(|at| name(&tokens[places[*at]]).is_some() && is_column(*at))
        .map(|at| places[at])
        .collect()
}

/// Whether an expression over the columns of one table names this one.
pub fn names_column(text: &str, column: &str) -> bool {
    let tokens = tokens(text);
    column_places(&tokens).into_iter().any(|place| name(&tokens[place]).as_deref() == Some(column))
}

/// The expression after one of its table's columns was renamed.
pub(crate) fn rename_column(text: &str, from: &str, to: &str) -> String {
    let mut tokens = tokens(text);
    for place in column_places(&tokens) {
        if name(&tokens[place]).as_deref() == Some(from) {
            tokens[place] = Token::make_word(&quote(to), None);
        }
    }
    tokens.iter().map(ToString::to_string).collect()
}

/// Places of the strings that are cast to `regclass`.
fn regclass_places(tokens: &[Token]) -> Vec<usize> {
    let is_regclass = |window: &[Token]| matches!(window, [Token::SingleQuotedString(_), Token::DoubleColon, word] if name(word).as_deref() == Some("regclass"));
    tokens.windows(3).enumerate().filter(|(_, window)| is_regclass(window)).map(|(place, _)| place).collect()
}

/// Whether an expression names the relation, whose name is written with its schema.
pub(crate) fn names_relation(text: &str, qualified: &str) -> bool {
    let tokens = tokens(text);
    let names_it = |place: usize| matches!(&tokens[place], Token::SingleQuotedString(it) if it.replace("''", "'") == qualified);
    regclass_places(&tokens).into_iter().any(names_it)
}

/// The expression with each relation's name replaced by what `change` makes of it.
pub(crate) fn change_relations(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut tokens = tokens(text);
    for place in regclass_places(&tokens) {
        if let Token::SingleQuotedString(it) = &mut tokens[place] {
            *it = change(&it.replace("''", "'")).replace('\'', "''");
        }
    }
    tokens.iter().map(ToString::to_string).collect()
}

/// The expression after a type of the user's got another name; both are a schema's and its own.
pub(crate) fn rename_type(text: &str, from: (&str, &str), to: (&str, &str)) -> String {
    let mut tokens: Vec<Token> = tokens(text);
    let mut at = 0;
    while at + 2 < tokens.len() {
        let before = tokens[..at].iter().rev().find(|token| !matches!(token, Token::Whitespace(_)));
        let is_type = match before {
            Some(Token::DoubleColon) => true,
            Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case("as"),
            _ => false,
        };
        let here = (name(&tokens[at]), name(&tokens[at + 2]));
        let named = here.0.as_deref() == Some(from.0)
            && here.1.as_deref() == Some(from.1)
            && tokens[at + 1] == Token::Period;
        if is_type && named {
            tokens[at] = Token::make_word(&quote(to.0), None);
            tokens[at + 2] = Token::make_word(&quote(to.1), None);
        }
        at += 1;
    }
    tokens.iter().map(ToString::to_string).collect()
}

/// Whether the text has this string.
pub(crate) fn has_string(text: &str, string: &str) -> bool {
    tokens(text)
        .iter()
        .any(|token| matches!(token, Token::SingleQuotedString(it) if it.replace("''", "'") == string))
}

/// The text with one string in place of another.
pub(crate) fn change_string(text: &str, from: &str, to: &str) -> String {
    let mut tokens = tokens(text);
    for token in &mut tokens {
        if let Token::SingleQuotedString(it) = token
            && it.replace("''", "'") == from
        {
            *it = to.replace('\'', "''");
        }
    }
    tokens.iter().map(ToString::to_string).collect()
}

/// Every word of a text, folded: what a query may name.
pub(crate) fn words(text: &str) -> std::collections::BTreeSet<String> {
    tokens(text).iter().filter_map(name).collect()
}
