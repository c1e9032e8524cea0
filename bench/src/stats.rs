//! Median and range of a few rounds.

use serde_json::{Value, json};

/// What the rounds of one measurement gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle value; of an even number of rounds, the mean of the two in the middle.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; none when there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, min, max })
    }

    /// `median (min–max)` with a number of decimals.
    pub fn text(self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}–{max:.decimals$})")
    }

    /// The three numbers as an object.
    pub fn json(self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }
}

/// The spread of one measurement as a table cell; a dash when there was none.
pub fn cell(spread: Option<Spread>, decimals: usize) -> String {
    spread.map_or_else(|| "–".into(), |spread| spread.text(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_range() {
        type Row = (&'static [f64], Option<(f64, f64, f64)>);
        let rows: [Row; 4] = [
            (&[], None),
            (&[2.0], Some((2.0, 2.0, 2.0))),
            (&[3.0, 1.0, 2.0], Some((2.0, 1.0, 3.0))),
            (&[4.0, 1.0, 2.0, 3.0], Some((2.5, 1.0, 4.0))),
        ];
        for (values, expected) in rows {
            let spread =
                Spread::of(values.iter().copied()).map(|spread| (spread.median, spread.min, spread.max));
            assert_eq!(spread, expected);
        }
        assert_eq!(cell(Spread::of([1.25, 1.5, 1.75]), 2), "1.50 (1.25–1.75)");
        assert_eq!(cell(None, 2), "–");
    }
}
