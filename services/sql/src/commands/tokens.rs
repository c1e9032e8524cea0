//! PostgreSQL's lexical structure, as far as statements about the session need it: where statements end, and their words.

use bole_sql_types::{Error, Result, SqlState};

use crate::limits::TOKENS_MAX;

/// A token of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word without quotes, in small letters.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// A string literal's value.
    Text(String),
    /// Digits, a point, an exponent.
    Number(String),
    /// `$1`.
    Parameter(String),
    /// Any other character.
    Symbol(char),
}

/// A token and the bytes of the text that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    /// The token.
    pub token: Token,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// A position for clients: in characters, the first is 1.
pub(crate) fn position(text: &str, byte: usize) -> u32 {
    text[..byte.min(text.len())].chars().count() as u32 + 1
}

/// A syntax error at a token, or at the end of the text.
pub(crate) fn syntax_error(text: &str, at: usize, end: usize) -> Error {
    let message = match text.get(at..end).filter(|near| !near.is_empty()) {
        Some(near) => format!("syntax error at or near \"{near}\""),
        None => "syntax error at end of input".to_owned(),
    };
    Error::new(SqlState::SYNTAX_ERROR, message).at(position(text, at))
}

/// The statements in a text, one after the other, so that only the tokens of one are in memory.
pub(crate) struct Statements<'a> {
    lexer: Lexer<'a>,
    tokens: usize,
    max: usize,
}

impl<'a> Statements<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { lexer: Lexer { text, at: 0 }, tokens: 0, max: TOKENS_MAX }
    }

    /// The tokens of the next statement that has any. Errors: the text is broken there (42601), or has more than [`TOKENS_MAX`] tokens (54001).
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Spanned>>> {
        let mut statement = Vec::new();
        while let Some(spanned) = self.lexer.next()? {
            self.tokens += 1;
            if self.tokens > self.max {
                let message = format!("the text has more than {} words, values and signs", self.max);
                let hint = "Use COPY or parameters for many values, or several statements.";
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, message).with_hint(hint));
            }
            if spanned.token != Token::Symbol(';') {
                statement.push(spanned);
            } else if !statement.is_empty() {
                break;
            }
        }
        Ok(Some(statement).filter(|statement| !statement.is_empty()))
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

const fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Result<Option<Spanned>> {
        self.skip_space()?;
        let start = self.at;
        if start >= self.text.len() {
            return Ok(None);
        }
        let token = match self.byte(0) {
            b'\'' => Token::Text(self.string(false)?),
            b'"' => Token::Quoted(self.quoted()?),
            b'$' if self.byte(1).is_ascii_digit() => {
                self.at += 1;
                Token::Parameter(self.while_(|byte| byte.is_ascii_digit()))
            }
            b'$' => match self.dollar_quoted()? {
                Some(text) => Token::Text(text),
                None => self.symbol(),
            },
            b'e' | b'E' if self.byte(1) == b'\'' => {
                self.at += 1;
                Token::Text(self.string(true)?)
            }
            byte if byte.is_ascii_digit() || byte == b'.' && self.byte(1).is_ascii_digit() => {
                Token::Number(self.number())
            }
            byte if begins_word(byte) => Token::Word(self.while_(continues_word).to_lowercase()),
            _ => self.symbol(),
        };
        Ok(Some(Spanned { token, start, end: self.at }))
    }

    fn symbol(&mut self) -> Token {
        let symbol = self.text[self.at..].chars().next().unwrap_or('\0');
        self.at += symbol.len_utf8();
        Token::Symbol(symbol)
    }

    fn while_(&mut self, belongs: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while self.at < self.text.len() && belongs(self.byte(0)) {
            self.at += 1;
        }
        self.text[start..self.at].to_owned()
    }

    fn number(&mut self) -> String {
        let start = self.at;
        let _digits = self.while_(|byte| byte.is_ascii_digit() || byte == b'.');
        let exponent = matches!(self.byte(0), b'e' | b'E')
            && (self.byte(1).is_ascii_digit()
                || matches!(self.byte(1), b'+' | b'-') && self.byte(2).is_ascii_digit());
        if exponent {
            self.at += 2;
            let _digits = self.while_(|byte| byte.is_ascii_digit());
        }
        self.text[start..self.at].to_owned()
    }

    fn unterminated(&self, what: &str, start: usize) -> Error {
        let message = format!("unterminated {what} at or near \"{}\"", &self.text[start..]);
        Error::new(SqlState::SYNTAX_ERROR, message).at(position(self.text, start))
    }

    /// Spaces and comments, which may be nested.
    fn skip_space(&mut self) -> Result<()> {
        loop {
            match (self.byte(0), self.byte(1)) {
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0c | 0x0b, _) => self.at += 1,
                (b'-', b'-') => {
                    self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
                }
                (b'/', b'*') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<()> {
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            match (self.byte(0), self.byte(1)) {
                _ if self.at >= self.text.len() => return Err(self.unterminated("/* comment", start)),
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// A string; with `escapes` a backslash escapes. What backslashes mean beyond the next character is not needed here.
    fn string(&mut self, escapes: bool) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.byte(0) {
                _ if self.at >= self.text.len() => return Err(self.unterminated("quoted string", start)),
                b'\'' if self.byte(1) == b'\'' => {
                    out.push(b'\'');
                    self.at += 2;
                }
                b'\'' => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&out).into_owned());
                }
                b'\\' if escapes && self.at + 1 < self.text.len() => {
                    out.push(match self.byte(1) {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        b'b' => 8,
                        b'f' => 12,
                        other => other,
                    });
                    self.at += 2;
                }
                byte => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn quoted(&mut self) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find('"') else {
                return Err(self.unterminated("quoted identifier", start));
            };
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if self.byte(0) != b'"' {
                return Ok(out);
            }
            out.push('"');
            self.at += 1;
        }
    }

    /// `$tag$…$tag$`; `None` if that is not what stands here.
    fn dollar_quoted(&mut self) -> Result<Option<String>> {
        let rest = &self.text[self.at..];
        let Some(tag_end) = rest[1..].find('$').map(|end| end + 2) else { return Ok(None) };
        let tag = &rest[..tag_end];
        if !tag[1..tag_end - 1].bytes().all(|byte| continues_word(byte) && byte != b'$') {
            return Ok(None);
        }
        let Some(length) = rest[tag_end..].find(tag) else {
            return Err(self.unterminated("dollar-quoted string", self.at));
        };
        let text = rest[tag_end..tag_end + length].to_owned();
        self.at += tag_end + length + tag_end;
        Ok(Some(text))
    }
}

/// Reads the tokens of one statement.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: &'a [Spanned],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the first of a statement's tokens, which are of `text`.
    pub(crate) const fn new(text: &'a str, tokens: &'a [Spanned]) -> Self {
        Self { text, tokens, at: 0 }
    }

    /// All of the text.
    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// The next token.
    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    /// The next word, if it is one without quotes.
    pub(crate) fn peek_word(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.at += usize::from(token.is_some());
        token
    }

    /// Takes these words if they come next, all or none.
    pub(crate) fn accept(&mut self, words: &[&str]) -> bool {
        let next = &self.tokens[self.at.min(self.tokens.len())..];
        let matches = next.len() >= words.len()
            && words
                .iter()
                .zip(next)
                .all(|(word, spanned)| matches!(&spanned.token, Token::Word(next) if next == word));
        if matches {
            self.at += words.len();
        }
        matches
    }

    /// Takes one of these words; which.
    pub(crate) fn accept_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().find(|word| self.accept(&[word])).copied()
    }

    /// Takes a symbol if it comes next.
    pub(crate) fn accept_symbol(&mut self, symbol: char) -> bool {
        let next = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(next);
        next
    }

    /// Takes these words. Errors: something else comes.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.accept(words) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes a symbol. Errors: something else comes.
    pub(crate) fn expect_symbol(&mut self, symbol: char) -> Result<()> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A name, quoted or not.
    pub(crate) fn name(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A whole number, with or without a sign.
    pub(crate) fn integer(&mut self) -> Result<i64> {
        let before = self.at;
        let negative = self.accept_symbol('-');
        let positive = !negative && self.accept_symbol('+');
        if let Some(Token::Number(digits)) = self.peek() {
            let number = digits.parse::<i64>().map_err(|_| self.unexpected())?;
            self.at += 1;
            Ok(if negative { -number } else { number })
        } else {
            self.at = if positive || negative { before } else { self.at };
            Err(self.unexpected())
        }
    }

    /// Whether all was taken.
    pub(crate) const fn is_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Errors: something is left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.is_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The syntax error that the next token is.
    pub(crate) fn unexpected(&self) -> Error {
        if let Some(spanned) = self.tokens.get(self.at) {
            syntax_error(self.text, spanned.start, spanned.end)
        } else {
            let end = self.tokens.last().map_or(self.text.len(), |last| last.end);
            syntax_error(self.text, end, end)
        }
    }

    /// The byte at which the next token starts.
    pub(crate) fn offset(&self) -> usize {
        let end = self.tokens.last().map_or(self.text.len(), |last| last.end);
        self.tokens.get(self.at).map_or(end, |spanned| spanned.start)
    }

    /// The text from the next token on, and the byte at which it starts.
    pub(crate) fn rest(&self) -> (&'a str, usize) {
        let start = self.offset();
        let end = self.tokens.last().map_or(start, |last| last.end.max(start));
        (&self.text[start..end], start)
    }

    /// Takes a balanced group in parentheses: its text without them, and the byte at which that starts.
    pub(crate) fn group(&mut self) -> Result<(&'a str, usize)> {
        self.expect_symbol('(')?;
        let start = self.offset();
        let mut depth = 1_usize;
        loop {
            let end = self.offset();
            match self.take() {
                Some(Token::Symbol('(')) => depth += 1,
                Some(Token::Symbol(')')) => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok((&self.text[start..end], start));
                    }
                }
                Some(_) => {}
                None => return Err(self.unexpected()),
            }
        }
    }
}

