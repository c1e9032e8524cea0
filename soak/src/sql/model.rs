//! What clients do with accounts, and what it means.

use std::collections::BTreeSet;

use bole_testing::Rng;
use bole_testing::harness::Model;

/// Accounts.
pub const ACCOUNTS: usize = 5;
/// What each holds at first.
pub const MONEY: i64 = 1_000;
/// Tables that come and go.
const TABLES: u64 = 3;

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Op {
    /// Money goes from one account to another, and the transfer is noted in a table and, if wished, in another service. `length` bytes are attached to it.
    Transfer {
        /// From.
        from: usize,
        /// To.
        to: usize,
        /// How much.
        amount: i64,
        /// Whether another service notes it, too.
        note: bool,
        /// Bytes attached.
        length: usize,
        /// What else the transaction does that is undone before it ends.
        detour: bool,
    },
    /// A transfer that is rolled back.
    Abort(usize, usize),
    /// A transfer that a constraint refuses at its commit.
    Violate(usize),
    /// Makes a table, or drops it if it is there.
    Toggle(u64),
    /// Removes old rows of the table of transfers.
    Forget,
    /// Looks at everything; some look twice at one snapshot.
    Look(bool),
}

impl Op {
    /// The next operation of a client.
    pub fn draw(rng: &mut Rng) -> Self {
        let account = |rng: &mut Rng| rng.index(ACCOUNTS);
        match rng.below(20) {
            0..=9 => Self::Transfer {
                from: account(rng),
                to: account(rng),
                amount: rng.below(100) as i64,
                note: rng.one_in(2),
                length: if rng.one_in(6) { 1_000 + rng.index(2_500) } else { rng.index(20) },
                detour: rng.one_in(4),
            },
            10 => Self::Abort(account(rng), account(rng)),
            11 => Self::Violate(account(rng)),
            12 => Self::Toggle(rng.below(TABLES)),
            13 => Self::Forget,
            _ => Self::Look(rng.one_in(4)),
        }
    }
}

/// Transfers that are forgotten at once. Their rows are in the log as a whole, and must fit into a segment of the journal, which is small here.
pub(super) const FORGOTTEN_MAX: usize = 4;

/// What is in the database, and what the other service has noted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bank {
    /// What accounts hold.
    pub accounts: Vec<i64>,
    /// Transfers: number, from, to, amount, bytes attached.
    pub transfers: Vec<(i64, i64, i64, i64, i64)>,
    /// The highest number so far.
    pub last: i64,
    /// Tables that came and did not go.
    pub tables: BTreeSet<u64>,
    /// The numbers of transfers that were noted elsewhere.
    pub notes: Vec<i64>,
}

impl Default for Bank {
    fn default() -> Self {
        Self {
            accounts: vec![MONEY; ACCOUNTS],
            transfers: Vec::new(),
            last: 0,
            tables: BTreeSet::new(),
            notes: Vec::new(),
        }
    }
}

impl Model for Bank {
    type Op = Op;
    /// The number of the transfer.
    type Reply = i64;
    type State = Self;

    fn apply(&mut self, op: &Op) -> i64 {
        match op {
            Op::Transfer { from, to, amount, note, length, .. } => {
                self.accounts[*from] -= amount;
                self.accounts[*to] += amount;
                self.last += 1;
                self.transfers.push((self.last, *from as i64, *to as i64, *amount, *length as i64));
                if *note {
                    self.notes.push(self.last);
                }
            }
            Op::Toggle(table) => {
                if !self.tables.remove(table) {
                    self.tables.insert(*table);
                }
            }
            Op::Forget => {
                let (last, mut left) = (self.last, FORGOTTEN_MAX);
                self.transfers.retain(|(number, ..)| {
                    let stays = number + 5 > last || left == 0;
                    left -= usize::from(!stays);
                    stays
                });
            }
            Op::Abort(..) | Op::Violate(_) | Op::Look(_) => {}
        }
        self.last
    }

    fn state(&self) -> Self {
        self.clone()
    }
}
