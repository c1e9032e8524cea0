//! Where one statement ends and the next begins, by PostgreSQL's lexical rules: quotes, dollar quotes and comments hide semicolons.

/// Statements that are typed or read piece by piece.
#[derive(Debug, Default)]
pub(super) struct Statements {
    text: String,
    /// Where in `text` the scan stands.
    at: usize,
    inside: Inside,
}

/// What hides a semicolon.
#[derive(Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    /// `'…'`, and whether a backslash escapes (`E'…'`).
    Quote { escapes: bool },
    /// `"…"`.
    Name,
    /// `-- …`.
    Line,
    /// `/* … */`, which nests.
    Comment(usize),
    /// `$tag$ … $tag$`.
    Dollar(String),
}

impl Statements {
    /// Takes more text in.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether nothing but blanks and comments waits for its end.
    pub(super) fn is_empty(&self) -> bool {
        self.inside == Inside::Nothing && without_comments(&self.text).is_empty()
    }

    /// Forgets what waits for its end.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is left at the end of the input, a statement without its semicolon.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(self).text;
        (!rest.trim().is_empty()).then(|| rest.trim().to_owned())
    }

    /// The next whole statement, without its semicolon.
    pub(super) fn next(&mut self) -> Option<String> {
        while let Some(first) = self.text[self.at..].chars().next() {
            let end = self.inside == Inside::Nothing && first == ';';
            let width = self.step(first);
            if end {
                let statement = self.text[..self.at].trim().to_owned();
                self.text.drain(..self.at + width);
                self.at = 0;
                if !statement.is_empty() {
                    return Some(statement);
                }
                continue;
            }
            self.at += width;
        }
        None
    }

    /// Looks at one lexical piece, of which `first` is the first character. Its bytes.
    fn step(&mut self, first: char) -> usize {
        let rest = &self.text[self.at..];
        let starts = |what: &str| rest.starts_with(what);
        let (inside, width) = match &self.inside {
            Inside::Nothing => return self.enter(first),
            Inside::Quote { escapes: true } if first == '\\' => {
                (None, 1 + rest[1..].chars().next().map_or(0, char::len_utf8))
            }
            Inside::Quote { .. } if first == '\'' => (Some(Inside::Nothing), 1),
            Inside::Name if first == '"' => (Some(Inside::Nothing), 1),
            Inside::Line if first == '\n' => (Some(Inside::Nothing), 1),
            Inside::Comment(depth) if starts("/*") => (Some(Inside::Comment(depth + 1)), 2),
            Inside::Comment(1) if starts("*/") => (Some(Inside::Nothing), 2),
            Inside::Comment(depth) if starts("*/") => (Some(Inside::Comment(depth - 1)), 2),
            Inside::Dollar(tag) if starts(tag) => (Some(Inside::Nothing), tag.len()),
            _ => (None, first.len_utf8()),
        };
        if let Some(inside) = inside {
            self.inside = inside;
        }
        width
    }

    /// The same outside of everything.
    fn enter(&mut self, first: char) -> usize {
        let rest = &self.text[self.at..];
        let before = self.text[..self.at].chars().next_back();
        let (inside, width) = match first {
            '\'' => {
                let named = self.text[..self.at].chars().rev().nth(1).is_some_and(is_name);
                (Inside::Quote { escapes: matches!(before, Some('e' | 'E')) && !named }, 1)
            }
            '"' => (Inside::Name, 1),
            '-' if rest.starts_with("--") => (Inside::Line, 2),
            '/' if rest.starts_with("/*") => (Inside::Comment(1), 2),
            '$' if !before.is_some_and(is_name) => match dollar_tag(rest) {
                Some(tag) => (Inside::Dollar(tag.to_owned()), tag.len()),
                None => (Inside::Nothing, 1),
            },
            other => (Inside::Nothing, other.len_utf8()),
        };
        self.inside = inside;
        width
    }
}

/// A statement from its first word on.
pub(super) fn without_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        text = match (text.strip_prefix("--"), text.strip_prefix("/*")) {
            (Some(rest), _) => rest.split_once('\n').map_or("", |(_, rest)| rest),
            (_, Some(rest)) => rest.split_once("*/").map_or("", |(_, rest)| rest),
            _ => return text,
        };
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// `$$` or `$tag$` at the start of `text`.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 1;
    let tag = &text[1..end];
    let good = tag.chars().all(|c| is_name(c) && c != '$') && !tag.starts_with(|c: char| c.is_ascii_digit());
    good.then_some(&text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_end_statements_unless_something_hides_them() {
        for (text, expected, rest) in [
            ("select 1; select 2;", &["select 1", "select 2"][..], None),
            (" ;; select 1 ; x", &["select 1"], Some("x")),
            ("select ';'';' ; y", &["select ';'';'"], Some("y")),
            (r"select E'\';' ; select '\';", &[r"select E'\';'", r"select '\'"], None),
            (r"select node'\'; z", &[r"select node'\'"], Some("z")),
            ("select \";\"\"\" ;", &["select \";\"\"\""], None),
            ("a -- x ; y\n b; c", &["a -- x ; y\n b"], Some("c")),
            ("/* ; /* ; */ ; */ a;", &["/* ; /* ; */ ; */ a"], None),
            ("do $$ a; b $$; c;", &["do $$ a; b $$", "c"], None),
            ("do $t$ a; $$ ; $t$; $1;", &["do $t$ a; $$ ; $t$", "$1"], None),
            ("select a$b$; c", &["select a$b$"], Some("c")),
            ("ä;'ö;ü';", &["ä", "'ö;ü'"], None),
            ("'open;", &[], Some("'open;")),
        ] {
            // As a terminal gives it: line by line.
            let (mut statements, mut found) = (Statements::default(), Vec::new());
            for line in text.split_inclusive('\n') {
                statements.push(line);
                found.extend(std::iter::from_fn(|| statements.next()));
            }
            assert_eq!(found, expected, "{text}");
            assert_eq!(statements.rest().as_deref(), rest, "{text}");
        }
    }

    #[test]
    fn comments_are_no_statement() {
        for (text, expected) in [
            ("", true),
            ("-- a\n\n/* b */ -- c\n", true),
            ("-- a\nselect", false),
            ("/* a\n", false),
            ("'", false),
        ] {
            let mut statements = Statements::default();
            statements.push(text);
            assert_eq!(statements.next(), None);
            assert_eq!(statements.is_empty(), expected, "{text}");
        }
    }
}
