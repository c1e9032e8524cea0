//! Rows of text as a person, a program or a spreadsheet wants them.

use std::io::{self, Write};

use clap::ValueEnum;
use unicode_width::UnicodeWidthStr;

use crate::cli::streams::count;

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

/// Rows of a result, in text: all of them, or those that were not written yet.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) names: Vec<String>,
    pub(super) ready: Vec<Vec<Option<String>>>,
    /// How many were written before these.
    written: u64,
}

impl Rows {
    /// No rows yet, of columns with these names.
    pub(super) fn new(names: Vec<String>) -> Self {
        Self { names, ready: Vec::new(), written: 0 }
    }

    /// Writes those that there are and forgets them; more of the same result may follow.
    pub(super) fn write_some(&mut self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Aligned => self.write_aligned(out),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json(out),
        }?;
        self.written += self.ready.len() as u64;
        self.ready.clear();
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn write(mut self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        if self.written == 0 || !self.ready.is_empty() {
            self.write_some(format, out)?;
        }
        match format {
            Format::Aligned => writeln!(out, "({})\n", count(self.written, "row")),
            Format::Csv | Format::Json => Ok(()),
        }
    }

    /// Later pieces have widths of their own, and no heading.
    fn write_aligned(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.ready {
            for (width, cell) in widths.iter_mut().zip(row) {
                let lines = cell.as_deref().unwrap_or_default().lines();
                *width = lines.map(UnicodeWidthStr::width).max().unwrap_or(0).max(*width);
            }
        }
        let numeric: Vec<bool> = (0..widths.len()).map(|column| self.is_numeric(column)).collect();
        if self.written == 0 {
            self.write_heading(&widths, out)?;
        }
        self.ready.iter().try_for_each(|row| write_row(row, &widths, &numeric, out))
    }

    fn write_heading(&self, widths: &[usize], out: &mut dyn Write) -> io::Result<()> {
        for (at, (name, width)) in self.names.iter().zip(widths).enumerate() {
            let space = width - name.width();
            let left = space / 2;
            let separator = if at == 0 { " " } else { " | " };
            write!(out, "{separator}{}{name}{}", " ".repeat(left), " ".repeat(space - left))?;
        }
        writeln!(out, " ")?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(out, "{}", rules.join("+"))
    }

    /// Whether all values of a column are numbers, which stand to the right.
    fn is_numeric(&self, column: usize) -> bool {
        let mut values = self.ready.iter().filter_map(|row| row.get(column)?.as_deref()).peekable();
        values.peek().is_some()
            && values.all(|value| {
                value.parse::<f64>().is_ok() && value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            })
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.written == 0 {
            let heading: Vec<String> = self.names.iter().map(|name| csv(name)).collect();
            writeln!(out, "{}", heading.join(","))?;
        }
        for row in &self.ready {
            let cells: Vec<String> =
                row.iter().map(|cell| cell.as_deref().map(csv).unwrap_or_default()).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in &self.ready {
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

    /// In one piece and, where that looks the same, in pieces of one row.
    fn check(format: Format, names: &[&str], rows: &[Vec<Option<String>>], expected: &str) {
        for pieces in [false, true] {
            let mut out = Vec::new();
            let mut writing = Rows::new(names.iter().map(|name| (*name).to_owned()).collect());
            for row in rows {
                writing.ready.push(row.clone());
                if pieces && format != Format::Aligned {
                    writing.write_some(format, &mut out).expect("memory takes bytes");
                }
            }
            writing.write(format, &mut out).expect("memory takes bytes");
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn a_long_table_has_one_heading_and_one_count() {
        let (mut out, mut rows) = (Vec::new(), Rows::new(vec!["n".to_owned()]));
        for number in 0..3 {
            rows.ready.push(vec![Some(number.to_string())]);
            rows.write_some(Format::Aligned, &mut out).expect("memory takes bytes");
        }
        rows.write(Format::Aligned, &mut out).expect("memory takes bytes");
        assert_eq!(String::from_utf8_lossy(&out), " n \n---\n 0 \n 1 \n 2 \n(3 rows)\n\n");
    }

    #[test]
    fn each_format() {
        let cell = |text: &str| Some(text.to_owned());
        let names = ["id", "名前"];
        let rows = [
            vec![cell("1"), cell("a,b")],
            vec![cell("-20"), None],
            vec![None, cell("x\ny")],
            vec![cell("3"), cell("")],
        ];
        check(
            Format::Aligned,
            &names,
            &rows,
            " id  | 名前 \n-----+------\n   1 | a,b  \n -20 |      \n     | x   +\n     | y    \n   3 |      \n(4 rows)\n\n",
        );
        check(Format::Csv, &names, &rows, "id,名前\n1,\"a,b\"\n-20,\n,\"x\ny\"\n3,\"\"\n");
        check(
            Format::Json,
            &names,
            &rows,
            "{\"id\":\"1\",\"名前\":\"a,b\"}\n{\"id\":\"-20\",\"名前\":null}\n{\"id\":null,\"名前\":\"x\\ny\"}\n{\"id\":\"3\",\"名前\":\"\"}\n",
        );
        check(Format::Aligned, &["a"], &[], " a \n---\n(0 rows)\n\n");
    }
}
