//! Binary forms.

use std::fmt::Write as _;

use bole_sql_types::{Style, binary, text};

use crate::{check, style, type_named};

#[test]
fn binary_forms() {
    let style = style();
    check(include_str!("binary.txt"), 50, |_, arguments| {
        let ty = type_named(&arguments[0]);
        let value = text::input(ty, -1, &arguments[1], &style)?;
        let mut bytes = Vec::new();
        binary::output(ty, value.as_ref(), &mut bytes)?;
        // It reads back, and no shorter or longer one is mistaken for it.
        assert_eq!(binary::input(ty, -1, &bytes, &Style::default())?, value, "{arguments:?}");
        let fixed =
            ty.info().is_some_and(|info| info.length > 0 && info.name != "name" && info.name != "char");
        for length in (0..bytes.len()).filter(|_| fixed || ty.element().is_some()) {
            let cut = binary::input(ty, -1, &bytes[..length], &style).unwrap_err();
            assert_eq!(cut.state.as_str(), "22P03", "{arguments:?} cut to {length}");
        }
        let mut hex = String::new();
        bytes.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
        Ok(Some(hex))
    });
}
