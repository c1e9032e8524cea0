//! Text of zones to tokens (RFC 1035 section 5.1): words, quoted texts, comments, parentheses.

/// A word or a quoted text, its escapes as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its text.
    pub text: String,
    /// Whether any part was quoted: then it is no keyword.
    pub quoted: bool,
}

/// A logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of the line on which it begins, from 1.
    pub number: usize,
    /// Whether it begins with a space: then it is of the owner of the line before.
    pub continues: bool,
    /// Its tokens; never empty.
    pub tokens: Vec<Token>,
}

/// Logical lines and what is wrong: line number and text.
pub fn lines(text: &str) -> (Vec<Line>, Vec<(usize, String)>) {
    let mut lexer = Lexer {
        lines: Vec::new(),
        problems: Vec::new(),
        line: None,
        token: None,
        number: 1,
        depth: 0,
        opened: 0,
    };
    lexer.run(text);
    (lexer.lines, lexer.problems)
}

/// The tokens of one record's data.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut lines, problems) = lines(text);
    match (problems.into_iter().next(), lines.len()) {
        (Some((_, problem)), _) => Err(problem),
        (None, 0) => Ok(Vec::new()),
        (None, 1) => Ok(lines.remove(0).tokens),
        (None, _) => Err("a record's data is one line".to_owned()),
    }
}

struct Lexer {
    lines: Vec<Line>,
    problems: Vec<(usize, String)>,
    line: Option<Line>,
    token: Option<Token>,
    number: usize,
    depth: usize,
    opened: usize,
}

impl Lexer {
    fn run(&mut self, text: &str) {
        let mut characters = text.chars().peekable();
        let mut at_start = true;
        let (mut quoted, mut comment) = (false, false);
        while let Some(character) = characters.next() {
            if at_start && self.depth == 0 && !quoted {
                let continues = character == ' ' || character == '\t';
                self.line = Some(Line { number: self.number, continues, tokens: Vec::new() });
            }
            at_start = false;
            match character {
                '\n' => {
                    if std::mem::take(&mut quoted) {
                        self.problem("a quoted text does not end on its line");
                    }
                    comment = false;
                    self.end_token();
                    if self.depth == 0 {
                        self.end_line();
                    }
                    self.number += 1;
                    at_start = true;
                }
                _ if comment => {}
                '"' => {
                    quoted = !quoted;
                    self.token.get_or_insert_with(|| Token { text: String::new(), quoted: true }).quoted =
                        true;
                }
                '\\' => {
                    self.push('\\');
                    match characters.next_if(|next| *next != '\n') {
                        Some(next) => self.push(next),
                        None => self.problem("a backslash has nothing to escape"),
                    }
                }
                _ if quoted => self.push(character),
                ';' => comment = true,
                '(' | ')' => self.parenthesis(character),
                ' ' | '\t' | '\r' => self.end_token(),
                _ => self.push(character),
            }
        }
        if quoted {
            self.problem("a quoted text does not end");
        }
        self.end_token();
        if self.depth > 0 {
            self.problems.push((self.opened, "a parenthesis is not closed".to_owned()));
        }
        self.end_line();
    }

    fn parenthesis(&mut self, character: char) {
        self.end_token();
        match (character, self.depth) {
            ('(', depth) => {
                self.opened = if depth == 0 { self.number } else { self.opened };
                self.depth += 1;
            }
            (_, 0) => self.problem("a parenthesis is closed that was not opened"),
            (_, _) => self.depth -= 1,
        }
    }

    fn push(&mut self, character: char) {
        let token = self.token.get_or_insert_with(|| Token { text: String::new(), quoted: false });
        token.text.push(character);
    }

    fn end_token(&mut self) {
        if let (Some(token), Some(line)) = (self.token.take(), &mut self.line) {
            line.tokens.push(token);
        }
    }

    fn end_line(&mut self) {
        if let Some(line) = self.line.take().filter(|line| !line.tokens.is_empty()) {
            self.lines.push(line);
        }
    }

    fn problem(&mut self, text: &str) {
        self.problems.push((self.number, text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_tokens_comments_and_parentheses() {
        let text = "a 1 ; x\n  b ( 2 ; (\n 3 )\n\n\"q ;\\\" r\" s\\\"t\n";
        let (lines, problems) = lines(text);
        assert_eq!(problems, []);
        let shown: Vec<(usize, bool, Vec<&str>)> = lines
            .iter()
            .map(|line| {
                (line.number, line.continues, line.tokens.iter().map(|token| token.text.as_str()).collect())
            })
            .collect();
        assert_eq!(
            shown,
            [
                (1, false, vec!["a", "1"]),
                (2, true, vec!["b", "2", "3"]),
                (5, false, vec!["q ;\\\" r", "s\\\"t"])
            ]
        );
        assert!(lines[2].tokens[0].quoted && !lines[2].tokens[1].quoted);
    }

    #[test]
    fn what_is_not_closed_is_told_with_its_line() {
        for (text, line) in [("a\nb ( c\n d", 2), ("a )", 1), ("a\n\n\"b", 3), ("a \"b\nc", 1), ("a \\", 1)] {
            let (_, problems) = lines(text);
            assert_eq!(problems.iter().map(|problem| problem.0).collect::<Vec<_>>(), [line], "{text:?}");
        }
    }
}
