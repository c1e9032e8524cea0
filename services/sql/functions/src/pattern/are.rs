//! PostgreSQL's regular expressions (`AREs`, its manual's section 9.7.3) in the syntax of the crate `regex`.
//!
//! What that crate cannot do is refused: back references and lookaround. So are basic regular expressions.

use std::iter::Peekable;
use std::str::Chars;

use bole_sql_types::{Error, Result, SqlState};

use super::class;

#[expect(clippy::struct_excessive_bools, reason = "each is a letter")]
/// What letters after a pattern, or in `(?…)` before it, ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Every match, not the first alone: `g`.
    pub(crate) global: bool,
    /// Case makes no difference: `i`.
    pub(crate) insensitive: bool,
    /// Spaces and comments in the pattern are skipped: `x`.
    expanded: bool,
    /// The pattern is plain text: `q`.
    literal: bool,
    /// `.` and sets that exclude leave newlines out: `n`, `p`.
    newline_stops: bool,
    /// `^` and `$` match at newlines too: `n`, `w`.
    newline_anchors: bool,
}

impl Flags {
    /// Reads the letters of a function's argument. Errors: 22023; 0A000 for `b`.
    pub(crate) fn parse(letters: &str) -> Result<Self> {
        let mut flags = Self::default();
        for (at, letter) in letters.char_indices() {
            if letter == 'g' {
                flags.global = true;
            } else if !flags.set(letter)? {
                let message = format!("invalid regular expression option: \"{}\"", &letters[at..]);
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, one_character(&message, letter)));
            }
        }
        Ok(flags)
    }

    fn set(&mut self, letter: char) -> Result<bool> {
        match letter {
            'b' => return Err(Error::unsupported("a basic regular expression")),
            'c' => self.insensitive = false,
            'e' => self.literal = false,
            'i' => self.insensitive = true,
            'm' | 'n' => (self.newline_stops, self.newline_anchors) = (true, true),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'q' => self.literal = true,
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            't' => self.expanded = false,
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The message names one letter only.
fn one_character(message: &str, letter: char) -> String {
    let cut = message.find('"').map_or(message, |at| &message[..at]);
    format!("{cut}\"{letter}\"")
}

/// A pattern in the other syntax.
#[derive(Debug)]
pub(crate) struct Translated {
    /// For the crate `regex`.
    pub(crate) pattern: String,
    /// How many groups capture.
    pub(crate) groups: usize,
    /// How the match is chosen among those that begin at the same place.
    pub(crate) preference: Preference,
    /// It has `|` outside of brackets.
    pub(crate) alternatives: bool,
    /// How many quantifiers it has.
    pub(crate) quantifiers: usize,
}

/// Which of several matches at one place is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The longest.
    Longest,
    /// The shortest: every quantifier is reluctant.
    Shortest,
    /// PostgreSQL has a rule for patterns with both kinds of quantifiers that this crate does not follow.
    Mixed,
}

fn invalid(what: &str) -> Error {
    Error::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {what}"))
}

/// Translates a pattern. Errors: 2201B; 0A000 for what cannot be done.
pub(crate) fn translate(pattern: &str, mut flags: Flags) -> Result<Translated> {
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        (flags.literal, rest) = (true, literal);
    } else if let Some(after) = rest.strip_prefix("***:") {
        rest = after;
    } else if rest.starts_with("***") {
        return Err(invalid("quantifier operand invalid"));
    }
    if !flags.literal {
        rest = embedded(rest, &mut flags)?;
    }
    let mut out = String::from(if flags.insensitive { "(?i)" } else { "" });
    if flags.literal {
        out += &escape_text(rest);
        return Ok(Translated {
            pattern: out,
            groups: 0,
            preference: Preference::Longest,
            alternatives: false,
            quantifiers: 0,
        });
    }
    let mut reader = Reader {
        rest: rest.chars().peekable(),
        out,
        flags,
        depth: 0,
        groups: 0,
        quantifiers: 0,
        greedy: false,
        reluctant: false,
        alternatives: false,
    };
    reader.pattern()?;
    let preference = match (reader.greedy, reader.reluctant) {
        (_, false) => Preference::Longest,
        (false, true) if !reader.alternatives => Preference::Shortest,
        _ => Preference::Mixed,
    };
    Ok(Translated {
        pattern: reader.out,
        groups: reader.groups,
        preference,
        alternatives: reader.alternatives,
        quantifiers: reader.quantifiers,
    })
}

/// `(?letters)` at the beginning.
fn embedded<'a>(pattern: &'a str, flags: &mut Flags) -> Result<&'a str> {
    let Some(inside) = pattern.strip_prefix("(?") else { return Ok(pattern) };
    let Some((letters, rest)) = inside.split_once(')') else { return Ok(pattern) };
    if letters.is_empty() || !letters.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok(pattern);
    }
    for letter in letters.chars() {
        if !flags.set(letter)? {
            return Err(invalid("invalid embedded option"));
        }
    }
    Ok(rest)
}

