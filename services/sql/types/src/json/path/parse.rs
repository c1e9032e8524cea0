//! Reads paths.

use std::borrow::Cow;

use super::{Method, Node, Operator, Path, Step};
use crate::json::Json;
use crate::numeric::Numeric;
use crate::text::is_space;
use crate::{Error, Result, SqlState};

/// How deeply brackets may be nested, and how many steps a path may have.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name or keyword.
    Word(String),
    Text(String),
    Number(String),
    Variable(String),
    /// An operator or bracket.
    Symbol(&'static str),
}

/// Longer symbols come before what they begin with.
const SYMBOLS: [&str; 28] = [
    "**", "&&", "||", "==", "!=", "<>", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[",
    "]", "{", "}", ".", ",", "?", "@", "$", ":",
];

fn syntax(near: &str) -> Error {
    let message = if near.is_empty() {
        "syntax error at end of jsonpath input".to_owned()
    } else {
        format!("syntax error at or near \"{near}\" of jsonpath input")
    };
    Error::new(SqlState::SYNTAX_ERROR, message)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => {
                let (text, length) = string(rest)?;
                tokens.push(Token::Text(text));
                length
            }
            '0'..='9' => number(rest, &mut tokens)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) && !after_item(&tokens) => {
                number(rest, &mut tokens)?
            }
            '$' if rest[1..].starts_with('"') => {
                let (name, length) = string(&rest[1..])?;
                tokens.push(Token::Variable(name));
                length + 1
            }
            '$' if rest[1..].starts_with(is_word) => {
                let end = rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |end| end + 1);
                tokens.push(Token::Variable(rest[1..end].to_owned()));
                end
            }
            c if is_word(c) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                if rest[end..].starts_with('\\') {
                    return Err(Error::unsupported("an escape in a name of a jsonpath"));
                }
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            '{' if matches!(tokens.last(), Some(Token::Symbol("**"))) => {
                return Err(Error::unsupported(".** with limits in a jsonpath"));
            }
            _ if rest.starts_with("/*") => return Err(Error::unsupported("a comment in a jsonpath")),
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| syntax(&c.to_string()))?;
                tokens.push(Token::Symbol(symbol));
                symbol.len()
            }
        };
        rest = rest[length..].trim_start_matches(is_space);
    }
    Ok(tokens)
}

fn after_item(tokens: &[Token]) -> bool {
    matches!(
        tokens.last(),
        Some(
            Token::Word(_)
                | Token::Text(_)
                | Token::Number(_)
                | Token::Variable(_)
                | Token::Symbol(")" | "]" | "$" | "@" | "*")
        )
    )
}

fn number(rest: &str, tokens: &mut Vec<Token>) -> Result<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(rest);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end += 1 + digits(&rest[end + 1..]);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['-', '+']));
        let exponent = digits(&rest[end + 1 + sign..]);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let junk = rest[end..].chars().next().filter(|c| is_word(*c));
    if junk.is_some() || (rest.starts_with('0') && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        let near: String = rest[..end].chars().chain(junk).collect();
        let message = format!("trailing junk after numeric literal at or near \"{near}\" of jsonpath input");
        return Err(Error::new(SqlState::SYNTAX_ERROR, message));
    }
    tokens.push(Token::Number(Numeric::parse(&rest[..end])?.to_string()));
    Ok(end)
}

/// A string in quotes, and its length with them.
fn string(rest: &str) -> Result<(String, usize)> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => {
                if !matches!(c, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')
                    || rest[at + 1..].starts_with('{')
                {
                    return Err(Error::unsupported("such an escape in a jsonpath"));
                }
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {
                let Json::String(text) = crate::json::parse(&rest[..=at])? else { break };
                return Ok((text.into_owned(), at + 1));
            }
            _ => {}
        }
    }
    Err(syntax(""))
}

