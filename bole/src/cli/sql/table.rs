//! Rows of text as a person, a program or a spreadsheet wants them.

use std::io::{self, Write};

use clap::ValueEnum;
use unicode_width::UnicodeWidthStr;

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns below each other, with a heading
    #[default]
    Aligned,
    /// Comma-separated values with a heading; NULL is an empty field, an empty text is ""
    Csv,
    /// One JSON object a line, every value a string or null
    Json,
}

/// Rows of a result, in text.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// Writes them, `null` standing for NULL where the format has no other way.
    pub(super) fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Aligned => self.write_aligned(out),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json(out),
        }
    }

    fn write_aligned(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                let lines = cell.as_deref().unwrap_or_default().lines();
                *width = lines.map(UnicodeWidthStr::width).max().unwrap_or(0).max(*width);
            }
        }
        let numeric: Vec<bool> = (0..widths.len()).map(|column| self.is_numeric(column)).collect();
        for (at, (name, width)) in self.names.iter().zip(&widths).enumerate() {
            let space = width - name.width();
            let left = space / 2;
            let separator = if at == 0 { " " } else { " | " };
            write!(out, "{separator}{}{name}{}", " ".repeat(left), " ".repeat(space - left))?;
        }
        writeln!(out, " ")?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(out, "{}", rules.join("+"))?;
        for row in &self.rows {
            write_row(row, &widths, &numeric, out)?;
        }
        let count = self.rows.len();
        writeln!(out, "({count} row{})\n", if count == 1 { "" } else { "s" })
    }

    /// Whether all values of a column are numbers, which stand to the right.
    fn is_numeric(&self, column: usize) -> bool {
        let mut values = self.rows.iter().filter_map(|row| row.get(column)?.as_deref()).peekable();
        values.peek().is_some()
            && values.all(|value| {
                value.parse::<f64>().is_ok() && value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            })
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let heading: Vec<String> = self.names.iter().map(|name| csv(name)).collect();
        writeln!(out, "{}", heading.join(","))?;
        for row in &self.rows {
            let cells: Vec<String> =
                row.iter().map(|cell| cell.as_deref().map(csv).unwrap_or_default()).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in &self.rows {
            // By hand, because columns stay in their order.
            let pairs = self.names.iter().zip(row).map(|(name, value)| {
                let value = serde_json::Value::from(value.clone());
                format!("{}:{value}", serde_json::Value::from(name.as_str()))
            });
            writeln!(out, "{{{}}}", pairs.collect::<Vec<_>>().join(","))?;
        }
        Ok(())
    }
}

/// One row, whose cells may have several lines.
fn write_row(
    row: &[Option<String>],
    widths: &[usize],
    numeric: &[bool],
    out: &mut dyn Write,
) -> io::Result<()> {
    let cells: Vec<Vec<&str>> =
        row.iter().map(|cell| cell.as_deref().unwrap_or_default().lines().collect()).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
    for line in 0..height {
        for (at, ((cell, width), numeric)) in cells.iter().zip(widths).zip(numeric).enumerate() {
            let text = cell.get(line).copied().unwrap_or_default();
            let space = " ".repeat(width - text.width());
            let more = if line + 1 < cell.len() { "+" } else { " " };
            let separator = if at == 0 { " " } else { "| " };
            if *numeric {
                write!(out, "{separator}{space}{text}{more}")?;
            } else {
                write!(out, "{separator}{text}{space}{more}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn csv(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, rows: &Rows, expected: &str) {
        let mut out = Vec::new();
        rows.write(format, &mut out).expect("memory takes bytes");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn each_format() {
        let cell = |text: &str| Some(text.to_owned());
        let rows = Rows {
            names: vec!["id".to_owned(), "名前".to_owned()],
            rows: vec![
                vec![cell("1"), cell("a,b")],
                vec![cell("-20"), None],
                vec![None, cell("x\ny")],
                vec![cell("3"), cell("")],
            ],
        };
        check(
            Format::Aligned,
            &rows,
            " id  | 名前 \n-----+------\n   1 | a,b  \n -20 |      \n     | x   +\n     | y    \n   3 |      \n(4 rows)\n\n",
        );
        check(Format::Csv, &rows, "id,名前\n1,\"a,b\"\n-20,\n,\"x\ny\"\n3,\"\"\n");
        check(
            Format::Json,
            &rows,
            "{\"id\":\"1\",\"名前\":\"a,b\"}\n{\"id\":\"-20\",\"名前\":null}\n{\"id\":null,\"名前\":\"x\\ny\"}\n{\"id\":\"3\",\"名前\":\"\"}\n",
        );
        let empty = Rows { names: vec!["a".to_owned()], rows: Vec::new() };
        check(Format::Aligned, &empty, " a \n---\n(0 rows)\n\n");
    }
}
