//! `to_char` and `to_number` of numbers: `9`, `0`, `.`, `,`, `D`, `G`, `FM`, `S`, `MI`, `PL`, `SG`, `PR`, and `RN` on its own.
//! Others (`V`, `EEEE`, `L`, `TH`, `B`) are refused.

use crate::numeric::Numeric;
use crate::{Error, Result, SqlState, Type};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Nine,
    Zero,
    Point,
    Comma,
    /// `MI`.
    Minus,
    /// `PL`.
    Plus,
    /// `SG`.
    Sign,
    Character(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignPlace {
    Before,
    After,
}

/// A pattern, taken apart.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark that the text has or has not")]
#[derive(Debug, Default)]
struct Pattern {
    parts: Vec<Part>,
    /// Digits before and after the point.
    before: usize,
    after: usize,
    /// The place of the first `0`, counted from 1.
    zero_start: Option<usize>,
    zero_end: usize,
    point: bool,
    fill: bool,
    minus: bool,
    plus: bool,
    brackets: bool,
    sign: Option<SignPlace>,
    /// Digits before the `S`.
    before_sign: usize,
}

fn syntax(message: &str) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, message)
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let mut pattern = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let upper: String = rest.chars().take(4).collect::<String>().to_ascii_uppercase();
            if c == '"' {
                let end = rest[1..].find('"').map_or(rest.len(), |at| at + 1);
                if rest[1..end].contains('\\') {
                    return Err(Error::unsupported("an escape in the pattern of a number"));
                }
                pattern.parts.extend(rest[1..end].chars().map(Part::Character));
                rest = rest.get(end + 1..).unwrap_or("");
                continue;
            }
            let length = pattern.keyword(&upper, c)?;
            rest = &rest[length..];
        }
        Ok(pattern)
    }

    /// Reads what is at the front; gives its length.
    fn keyword(&mut self, upper: &str, c: char) -> Result<usize> {
        for refused in ["EEEE", "RN", "TH", "V", "L", "B", "\\"] {
            if upper.starts_with(refused) {
                return Err(Error::unsupported(format!("the pattern {refused} of numbers")));
            }
        }
        let double = |pattern: &mut Self, part| {
            if pattern.sign.is_some() {
                return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
            }
            pattern.minus |= matches!(part, Part::Minus | Part::Sign);
            pattern.plus |= matches!(part, Part::Plus | Part::Sign);
            pattern.parts.push(part);
            Ok(2)
        };
        match upper.get(..2) {
            Some("FM") => {
                self.fill = true;
                return Ok(2);
            }
            Some("MI") => return double(self, Part::Minus),
            Some("PL") => return double(self, Part::Plus),
            Some("SG") => return double(self, Part::Sign),
            Some("PR") => {
                if self.sign.is_some() || self.plus || self.minus {
                    return Err(syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                }
                self.brackets = true;
                return Ok(2);
            }
            _ => {}
        }
        self.single(c)
    }

    fn single(&mut self, c: char) -> Result<usize> {
        let part = match c {
            '9' | '0' if self.brackets => return Err(syntax("\"9\" must be ahead of \"PR\"")),
            '9' => Part::Nine,
            '0' => {
                if self.zero_start.is_none() && !self.point {
                    self.zero_start = Some(self.before + 1);
                }
                Part::Zero
            }
            '.' | 'D' | 'd' => {
                if self.point {
                    return Err(syntax("multiple decimal points"));
                }
                self.point = true;
                Part::Point
            }
            ',' | 'G' | 'g' => Part::Comma,
            'S' | 's' => {
                if self.sign.is_some() {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.brackets {
                    return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
                }
                self.sign = Some(if self.point { SignPlace::After } else { SignPlace::Before });
                self.before_sign = self.before;
                return Ok(1);
            }
            other => Part::Character(other),
        };
        if matches!(part, Part::Nine | Part::Zero) {
            *(if self.point { &mut self.after } else { &mut self.before }) += 1;
            if part == Part::Zero {
                self.zero_end = self.before + self.after;
            }
        }
        self.parts.push(part);
        Ok(c.len_utf8())
    }
}

/// What the letters of Roman numerals stand for, pairs that subtract among them.
const ROMAN: &[(i64, &str)] = &[
    (1_000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

/// As long as the longest numeral, that of 3888.
const ROMAN_WIDTH: usize = 15;

/// A number by the pattern `RN`. Errors: 22003.
fn roman(number: &Numeric, fill: bool, lower: bool) -> Result<String> {
    let mut rest = number.clone().round(0)?.to_integer(Type::INT4)?;
    if !(1..=3_999).contains(&rest) {
        return Ok("#".repeat(ROMAN_WIDTH));
    }
    let mut numeral = String::new();
    for (value, letters) in ROMAN {
        while rest >= *value {
            numeral.push_str(letters);
            rest -= value;
        }
    }
    if lower {
        numeral.make_ascii_lowercase();
    }
    Ok(if fill { numeral } else { format!("{numeral:>ROMAN_WIDTH$}") })
}

/// `to_char(numeric, pattern)`, and of integers by their text. Errors: 42601, 0A000.
pub fn number_to_char(number: &str, pattern: &str) -> Result<String> {
    let number = Numeric::parse(number)?;
    if number.finite().is_none() {
        return Err(Error::unsupported("to_char of what is not finite"));
    }
    match pattern {
        "RN" | "rn" => return roman(&number, false, pattern == "rn"),
        "FMRN" | "FMrn" | "fmrn" | "fmRN" => return roman(&number, true, pattern.ends_with('n')),
        _ => {}
    }
    let pattern = Pattern::parse(pattern)?;
    let text = number.round(pattern.after as i32)?.to_string();
    Ok(written(&pattern, text.trim_start_matches('-'), text.starts_with('-')))
}

/// The same of a floating-point number that is rounded to what the pattern shows; it may be `-0`. Errors: as `number_to_char`.
pub fn float_to_char(number: &str, pattern: &str) -> Result<String> {
    let pattern = Pattern::parse(pattern)?;
    let digits = Numeric::parse(number.trim_start_matches('-'))?.round(pattern.after as i32)?.to_string();
    Ok(written(&pattern, &digits, number.starts_with('-')))
}

fn written(pattern: &Pattern, digits: &str, negative: bool) -> String {
    let length = digits.find('.').unwrap_or(digits.len());
    let digits = if length > pattern.before {
        // It does not fit.
        let point = if pattern.after > 0 || pattern.point { "." } else { "" };
        format!("{}{point}{}", "#".repeat(pattern.before), "#".repeat(pattern.after))
    } else {
        digits.to_owned()
    };
    let spaces = pattern.before.saturating_sub(length);
    Writer::new(pattern, digits.into_bytes(), negative, spaces).write()
}

/// Writes digit by digit, as PostgreSQL's `NUM_processor`.
#[expect(clippy::struct_excessive_bools, reason = "each is a state of the output")]
struct Writer<'a> {
    pattern: &'a Pattern,
    digits: Vec<u8>,
    /// The next digit.
    next: usize,
    negative: bool,
    spaces: usize,
    brackets: bool,
    signed: bool,
    sign: Option<SignPlace>,
    /// The last digit that is not an idle zero, in fill mode.
    last: Option<usize>,
    /// How many places were passed.
    place: usize,
    count: usize,
    inside: bool,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(pattern: &'a Pattern, digits: Vec<u8>, negative: bool, spaces: usize) -> Self {
        let mut sign = pattern.sign;
        let (mut brackets, signed);
        brackets = pattern.brackets;
        if pattern.plus || pattern.minus {
            signed = !pattern.plus || pattern.minus;
        } else {
            brackets &= negative || !pattern.fill;
            signed = !negative && pattern.fill && sign.is_none();
            if sign == Some(SignPlace::Before) && pattern.before == pattern.before_sign {
                sign = Some(SignPlace::After);
            }
        }
        let mut count = (pattern.after + pattern.before).saturating_sub(1);
        if !signed && spaces == 0 {
            count += 1;
        }
        let last = (pattern.fill && pattern.point).then(|| {
            let point = digits.iter().position(|digit| *digit == b'.')?;
            let mut last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(point).max(point);
            if pattern.zero_end > spaces {
                last = last.max((digits.len() - 1).min(pattern.zero_end - spaces));
            }
            Some(last)
        });
        let out = String::new();
        let last = last.flatten();
        Self {
            pattern,
            digits,
            next: 0,
            negative,
            spaces,
            brackets,
            signed,
            sign,
            last,
            place: 0,
            count,
            inside: false,
            out,
        }
    }

    const fn sign_character(&self) -> char {
        if self.negative { '-' } else { '+' }
    }

    fn write(mut self) -> String {
        let fill = self.pattern.fill;
        for part in &self.pattern.parts {
            match part {
                Part::Nine | Part::Zero | Part::Point => self.digit(*part),
                Part::Comma if self.inside => self.out.push(','),
                Part::Minus if self.negative => self.out.push('-'),
                Part::Plus if !self.negative => self.out.push('+'),
                Part::Comma | Part::Minus | Part::Plus if fill => {}
                Part::Comma | Part::Minus | Part::Plus => self.out.push(' '),
                Part::Sign => self.out.push(self.sign_character()),
                Part::Character(c) => self.out.push(*c),
            }
        }
        self.out
    }

    fn zero_start(&self) -> Option<usize> {
        self.pattern.zero_start.map(|start| start - 1)
    }

    /// A zero before the point that is shown as a space.
    fn idle_zero(&self) -> bool {
        self.pattern.zero_start.is_none()
            && self.next == 0
            && self.digits.first() == Some(&b'0')
            && self.pattern.after != 0
    }

    fn last_is_point(&self) -> bool {
        self.last.is_some_and(|last| self.digits[last] == b'.')
    }

    fn write_sign(&mut self) {
        let starts = self.place >= self.spaces || self.zero_start() == Some(self.place);
        if self.signed || !starts || (self.idle_zero() && !self.last_is_point()) {
            return;
        }
        if let Some(place) = self.sign {
            if place == SignPlace::Before {
                self.out.push(self.sign_character());
                self.signed = true;
            }
            return;
        }
        if self.brackets {
            self.out.push(if self.negative { '<' } else { ' ' });
        } else if self.negative {
            self.out.push('-');
        } else if !self.pattern.fill {
            self.out.push(' ');
        }
        self.signed = true;
    }

    fn digit(&mut self, part: Part) {
        self.write_sign();
        self.inside = false;
        let fill = self.pattern.fill;
        let zero = self.zero_start().is_some_and(|start| start <= self.place);
        if self.place < self.spaces {
            if zero {
                self.out.push('0');
                self.inside = true;
            } else if !fill {
                self.out.push(' ');
            }
        } else {
            match self.digits.get(self.next).copied() {
                Some(b'.') => self.out.push('.'),
                None => {}
                Some(digit) => {
                    let idle = self.last.is_some_and(|last| self.next > last) && part != Part::Zero;
                    if idle {
                        // Nothing: in fill mode zeros at the end are left out.
                    } else if self.idle_zero() {
                        if !fill {
                            self.out.push(' ');
                        } else if self.last_is_point() {
                            self.out.push('0');
                        }
                    } else {
                        self.out.push(char::from(digit));
                        self.inside = true;
                    }
                }
            }
            self.next += usize::from(self.next < self.digits.len());
        }
        let mut end = self.count + usize::from(self.spaces > 0) + usize::from(self.pattern.point);
        if self.last == Some(self.next) {
            end = self.place;
        }
        if self.place + 1 == end {
            if self.signed && self.brackets {
                self.out.push(if self.negative { '>' } else { ' ' });
            } else if self.sign == Some(SignPlace::After) {
                self.out.push(self.sign_character());
            }
        }
        self.place += 1;
    }
}

/// `to_number(text, pattern)` for the plain cases: digits, a point, commas as the pattern has them, a sign before or behind. Others are
/// refused. Errors: 0A000, 22P02.
pub fn to_number(text: &str, pattern: &str) -> Result<String> {
    let parsed = Pattern::parse(pattern)?;
    let refuse = || Error::unsupported(format!("to_number of \"{text}\" by \"{pattern}\""));
    if parsed.brackets
        || parsed.parts.iter().any(|part| matches!(part, Part::Character(_) | Part::Plus | Part::Sign))
    {
        return Err(refuse());
    }
    let trimmed = text.trim_matches(' ');
    let commas = parsed.parts.contains(&Part::Comma);
    let mut digits = String::new();
    for (n, c) in trimmed.char_indices() {
        match c {
            '0'..='9' => digits.push(c),
            '.' if parsed.point && !digits.contains('.') => digits.push('.'),
            ',' if commas && n > 0 => {}
            '-' | '+' if n == 0 => digits.push(c),
            _ => return Err(refuse()),
        }
    }
    let unsigned = digits.trim_start_matches(['-', '+']);
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    // What has other digits than the pattern is cut in ways of its own.
    if whole.is_empty()
        || whole.len() > parsed.before
        || part.len() > parsed.after
        || (commas && !grouped(trimmed, &parsed))
    {
        return Err(refuse());
    }
    Ok(Numeric::parse(&digits)?.to_string())
}

/// Whether the commas are where the pattern has them.
fn grouped(text: &str, pattern: &Pattern) -> bool {
    let whole = text.trim_start_matches(['-', '+']).split('.').next().unwrap_or("");
    let expected: Vec<bool> = pattern
        .parts
        .iter()
        .take_while(|part| **part != Part::Point)
        .filter(|part| matches!(part, Part::Comma | Part::Nine | Part::Zero))
        .map(|part| *part == Part::Comma)
        .collect();
    let given: Vec<bool> = whole.chars().map(|c| c == ',').collect();
    given == expected
}
