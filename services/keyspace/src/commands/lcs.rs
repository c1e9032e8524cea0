//! LCS: the longest common subsequence of two strings.

use crate::commands::arguments::{Options, natural};
use crate::context::Context;
use crate::failure::{Failure, NOT_INTEGER, Outcome, SYNTAX};
use crate::state::IntegerBuffer;

/// The largest table of lengths; larger ones are refused, as in Redis when memory is short.
const CELLS_MAX: usize = 128 << 20;

/// A run that both strings share: inclusive ranges.
struct Match {
    first: (usize, usize),
    second: (usize, usize),
}

/// `LCS key key [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`
pub fn lcs(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (mut only_length, mut indices, mut with_lengths, mut shortest) = (false, false, false, 0);
    let mut options = Options::new(args, 3);
    while options.left() > 0 {
        if options.accept("len") {
            only_length = true;
        } else if options.accept("idx") {
            indices = true;
        } else if options.accept("withmatchlen") {
            with_lengths = true;
        } else if options.accept("minmatchlen") {
            shortest = natural(options.value()?, NOT_INTEGER).unwrap_or(0);
        } else {
            return Err(SYNTAX.into());
        }
    }
    if only_length && indices {
        return Err("ERR If you want both the length and indexes, please just use IDX.".into());
    }
    let first = owned(context, args[1])?;
    let second = owned(context, args[2])?;
    let table = Table::new(&first, &second)?;
    if only_length {
        context.reply.count(table.length());
    } else if indices {
        reply_matches(context, &table, shortest, with_lengths);
    } else {
        context.reply.bulk(&table.subsequence());
    }
    Ok(())
}

fn owned(context: &mut Context<'_, '_>, key: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut buffer = IntegerBuffer::new();
    match context.keys.string(key) {
        Ok(text) => Ok(text.map_or_else(Vec::new, |text| text.bytes(&mut buffer).to_vec())),
        Err(_) => Err("ERR The specified keys must contain string values".into()),
    }
}

fn reply_matches(context: &mut Context<'_, '_>, table: &Table<'_>, shortest: usize, with_lengths: bool) {
    let matches = table.matches();
    let length = |found: &Match| found.first.1 - found.first.0 + 1;
    let wanted: Vec<&Match> = matches.iter().filter(|found| length(found) >= shortest).collect();
    context.reply.map(2);
    context.reply.bulk(b"matches");
    context.reply.array(wanted.len());
    for found in wanted {
        context.reply.array(if with_lengths { 3 } else { 2 });
        for (start, end) in [found.first, found.second] {
            context.reply.array(2);
            context.reply.count(start);
            context.reply.count(end);
        }
        if with_lengths {
            context.reply.count(length(found));
        }
    }
    context.reply.bulk(b"len");
    context.reply.count(table.length());
}

/// Lengths of the longest common subsequences of all prefixes.
struct Table<'a> {
    first: &'a [u8],
    second: &'a [u8],
    cells: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(first: &'a [u8], second: &'a [u8]) -> Result<Self, Failure> {
        let size = (first.len() + 1).checked_mul(second.len() + 1).filter(|size| *size <= CELLS_MAX);
        let size = size.ok_or(Failure::from(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))?;
        let mut table = Self { first, second, cells: vec![0; size] };
        let width = second.len() + 1;
        for row in 1..=first.len() {
            for column in 1..=second.len() {
                table.cells[row * width + column] = if first[row - 1] == second[column - 1] {
                    table.at(row - 1, column - 1) + 1
                } else {
                    table.at(row - 1, column).max(table.at(row, column - 1))
                };
            }
        }
        Ok(table)
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.cells[row * (self.second.len() + 1) + column]
    }

    fn length(&self) -> usize {
        self.at(self.first.len(), self.second.len()) as usize
    }

    /// Walks one longest common subsequence from its end: index pairs.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let (mut row, mut column) = (self.first.len(), self.second.len());
        let mut pairs = Vec::with_capacity(self.length());
        while row > 0 && column > 0 {
            if self.first[row - 1] == self.second[column - 1] {
                row -= 1;
                column -= 1;
                pairs.push((row, column));
            } else if self.at(row - 1, column) > self.at(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        pairs
    }

    fn subsequence(&self) -> Vec<u8> {
        self.pairs().into_iter().rev().map(|(row, _)| self.first[row]).collect()
    }

    /// Runs of the subsequence that stand together in both strings, the last first.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (row, column) in self.pairs() {
            match matches.last_mut() {
                Some(run) if run.first.0 == row + 1 && run.second.0 == column + 1 => {
                    run.first.0 = row;
                    run.second.0 = column;
                }
                _ => matches.push(Match { first: (row, row), second: (column, column) }),
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation() {
        let table = Table::new(b"ohmytext", b"mynewtext").unwrap();
        assert_eq!(table.subsequence(), b"mytext");
        let runs: Vec<_> = table.matches().iter().map(|run| (run.first, run.second)).collect();
        assert_eq!(runs, [((4, 7), (5, 8)), ((2, 3), (0, 1))]);
        assert_eq!(Table::new(b"", b"abc").unwrap().length(), 0);
    }
}
