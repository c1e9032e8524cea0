//! Words, names and lists, as the grammar's parts read them.

use sqlparser::ast::{Expr, ObjectNamePart, Query};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::Parse;
use crate::bind::name_of;
use crate::schema::syntax::Name;

/// The place in a statement's tokens.
pub(super) struct Reader<'p, 'a> {
    /// The parser library's, for what it reads itself.
    pub(super) parser: &'p mut Parser<'a>,
}

impl<'p, 'a> Reader<'p, 'a> {
    pub(super) fn new(parser: &'p mut Parser<'a>) -> Self {
        Self { parser }
    }

    /// The word that is `ahead` tokens on, in capitals, unless it is quoted or none.
    pub(super) fn upper(&self, ahead: usize) -> Option<String> {
        match &self.parser.peek_nth_token_ref(ahead).token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Whether these words are next.
    pub(super) fn at(&self, phrase: &str) -> bool {
        phrase.split(' ').enumerate().all(|(ahead, word)| self.upper(ahead).as_deref() == Some(word))
    }

    /// Goes past these words if they are next.
    pub(super) fn eat(&mut self, phrase: &str) -> bool {
        let found = self.at(phrase);
        if found {
            phrase.split(' ').for_each(|_| drop(self.parser.next_token()));
        }
        found
    }

    pub(super) fn expect(&mut self, phrase: &str) -> Parse<()> {
        if self.eat(phrase) { Ok(()) } else { self.unexpected(phrase) }
    }

    fn symbol(symbol: char) -> Token {
        match symbol {
            '(' => Token::LParen,
            ')' => Token::RParen,
            ',' => Token::Comma,
            '.' => Token::Period,
            '*' => Token::Mul,
            '-' => Token::Minus,
            '+' => Token::Plus,
            _ => Token::Char(symbol),
        }
    }

    pub(super) fn at_symbol(&self, symbol: char) -> bool {
        self.parser.peek_token_ref().token == Self::symbol(symbol)
    }

    pub(super) fn eat_symbol(&mut self, symbol: char) -> bool {
        self.parser.consume_token(&Self::symbol(symbol))
    }

    pub(super) fn expect_symbol(&mut self, symbol: char) -> Parse<()> {
        self.parser.expect_token(&Self::symbol(symbol)).map(drop)
    }

    /// The error that what is next should have been something else.
    pub(super) fn unexpected<T>(&self, expected: &str) -> Parse<T> {
        self.parser.expected_ref(expected, self.parser.peek_token_ref())
    }

    pub(super) fn at_end(&self) -> bool {
        matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
    }

    /// Takes `WITH (fillfactor =`, all or nothing.
    pub(super) fn eat_fillfactor(&mut self) -> bool {
        let read = |parser: &mut Parser<'_>| {
            let mut reader = Reader::new(parser);
            reader.expect("WITH")?;
            reader.expect_symbol('(')?;
            reader.expect("FILLFACTOR")?;
            reader.parser.expect_token(&Token::Eq).map(drop)
        };
        self.parser.maybe_parse(read).ok().flatten().is_some()
    }

    /// Goes to the end of a statement that is not read.
    pub(super) fn skip_statement(&mut self) {
        while !self.at_end() {
            self.parser.next_token();
        }
    }

    pub(super) fn identifier(&mut self) -> Parse<String> {
        self.parser.parse_identifier().map(|ident| name_of(&ident))
    }

    pub(super) fn string(&mut self) -> Parse<String> {
        self.parser.parse_literal_string()
    }

    /// The parts of a name with points.
    fn parts(&mut self) -> Parse<Vec<String>> {
        let name = self.parser.parse_object_name(false)?;
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(name_of(ident)),
                ObjectNamePart::Function(_) => return self.unexpected("a name"),
            }
        }
        Ok(parts)
    }

    fn as_name(&self, mut parts: Vec<String>) -> Parse<Name> {
        let (Some(name), schema) = (parts.pop(), parts.pop()) else { return self.unexpected("a name") };
        if !parts.is_empty() {
            return Err(crate::parse::refused("a name with a database"));
        }
        Ok(Name { schema, name })
    }

    /// `name` or `schema.name`; with a database it is refused.
    pub(super) fn qualified(&mut self) -> Parse<Name> {
        let parts = self.parts()?;
        self.as_name(parts)
    }

    /// The same, with the `*` that says that descendants are meant too.
    pub(super) fn qualified_star(&mut self) -> Parse<Name> {
        let name = self.qualified()?;
        self.eat_symbol('*');
        Ok(name)
    }

    /// `relation.column`.
    pub(super) fn column_name(&mut self) -> Parse<(Name, String)> {
        let mut parts = self.parts()?;
        match parts.pop() {
            Some(column) if !parts.is_empty() => Ok((self.as_name(parts)?, column)),
            _ => self.unexpected("a relation and a column"),
        }
    }

    /// What `read` reads, with commas between.
    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut all = vec![read(self)?];
        while self.eat_symbol(',') {
            all.push(read(self)?);
        }
        Ok(all)
    }

    /// A list in parentheses.
    pub(super) fn enclosed<T>(&mut self, read: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        self.expect_symbol('(')?;
        let all = self.list(read)?;
        self.expect_symbol(')')?;
        Ok(all)
    }

    /// Names of columns in parentheses, if there are any.
    pub(super) fn columns(&mut self) -> Parse<Vec<String>> {
        if self.at_symbol('(') { self.enclosed(Self::identifier) } else { Ok(Vec::new()) }
    }

    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.parser.parse_expr()
    }

    /// An expression in parentheses.
    pub(super) fn enclosed_expression(&mut self) -> Parse<Expr> {
        self.expect_symbol('(')?;
        let expression = self.expression()?;
        self.expect_symbol(')')?;
        Ok(expression)
    }

    pub(super) fn query(&mut self) -> Parse<Box<Query>> {
        self.parser.parse_query()
    }

    pub(super) fn integer(&mut self) -> Parse<i64> {
        let negative = self.eat_symbol('-');
        if !negative {
            self.eat_symbol('+');
        }
        let digits = match &self.parser.peek_token_ref().token {
            Token::Number(digits, _) => digits.clone(),
            _ => return self.unexpected("an integer"),
        };
        let signed = if negative { format!("-{digits}") } else { digits };
        match signed.parse() {
            Ok(value) => {
                self.parser.next_token();
                Ok(value)
            }
            Err(_) => self.unexpected("an integer"),
        }
    }
}
