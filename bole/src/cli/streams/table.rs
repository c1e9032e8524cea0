//! Rows under a header, in columns that are as wide as their widest cell.

use std::fmt::Write as _;
use std::io::{self, Write};

/// How the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Prints a table; each line begins with `indent`.
pub(in crate::cli) fn table<const N: usize>(
    out: &mut dyn Write,
    indent: &str,
    columns: [(&str, Align); N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let mut widths = columns.map(|(name, _)| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut print = |cells: [&str; N]| {
        let mut line = String::from(indent);
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(columns) {
            // Writing to a string does not fail.
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
        }
        writeln!(out, "{}", line.trim_end())
    };
    print(columns.map(|(name, _)| name))?;
    rows.iter().try_for_each(|row| print(row.each_ref().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        let rows = [["a", "10000000"], ["länger", "7"]].map(|row| row.map(str::to_owned));
        table(&mut out, " ", [("name", Align::Left), ("size", Align::Right)], &rows).unwrap();
        let expected = " name        size\n a       10000000\n länger         7\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
