//! `FETCH FIRST (expression) ROWS`, of which the parser library reads a bare number only. With ONLY it says what LIMIT says, so it becomes that.

use sqlparser::keywords::Keyword;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

/// Whether a token is one of these words.
fn is_word(token: &Token, keywords: &[Keyword]) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && keywords.contains(&word.keyword))
}

/// The place of the next token that is no space, from a place on.
fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}

/// The parenthesis that closes the one at a place.
fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The places of `FETCH`, `FIRST`, both parentheses, `ROWS` and what follows.
fn clause(tokens: &[TokenWithSpan], fetch: usize) -> Option<[usize; 6]> {
    let is = |at: usize, keywords: &[Keyword]| is_word(&tokens[at].token, keywords).then_some(at);
    let first = is(next(tokens, fetch + 1)?, &[Keyword::FIRST, Keyword::NEXT])?;
    let open = next(tokens, first + 1).filter(|at| tokens[*at].token == Token::LParen)?;
    let close = closing(tokens, open)?;
    let rows = is(next(tokens, close + 1)?, &[Keyword::ROW, Keyword::ROWS])?;
    let last = is(next(tokens, rows + 1)?, &[Keyword::ONLY, Keyword::WITH])?;
    Some([fetch, first, open, close, rows, last])
}

/// A number or parameter that is all that the parentheses have, but for a cast to an integer.
fn bare(inside: &[TokenWithSpan]) -> Option<Token> {
    let mut parts = inside.iter().map(|it| &it.token).filter(|it| !matches!(it, Token::Whitespace(_)));
    let value = parts.next().filter(|it| matches!(it, Token::Number(..) | Token::Placeholder(_)))?;
    let integers = [Keyword::INT, Keyword::INTEGER, Keyword::BIGINT, Keyword::INT4, Keyword::INT8];
    let is_cast = match (parts.next(), parts.next()) {
        (None, _) => true,
        (Some(Token::DoubleColon), Some(ty)) => is_word(ty, &integers),
        _ => false,
    };
    (is_cast && parts.next().is_none()).then(|| value.clone())
}

/// The tokens with LIMIT in place of such clauses. Places in the text stay what they were. Errors: WITH TIES of a larger expression.
pub(super) fn as_limit(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, ParserError> {
    let space = || Token::Whitespace(Whitespace::Space);
    for fetch in 0..tokens.len() {
        if !is_word(&tokens[fetch].token, &[Keyword::FETCH]) {
            continue;
        }
        let Some([fetch, first, open, close, rows, last]) = clause(&tokens, fetch) else { continue };
        if is_word(&tokens[last].token, &[Keyword::ONLY]) {
            tokens[fetch].token = Token::make_keyword("LIMIT");
            for at in [first, rows, last] {
                tokens[at].token = space();
            }
            continue;
        }
        let Some(value) = bare(&tokens[open + 1..close]) else {
            return Err(super::refused("an expression in FETCH FIRST … WITH TIES"));
        };
        tokens[open].token = value;
        for token in &mut tokens[open + 1..=close] {
            token.token = space();
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use sqlparser::tokenizer::Tokenizer;

    use super::*;
    use crate::parse::Grammar;

    #[test]
    fn clauses_become_limits() {
        for (text, expected) in [
            ("SELECT 1 FETCH FIRST (1 + (2)) ROWS ONLY", "SELECT 1 LIMIT   (1 + (2))    "),
            (
                "SELECT 1 OFFSET (1) ROWS FETCH NEXT ($1) ROW ONLY",
                "SELECT 1 OFFSET (1) ROWS LIMIT   ($1)    ",
            ),
            ("SELECT 1 FETCH FIRST (2) ROWS WITH TIES", "SELECT 1 FETCH FIRST 2   ROWS WITH TIES"),
            ("SELECT 1 FETCH FIRST ($1::INTEGER) ROW WITH TIES", "SELECT 1 FETCH FIRST $1     ROW WITH TIES"),
            ("SELECT 1 FETCH FIRST (1 + 1) ROW WITH TIES", ""),
            ("SELECT 1 FETCH FIRST 2 ROWS ONLY", "SELECT 1 FETCH FIRST 2 ROWS ONLY"),
            ("SELECT fetch FROM first (1", "SELECT fetch FROM first (1"),
            ("FETCH FIRST (1", "FETCH FIRST (1"),
            ("FETCH", "FETCH"),
        ] {
            let tokens = Tokenizer::new(&Grammar, text).tokenize_with_location().unwrap_or_default();
            let found = as_limit(tokens).unwrap_or_default();
            let found: String = found.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(found, expected);
        }
    }
}