/// A name as SQL text: in double quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Result<Vec<Vec<Spanned>>> {
        let (mut statements, mut all) = (Statements::new(text), Vec::new());
        while let Some(statement) = statements.next()? {
            all.push(statement);
        }
        Ok(all)
    }

    #[test]
    fn a_text_has_so_many_tokens_at_most() {
        for (text, fits) in [("a b; c d", true), ("a, b, c", true), ("a b c;; d", false)] {
            let mut statements = Statements { max: 5, ..Statements::new(text) };
            let mut outcome = Ok(());
            while outcome.is_ok() {
                match statements.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => outcome = Err(error.state),
                }
            }
            let expected = if fits { Ok(()) } else { Err(SqlState::STATEMENT_TOO_COMPLEX) };
            assert_eq!(outcome, expected, "{text}");
        }
    }

    fn check(text: &str, expected: &[&[&str]]) {
        let found = statements(text).map(|all| {
            let shown = |statement: &Vec<Spanned>| {
                statement
                    .iter()
                    .map(|spanned| text[spanned.start..spanned.end].to_owned())
                    .collect::<Vec<_>>()
            };
            all.iter().map(shown).collect::<Vec<_>>()
        });
        assert_eq!(
            found.ok(),
            Some(expected.iter().map(|all| all.iter().map(|text| (*text).to_owned()).collect()).collect()),
            "{text}"
        );
    }

    #[test]
    fn statements_are_split() {
        check("", &[]);
        check(" ; -- nothing\n ; /* a /* b */ ; */", &[]);
        check("select 1; SELECT 'a;''b' ;", &[&["select", "1"], &["SELECT", "'a;''b'"]]);
        check(r"select E'a\';b', 'c\'; x", &[&["select", r"E'a\';b'", ",", r"'c\'"], &["x"]]);
        check("do $x$ a;$y$ $x$; $1", &[&["do", "$x$ a;$y$ $x$"], &["$1"]]);
        check("a$b 1.5e-3x \"q;\"\"r\" .5", &[&["a$b", "1.5e-3", "x", "\"q;\"\"r\"", ".5"]]);
        check("ä::text", &[&["ä", ":", ":", "text"]]);
    }

    #[test]
    fn what_does_not_end_is_an_error() {
        for (text, message, position) in [
            ("a 'b", "unterminated quoted string at or near \"'b\"", 3),
            ("ä \"b", "unterminated quoted identifier at or near \"\"b\"", 3),
            ("/* x", "unterminated /* comment at or near \"/* x\"", 1),
            ("$a$ x $a", "unterminated dollar-quoted string at or near \"$a$ x $a\"", 1),
        ] {
            let expected = Error::new(SqlState::SYNTAX_ERROR, message).at(position);
            assert_eq!(statements(text), Err(expected), "{text}");
        }
    }
}
