//! A look at a text before the compiler sees it: how deep its brackets nest, which is how deep the compiler recurses.

/// Brackets inside brackets. The compiler of Protocol Buffers itself stops at 32 messages.
const NESTING_MAX: usize = 64;

/// Refuses texts that nest too deep. Strings and comments do not count.
pub(super) fn check(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = find(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = find(bytes, at + 2, b"*/"),
            quote @ (b'"' | b'\'') => at = end_of_string(bytes, at, quote),
            b'{' | b'[' | b'(' | b'<' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b')' | b'>' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ => at += 1,
        }
        if depth > NESTING_MAX {
            return Err(format!("the schema nests deeper than {NESTING_MAX} levels"));
        }
    }
    Ok(())
}

/// Behind the next `end`, or at the end of the text.
fn find(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let from = from.min(bytes.len());
    let found = bytes[from..].windows(end.len()).position(|window| window == end);
    found.map_or(bytes.len(), |offset| from + offset + end.len())
}

/// Behind a string; one that is not closed ends with its line, so that what follows counts.
fn end_of_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting() {
        let deep = "{".repeat(65);
        for (text, good) in [
            (deep.clone(), false),
            ("{}".repeat(1_000), true),
            (format!("// {deep}"), true),
            (format!("/* {deep} */ \"{deep}\" '{deep}'"), true),
            (format!("/* */ {deep}"), false),
            (format!("// x\n{deep}"), false),
            (format!("\"\\\"\" {deep}"), false),
            (format!("\"open\n{deep}"), false),
            ("/*".to_owned(), true),
            ("\"\\".to_owned(), true),
        ] {
            assert_eq!(check(&text).is_ok(), good, "{text}");
        }
    }
}
