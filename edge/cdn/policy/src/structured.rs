//! Structured fields (RFC 8941, with the dates of RFC 9651): dictionaries, as far as a cache needs them. Parameters are checked and
//! dropped.

/// Members of a dictionary are at most this many; more is an error (the RFC asks for 1,024 at least).
pub const MEMBERS_MAX: usize = 1_024;

/// A value without parameters (RFC 8941 §3.3, RFC 9651 §3.3.7).
#[derive(Clone, Debug, PartialEq)]
pub enum Bare {
    /// At most 15 digits.
    Integer(i64),
    /// At most 12 digits, a point, 1 to 3 digits.
    Decimal(f64),
    /// Printable ASCII in double quotes.
    String(String),
    /// A token.
    Token(String),
    /// Base64 between colons, not decoded: no directive takes it.
    Bytes(String),
    /// `?0` or `?1`.
    Boolean(bool),
    /// `@` and seconds.
    Date(i64),
}

/// A member's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One value.
    Item(Bare),
    /// Several values in parentheses.
    List(Vec<Bare>),
}

/// A dictionary: members in order of their first appearance, the last value of each.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Dictionary {
    /// Keys and values.
    pub members: Vec<(String, Value)>,
}

/// The text is not a structured field; where that showed, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(pub usize);

impl Dictionary {
    /// Reads a dictionary (RFC 8941 §4.2.2). An empty text is an empty dictionary.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut input = Input { bytes: text.as_bytes(), at: 0 };
        let mut dictionary = Self::default();
        input.skip(b" ");
        while input.peek().is_some() {
            let key = input.key()?;
            let value = if input.take(b'=') { input.value()? } else { Value::Item(Bare::Boolean(true)) };
            input.parameters()?;
            dictionary.set(key, value, input.at)?;
            input.skip(b" \t");
            if input.peek().is_none() {
                break;
            }
            input.expect(b',')?;
            input.skip(b" \t");
            if input.peek().is_none() {
                return Err(Invalid(input.at));
            }
        }
        Ok(dictionary)
    }

    fn set(&mut self, key: String, value: Value, at: usize) -> Result<(), Invalid> {
        // The last value of a key wins and stands where that value stood (RFC 8941 §4.2.2).
        self.members.retain(|(known, _)| *known != key);
        if self.members.len() == MEMBERS_MAX {
            return Err(Invalid(at));
        }
        self.members.push((key, value));
        Ok(())
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.take(byte) { Ok(()) } else { Err(Invalid(self.at)) }
    }

    fn skip(&mut self, set: &[u8]) {
        while self.peek().is_some_and(|byte| set.contains(&byte)) {
            self.at += 1;
        }
    }

    /// The longest run of bytes that `good` takes.
    fn run(&mut self, good: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&good) {
            self.at += 1;
        }
        // Only ASCII bytes pass the sets below.
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    fn key(&mut self) -> Result<String, Invalid> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return Err(Invalid(self.at));
        }
        Ok(self.run(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)))
    }

    fn value(&mut self) -> Result<Value, Invalid> {
        if !self.take(b'(') {
            return Ok(Value::Item(self.bare()?));
        }
        let mut items = Vec::new();
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Ok(Value::List(items));
            }
            items.push(self.bare()?);
            self.parameters()?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(Invalid(self.at));
            }
        }
    }

    fn parameters(&mut self) -> Result<(), Invalid> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.bare()?;
            }
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<Bare, Invalid> {
        match self.peek().ok_or(Invalid(self.at))? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => Ok(Bare::Token(
                self.run(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)),
            )),
            b':' => self.binary(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            _ => Err(Invalid(self.at)),
        }
    }

    fn number(&mut self) -> Result<Bare, Invalid> {
        let start = self.at;
        let sign = if self.take(b'-') { "-" } else { "" };
        let whole = self.run(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return Err(Invalid(start));
        }
        if !self.take(b'.') {
            return format!("{sign}{whole}").parse().map(Bare::Integer).map_err(|_| Invalid(start));
        }
        let part = self.run(|byte| byte.is_ascii_digit());
        if whole.len() > 12 || part.is_empty() || part.len() > 3 {
            return Err(Invalid(start));
        }
        format!("{sign}{whole}.{part}").parse().map(Bare::Decimal).map_err(|_| Invalid(start))
    }

    fn string(&mut self) -> Result<Bare, Invalid> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let byte = self.peek().ok_or(Invalid(self.at))?;
            self.at += 1;
            match byte {
                b'"' => return Ok(Bare::String(text)),
                b'\\' => match self.peek() {
                    Some(escaped @ (b'"' | b'\\')) => {
                        self.at += 1;
                        text.push(char::from(escaped));
                    }
                    _ => return Err(Invalid(self.at)),
                },
                b' '..=b'~' => text.push(char::from(byte)),
                _ => return Err(Invalid(self.at - 1)),
            }
        }
    }

    fn binary(&mut self) -> Result<Bare, Invalid> {
        self.expect(b':')?;
        let text = self.run(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        self.expect(b':')?;
        Ok(Bare::Bytes(text))
    }

    fn boolean(&mut self) -> Result<Bare, Invalid> {
        self.expect(b'?')?;
        match self.peek() {
            Some(digit @ (b'0' | b'1')) => {
                self.at += 1;
                Ok(Bare::Boolean(digit == b'1'))
            }
            _ => Err(Invalid(self.at)),
        }
    }

    fn date(&mut self) -> Result<Bare, Invalid> {
        let start = self.at;
        self.expect(b'@')?;
        match self.number()? {
            Bare::Integer(seconds) => Ok(Bare::Date(seconds)),
            _ => Err(Invalid(start)),
        }
    }
}
