//! Redis's glob patterns: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that is meant as it stands.

/// Whether `text` matches `pattern`. Time is bounded by the product of the lengths, whatever the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on if the text after the last star does not match: one character further.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, read));
            at += 1;
        } else if let Some(length) = matches_one(&pattern[at..], text[read]) {
            at += length;
            read += 1;
        } else if let Some((after, from)) = star {
            at = after;
            read = from + 1;
            star = Some((after, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// The length of the pattern element at the start of `pattern` if it matches `byte`.
fn matches_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (matched, length) = matches_class(class, byte);
            matched.then_some(length + 1)
        }
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [first, ..] => (*first == byte).then_some(1),
    }
}

/// Whether a class such as `^a-z]` matches, and its length with the bracket that closes it. A class that is not closed goes to the end.
fn matches_class(class: &[u8], byte: u8) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut matched = false;
    loop {
        match &class[at.min(class.len())..] {
            [] => return (matched != negated, class.len()),
            [b']', ..] => return (matched != negated, at + 1),
            [b'\\', escaped, ..] => {
                matched |= *escaped == byte;
                at += 2;
            }
            [low, b'-', high, ..] => {
                matched |= (*low.min(high)..=*low.max(high)).contains(&byte);
                at += 3;
            }
            [single, ..] => {
                matched |= *single == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*a*b*c", "xxaybzzc", true),
            ("*a*b*c", "xxaybzz", false),
            ("[", "[", false),
            ("[a", "a", true),
            ("news.*", "news.tech", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_bounded_time() {
        let pattern = b"a*".repeat(200);
        let text = vec![b'a'; 5_000];
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text));
    }
}