pub(super) fn parse(text: &str) -> Result<Path> {
    let mut parser =
        Parser { tokens: tokens(text)?, at: 0, depth: 0, strict: false, filters: 0, brackets: 0 };
    if parser.tokens.is_empty() {
        return Err(crate::text::invalid(crate::Type::JSONPATH, text));
    }
    let strict = parser.take_word("strict");
    parser.strict = strict;
    if !strict {
        parser.take_word("lax");
    }
    let root = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.unexpected());
    }
    Ok(Path { strict, root })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    strict: bool,
    /// How many filters and subscripts are around.
    filters: usize,
    brackets: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn unexpected(&self) -> Error {
        match self.peek() {
            None => syntax(""),
            Some(Token::Word(text) | Token::Text(text) | Token::Number(text) | Token::Variable(text)) => {
                syntax(text)
            }
            Some(Token::Symbol(text)) => syntax(text),
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(text)) if *text == symbol);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Sides that are predicates, or that are not.
    fn binary(&self, operator: Operator, a: Node, b: Node, predicates: bool) -> Result<Node> {
        if a.is_predicate() != predicates || b.is_predicate() != predicates {
            return Err(self.unexpected());
        }
        Ok(Node::Binary(operator, Box::new(a), Box::new(b)))
    }

    fn or(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        let mut left = self.and()?;
        while self.take("||") {
            let right = self.and()?;
            left = self.binary(Operator::Or, left, right, true)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Node> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            let right = self.comparison()?;
            left = self.binary(Operator::And, left, right, true)?;
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Node> {
        let left = self.sum()?;
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (symbol, operator) in operators {
            if self.take(symbol) {
                let right = self.sum()?;
                return self.binary(operator, left, right, false);
            }
        }
        if self.take_word("starts") {
            if !self.take_word("with") || left.is_predicate() {
                return Err(self.unexpected());
            }
            let prefix = match self.peek() {
                Some(Token::Text(text)) => Node::Literal(Json::String(Cow::Owned(text.clone()))),
                Some(Token::Variable(name)) => Node::Variable(name.clone()),
                _ => return Err(self.unexpected()),
            };
            self.at += 1;
            return self.binary(Operator::StartsWith, left, prefix, false);
        }
        if self.take_word("like_regex") {
            return Err(Error::unsupported("like_regex in a jsonpath"));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Node> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.take("+") => Operator::Add,
                () if self.take("-") => Operator::Subtract,
                () => return Ok(left),
            };
            let right = self.product()?;
            left = self.binary(operator, left, right, false)?;
        }
    }

    fn product(&mut self) -> Result<Node> {
        let mut left = self.unary()?;
        loop {
            let operator = match () {
                () if self.take("*") => Operator::Multiply,
                () if self.take("/") => Operator::Divide,
                () if self.take("%") => Operator::Modulo,
                () => return Ok(left),
            };
            let right = self.unary()?;
            left = self.binary(operator, left, right, false)?;
        }
    }

    fn unary(&mut self) -> Result<Node> {
        let mut signs = Vec::new();
        loop {
            if self.take("-") {
                signs.push(true);
            } else if self.take("+") {
                signs.push(false);
            } else {
                break;
            }
            if signs.len() > DEPTH_MAX {
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
            }
        }
        let mut node = self.item()?;
        if !signs.is_empty() && node.is_predicate() {
            return Err(self.unexpected());
        }
        for minus in signs.into_iter().rev() {
            node = match node {
                Node::Literal(Json::Number(text)) if minus => {
                    Node::Literal(Json::Number(Cow::Owned(crate::numeric::operators::negate(&text)?)))
                }
                Node::Literal(Json::Number(text)) => Node::Literal(Json::Number(text)),
                node => Node::Signed(minus, Box::new(node)),
            };
        }
        Ok(node)
    }

    /// Something with steps behind it.
    fn item(&mut self) -> Result<Node> {
        let node = self.primary()?;
        if node.is_predicate() {
            // `(a == b)` is no item.
            return Ok(node);
        }
        self.steps(node)
    }

    fn primary(&mut self) -> Result<Node> {
        if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            if inner.is_predicate() && self.take_word("is") {
                return if self.take_word("unknown") {
                    Ok(Node::IsUnknown(Box::new(inner)))
                } else {
                    Err(self.unexpected())
                };
            }
            if inner.is_predicate() && matches!(self.peek(), Some(Token::Symbol("." | "[" | "?"))) {
                return Err(Error::unsupported("a step behind a predicate of a jsonpath"));
            }
            return Ok(inner);
        }
        if self.take("!") {
            let start = self.at;
            let inner = self.primary()?;
            let delimited = matches!(self.tokens.get(start), Some(Token::Symbol("(" | "!") | Token::Word(_)));
            return if inner.is_predicate() && delimited {
                Ok(Node::Not(Box::new(inner)))
            } else {
                Err(self.unexpected())
            };
        }
        if self.take("$") {
            return Ok(Node::Root);
        }
        if self.take("@") {
            if self.filters == 0 {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "@ is not allowed in root expressions"));
            }
            return Ok(Node::Current);
        }
        let node = match self.peek().cloned() {
            Some(Token::Text(text)) => Node::Literal(Json::String(Cow::Owned(text))),
            Some(Token::Number(text)) => Node::Literal(Json::Number(Cow::Owned(text))),
            Some(Token::Variable(name)) => Node::Variable(name),
            Some(Token::Word(word)) => match &*word {
                "true" => Node::Literal(Json::Bool(true)),
                "false" => Node::Literal(Json::Bool(false)),
                "null" => Node::Literal(Json::Null),
                word if word.eq_ignore_ascii_case("last") && self.brackets == 0 => {
                    let message = "LAST is allowed only in array subscripts";
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
                word if word.eq_ignore_ascii_case("last") => Node::Last,
                word if word.eq_ignore_ascii_case("exists") => {
                    self.at += 1;
                    self.expect("(")?;
                    let inner = self.or()?;
                    self.expect(")")?;
                    return if inner.is_predicate() {
                        Err(self.unexpected())
                    } else {
                        Ok(Node::Exists(Box::new(inner)))
                    };
                }
                _ => return Err(self.unexpected()),
            },
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(node)
    }

    fn steps(&mut self, mut node: Node) -> Result<Node> {
        let mut count = 0;
        loop {
            let step = if self.take(".") {
                self.after_point()?
            } else if self.take("[") {
                self.subscripts()?
            } else if self.take("?") {
                self.expect("(")?;
                self.filters += 1;
                let predicate = self.or()?;
                self.filters -= 1;
                self.expect(")")?;
                if !predicate.is_predicate() {
                    return Err(self.unexpected());
                }
                Step::Filter(Box::new(predicate))
            } else {
                return Ok(node);
            };
            count += 1;
            if count > DEPTH_MAX {
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
            }
            node = Node::Step(Box::new(node), step);
        }
    }

    fn after_point(&mut self) -> Result<Step> {
        if self.take("**") {
            if self.strict {
                return Err(Error::unsupported(".** in a strict jsonpath"));
            }
            return Ok(Step::AnyLevel);
        }
        if self.take("*") {
            return Ok(Step::AnyMember);
        }
        let name = match self.peek().cloned() {
            Some(Token::Text(name)) => {
                self.at += 1;
                return Ok(Step::Member(name));
            }
            Some(Token::Word(name)) => name,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        if !self.take("(") {
            return Ok(Step::Member(name));
        }
        let method = Method::ALL.iter().find(|method| name.eq_ignore_ascii_case(method.0));
        let method =
            method.ok_or_else(|| Error::unsupported(format!("the method {name}() of a jsonpath")))?;
        self.expect(")")?;
        Ok(Step::Method(method.1))
    }

    fn subscripts(&mut self) -> Result<Step> {
        if self.take("*") {
            self.expect("]")?;
            return Ok(Step::AnyElement);
        }
        let mut subscripts = Vec::new();
        self.brackets += 1;
        loop {
            let from = self.or()?;
            let to = if self.take_word("to") { Some(self.or()?) } else { None };
            if from.is_predicate() || to.as_ref().is_some_and(Node::is_predicate) {
                return Err(self.unexpected());
            }
            subscripts.push((from, to));
            if !self.take(",") {
                self.expect("]")?;
                self.brackets -= 1;
                return Ok(Step::Elements(subscripts));
            }
        }
    }
}