fn escape_text(text: &str) -> String {
    text.chars().map(escape_char).collect()
}

fn escape_char(c: char) -> String {
    if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    flags: Flags,
    depth: usize,
    groups: usize,
    quantifiers: usize,
    greedy: bool,
    reluctant: bool,
    alternatives: bool,
}

/// What was read last, as far as a quantifier cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing, or a constraint or quantifier: no quantifier may follow.
    Nothing,
    Atom,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Result<()> {
        let mut last = Last::Nothing;
        while let Some(c) = self.rest.next() {
            last = match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.alternatives = true;
                    self.out.push('|');
                    Last::Nothing
                }
                '*' | '+' | '?' => self.quantifier(&c.to_string(), last)?,
                '{' if self.rest.peek().is_some_and(char::is_ascii_digit) => {
                    let count = self.count()?;
                    self.quantifier(&count, last)?
                }
                '^' => self.put(if self.flags.newline_anchors { "(?m:^)" } else { "\\A" }, Last::Nothing),
                '$' => self.put(if self.flags.newline_anchors { "(?m:$)" } else { "\\z" }, Last::Nothing),
                '.' => self.put(if self.flags.newline_stops { "[^\\n]" } else { "(?s:.)" }, Last::Atom),
                '[' => self.brackets()?,
                '\\' => self.escape()?,
                _ if self.flags.expanded && self.skipped(c) => last,
                _ => {
                    self.out += &escape_char(c);
                    Last::Atom
                }
            };
        }
        if self.depth > 0 {
            return Err(invalid("parentheses () not balanced"));
        }
        Ok(())
    }

    fn put(&mut self, text: &str, last: Last) -> Last {
        self.out.push_str(text);
        last
    }

    fn set(&mut self, open: &str, members: &str) -> Last {
        self.out.push_str(open);
        self.out.push_str(members);
        self.put("]", Last::Atom)
    }

    /// A space, or a comment, whose rest is read too.
    fn skipped(&mut self, c: char) -> bool {
        if c == '#' {
            while self.rest.next_if(|c| *c != '\n').is_some() {}
        }
        c == '#' || c.is_ascii_whitespace()
    }

    fn open(&mut self) -> Result<Last> {
        self.depth += 1;
        if self.rest.next_if_eq(&'?').is_none() {
            self.groups += 1;
            return Ok(self.put("(", Last::Nothing));
        }
        match self.rest.next() {
            Some(':') => Ok(self.put("(?:", Last::Nothing)),
            Some('=' | '!' | '<') => Err(Error::unsupported("lookaround in a regular expression")),
            Some('#') => {
                while self.rest.next().is_some_and(|c| c != ')') {}
                self.depth -= 1;
                Ok(Last::Nothing)
            }
            _ => Err(invalid("quantifier operand invalid")),
        }
    }

    fn close(&mut self) -> Result<Last> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| invalid("parentheses () not balanced"))?;
        Ok(self.put(")", Last::Atom))
    }

    fn quantifier(&mut self, text: &str, last: Last) -> Result<Last> {
        if last == Last::Nothing {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.push_str(text);
        self.quantifiers += 1;
        // A fixed count prefers nothing.
        let fixed = text.starts_with('{') && !text.contains(',');
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
            self.reluctant = true;
        } else if !fixed {
            self.greedy = true;
        }
        Ok(Last::Nothing)
    }

    /// `{m}`, `{m,}`, `{m,n}`; the brace is read already.
    fn count(&mut self) -> Result<String> {
        let mut text = String::from("{");
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) if c.is_ascii_digit() || c == ',' => text.push(c),
                Some(_) => return Err(invalid("invalid repetition count(s)")),
                None => return Err(invalid("braces {} not balanced")),
            }
        }
        let bad = || invalid("invalid repetition count(s)");
        let bound = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= 255).ok_or_else(bad);
        let inside = text[1..].to_owned();
        match inside.split_once(',') {
            None => {
                bound(&inside)?;
            }
            Some((least, "")) => {
                bound(least)?;
            }
            Some((least, most)) => {
                if bound(least)? > bound(most)? {
                    return Err(bad());
                }
                if least == most {
                    return Ok(format!("{{{least}}}"));
                }
            }
        }
        text.push('}');
        Ok(text)
    }

    fn escape(&mut self) -> Result<Last> {
        let Some(c) = self.rest.next() else { return Err(invalid("invalid escape \\ sequence")) };
        Ok(match c {
            'A' => self.put("\\A", Last::Nothing),
            'Z' => self.put("\\z", Last::Nothing),
            'm' => self.put("\\b{start}", Last::Nothing),
            'M' => self.put("\\b{end}", Last::Nothing),
            'y' => self.put("\\b", Last::Nothing),
            'Y' => self.put("\\B", Last::Nothing),
            'd' | 'w' | 's' => self.set("[", shorthand(c)),
            'D' | 'W' | 'S' => self.set("[^", shorthand(c)),
            '1'..='9' => return Err(Error::unsupported("a back reference in a regular expression")),
            _ => {
                let c = self.escaped_character(c)?;
                self.out += &escape_char(c);
                Last::Atom
            }
        })
    }

    /// The character that `\c…` stands for.
    fn escaped_character(&mut self, c: char) -> Result<char> {
        let bad = || invalid("invalid escape \\ sequence");
        Ok(match c {
            'a' => '\x07',
            'b' => '\x08',
            'B' => '\\',
            'c' => char::from((self.rest.next().ok_or_else(bad)? as u32 & 0x1f) as u8),
            'e' => '\x1b',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'u' => self.coded(16, 4, 4)?,
            'U' => self.coded(16, 8, 8)?,
            'x' => self.coded(16, 1, 255)?,
            '0' => self.coded(8, 0, 2)?,
            _ if c.is_ascii_alphanumeric() => return Err(bad()),
            _ => c,
        })
    }

    fn coded(&mut self, radix: u32, least: usize, most: usize) -> Result<char> {
        let mut value = 0_u32;
        let mut count = 0;
        while count < most {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(radix)) else { break };
            self.rest.next();
            value = value.wrapping_mul(radix).wrapping_add(digit);
            count += 1;
        }
        if count < least {
            return Err(invalid("invalid escape \\ sequence"));
        }
        char::from_u32(value).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    fn brackets(&mut self) -> Result<Last> {
        let rest: String = self.rest.clone().collect();
        for (text, boundary) in [("[:<:]]", "\\b{start}"), ("[:>:]]", "\\b{end}")] {
            if rest.starts_with(text) {
                self.rest.nth(text.len() - 1);
                return Ok(self.put(boundary, Last::Nothing));
            }
        }
        let excludes = self.rest.next_if_eq(&'^').is_some();
        let mut set = String::new();
        let mut first = true;
        loop {
            match self.rest.next() {
                None => return Err(invalid("brackets [] not balanced")),
                Some(']') if !first => break,
                Some(c) => self.member(c, &mut set)?,
            }
            first = false;
        }
        if excludes && self.flags.newline_stops {
            set.push_str("\\n");
        }
        Ok(self.set(if excludes { "[^" } else { "[" }, &set))
    }

    /// A character, a range or a class of a set.
    fn member(&mut self, c: char, set: &mut String) -> Result<()> {
        let start = match c {
            '[' if self.rest.peek() == Some(&':') => {
                let name = self.named(':')?;
                // Where case makes no difference, the letters of one case are all letters, caseless ones too.
                let either = self.flags.insensitive && matches!(name.as_str(), "lower" | "upper");
                let name = if either { "alpha" } else { name.as_str() };
                set.push_str(class::named(name).ok_or_else(|| invalid("invalid character class"))?);
                return Ok(());
            }
            '\\' => match self.rest.next() {
                Some(kind @ ('d' | 'w' | 's')) => {
                    set.push_str(shorthand(kind));
                    return Ok(());
                }
                Some('D' | 'W' | 'S' | 'A' | 'Z' | 'm' | 'M' | 'y' | 'Y' | '1'..='9') | None => {
                    return Err(invalid("invalid escape \\ sequence"));
                }
                Some(escaped) => self.escaped_character(escaped)?,
            },
            _ => self.element(c)?,
        };
        set.push_str(&escape_char(start));
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.next(), Some(']') | None) {
            return Ok(());
        }
        self.rest.next();
        let end = match self.rest.next() {
            Some('\\') => {
                let escaped = self.rest.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                self.escaped_character(escaped)?
            }
            Some(c) => self.element(c)?,
            None => return Err(invalid("brackets [] not balanced")),
        };
        if end < start {
            return Err(invalid("invalid character range"));
        }
        set.push('-');
        set.push_str(&escape_char(end));
        Ok(())
    }

    /// A character, or `[.name.]`, or `[=character=]`.
    fn element(&mut self, c: char) -> Result<char> {
        match (c, self.rest.peek().copied()) {
            ('[', Some(kind @ ('.' | '='))) => {
                let name = self.named(kind)?;
                class::character(&name).ok_or_else(|| invalid("invalid collating element"))
            }
            _ => Ok(c),
        }
    }

    /// The name between `[:` and `:]`; the first bracket is read already.
    fn named(&mut self, mark: char) -> Result<String> {
        self.rest.next();
        let mut name = String::new();
        while let Some(c) = self.rest.next() {
            if c == mark && self.rest.next_if_eq(&']').is_some() {
                return Ok(name);
            }
            name.push(c);
        }
        Err(invalid("brackets [] not balanced"))
    }
}

fn shorthand(kind: char) -> &'static str {
    match kind {
        'd' | 'D' => class::DIGIT,
        'w' | 'W' => class::WORD,
        _ => class::SPACE,
    }
}
