//! Text in XML that the library does not write.

/// `text` as the content of an element.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            // XML has no way to say the other control characters.
            other if other < ' ' && other != '\n' && other != '\t' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// An element with text.
pub fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_does_not_become_elements() {
        for (text, expected) in [
            ("a b", "<X>a b</X>"),
            ("<&>\"", "<X>&lt;&amp;&gt;&quot;</X>"),
            ("a\r\n\tb\0", "<X>a&#13;\n\tb\u{fffd}</X>"),
        ] {
            assert_eq!(element("X", text), expected);
        }
    }
}
