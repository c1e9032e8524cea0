//! Comparing what a command printed with what was expected, where `…` stands for anything within a line.

/// Whether both have the same lines, trailing white space aside.
pub(crate) fn matches(expected: &str, printed: &str) -> bool {
    let lines =
        |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    let (expected, printed) = (lines(expected), lines(printed));
    expected.len() == printed.len()
        && expected.iter().zip(&printed).all(|(expected, printed)| line_matches(expected, printed))
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return expected == printed };
    let Some(mut left) = printed.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let last = parts.pop().unwrap();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[test]
fn dots_stand_for_anything_within_a_line() {
    for (expected, printed, same) in [
        ("a\nb\n", "a\nb", true),
        ("a  \n", "a\n", true),
        ("a", "b", false),
        ("a", "a\nb", false),
        ("id …, up", "id 123, up", true),
        ("id …, up", "id 123, down", false),
        ("…x…", "axb", true),
        ("…x…", "ab", false),
        ("a…", "b", false),
        ("", "", true),
    ] {
        assert_eq!(matches(expected, printed), same, "{expected:?} {printed:?}");
    }
}
