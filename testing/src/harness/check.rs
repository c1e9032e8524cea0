//! Whether a recovered state is explained by the history before the crash: some prefix of an order of the operations that
//! clients could have seen, with everything in it that had to survive.

use std::collections::HashSet;

use super::{Crash, Model, Observed, Outcome, Record};

/// Checks what `observed` shows after `crash`, given the state `base` before `history`; `reached` is how far the journal
/// reached when it was recovered. Returns the model in the recovered state, from which the next round goes on.
pub fn recovered<M: Model>(
    base: &M,
    history: &[Record<M>],
    crash: Crash,
    observed: &Observed<M::State>,
    reached: Option<u64>,
    search_states_max: usize,
) -> Result<M, String> {
    match reached {
        Some(reached) => by_position(base, history, crash, &observed.state, reached),
        None => by_search(base, history, crash, &observed.state, search_states_max),
    }
}

/// The check for a system that knows positions: the operations placed at or below `reached` are replayed in their order.
pub fn by_position<M: Model>(
    base: &M,
    history: &[Record<M>],
    crash: Crash,
    state: &M::State,
    reached: u64,
) -> Result<M, String> {
    let mut placed: Vec<&Record<M>> = history.iter().filter(|record| record.position.is_some()).collect();
    placed.sort_by_key(|record| record.position);
    check_order(&placed)?;
    let lost = |record: &&Record<M>| record.position > Some(reached) && record.must_survive(crash);
    if let Some(record) = placed.iter().copied().find(lost) {
        return Err(format!("acknowledged, but lost by {crash:?}; the journal reaches {reached}: {record}"));
    }
    let mut model = base.clone();
    for record in placed.into_iter().filter(|record| record.position <= Some(reached)) {
        if record.refused() {
            return Err(format!("refused, but it is in the journal: {record}"));
        }
        let reply = model.apply(&record.op);
        if !reply_fits(record, &reply) {
            return Err(format!("at its place in the journal the reply is {reply:?}: {record}"));
        }
    }
    let expected = model.state();
    if expected == *state {
        return Ok(model);
    }
    Err(format!(
        "the state is not the replay of the journal up to {reached}\n  expected {expected:?}\n  found    {state:?}"
    ))
}

/// Positions are unique, and an operation that ended before another began comes before it. `placed` is sorted by position.
fn check_order<M: Model>(placed: &[&Record<M>]) -> Result<(), String> {
    let mut begun_last: Option<&Record<M>> = None;
    for pair in placed.windows(2) {
        if pair[0].position == pair[1].position {
            return Err(format!("two operations have one position:\n  {}\n  {}", pair[0], pair[1]));
        }
    }
    for record in placed {
        if let (Some(earlier), Some(returned)) = (begun_last, record.returned)
            && record.acknowledged()
            && returned < earlier.invoked
        {
            return Err(format!("the journal has the second before the first:\n  {record}\n  {earlier}"));
        }
        if begun_last.is_none_or(|earlier| earlier.invoked < record.invoked) {
            begun_last = Some(record);
        }
    }
    Ok(())
}

fn reply_fits<M: Model>(record: &Record<M>, reply: &M::Reply) -> bool {
    match &record.outcome {
        Some(Outcome::Done(Some(seen))) => seen == reply,
        _ => true,
    }
}

/// An operation as the search sees it: bits stand for operations.
struct Candidate<'a, M: Model> {
    record: &'a Record<M>,
    /// Acknowledged operations that ended before this one began: a prefix that has this one has them too.
    before: u128,
}

/// The check for a system that does not know positions: a search, after Wing and Gong (1993), for an order of a subset
/// of the operations that respects real time and replies, ends in `state`, has all that must survive, and misses none
/// that a later member implies. Visited pairs of subset and model are remembered (Lowe, 2017).
pub fn by_search<M: Model>(
    base: &M,
    history: &[Record<M>],
    crash: Crash,
    state: &M::State,
    states_max: usize,
) -> Result<M, String> {
    let records: Vec<&Record<M>> = history.iter().filter(|record| !record.refused()).collect();
    if records.len() > 128 {
        return Err(format!("{} operations are too many to search; 128 are allowed", records.len()));
    }
    let bits = |holds: &dyn Fn(&Record<M>) -> bool| -> u128 {
        let holding = records.iter().enumerate().filter(|(_, record)| holds(record));
        holding.fold(0, |bits, (index, _)| bits | 1 << index)
    };
    let ends_before = |earlier: &Record<M>, later: &Record<M>| {
        earlier.acknowledged() && earlier.returned.is_some_and(|returned| returned < later.invoked)
    };
    let required = bits(&|record| record.must_survive(crash));
    let candidates: Vec<Candidate<'_, M>> = records
        .iter()
        .map(|&record| Candidate { record, before: bits(&|earlier| ends_before(earlier, record)) })
        .collect();
    search(base, &candidates, required, state, states_max)
}

fn search<M: Model>(
    base: &M,
    candidates: &[Candidate<'_, M>],
    required: u128,
    state: &M::State,
    states_max: usize,
) -> Result<M, String> {
    let mut seen: HashSet<(u128, M)> = HashSet::new();
    let mut open = vec![(0_u128, base.clone())];
    while let Some((taken, model)) = open.pop() {
        if taken & required == required && model.state() == *state {
            return Ok(model);
        }
        if seen.len() >= states_max {
            return Err(format!("undecided after {states_max} states; make the history smaller"));
        }
        for (index, candidate) in candidates.iter().enumerate().rev() {
            if taken & (1 << index) != 0 || candidate.before & !taken != 0 {
                continue;
            }
            let mut next = model.clone();
            let reply = next.apply(&candidate.record.op);
            let next = (taken | 1 << index, next);
            if reply_fits(candidate.record, &reply) && !seen.contains(&next) {
                seen.insert(next.clone());
                open.push(next);
            }
        }
    }
    Err(format!("no order of the operations explains the state {state:?}"))
}

#[cfg(test)]
mod tests {
    use bole_base::Durability;

    use super::*;

    /// A list to which operations append; the reply is its length.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    struct List(Vec<u32>);

    impl Model for List {
        type Op = u32;
        type Reply = usize;
        type State = Vec<u32>;

        fn apply(&mut self, op: &u32) -> usize {
            self.0.push(*op);
            self.0.len()
        }

        fn state(&self) -> Vec<u32> {
            self.0.clone()
        }
    }

    /// The history, the crash, what is recovered, whether that is right.
    type Row<'a> = (Vec<Record<List>>, Crash, &'a [u32], bool);
    type End = (Option<u64>, Option<Outcome<usize>>);

    fn acked(at: u64) -> End {
        (Some(at), Some(Outcome::Done(None)))
    }

    fn record(op: u32, durability: Durability, invoked: u64, end: End) -> Record<List> {
        let position = Some(u64::from(op) * 10);
        Record { client: 0, op, durability, invoked, returned: end.0, outcome: end.1, position }
    }

    #[test]
    fn both_checks_agree_on_what_a_crash_may_leave() {
        use Crash::{Clean, Kill, PowerCut};
        use Durability::{Async, Sync};
        let open: End = (None, None);
        let refused: End = (Some(2), Some(Outcome::Refused("full".into())));
        let one = |class, end| vec![record(1, class, 1, end)];
        let then = |class, second: End| vec![record(1, class, 1, acked(2)), record(2, class, 3, second)];
        let rows: Vec<Row<'_>> = vec![
            (one(Sync, acked(2)), PowerCut, &[1], true),
            (one(Sync, acked(2)), PowerCut, &[], false),
            (one(Async, acked(2)), PowerCut, &[], true),
            (one(Async, acked(2)), Kill, &[], false),
            (one(Sync, open.clone()), PowerCut, &[], true),
            (one(Sync, open.clone()), PowerCut, &[1], true),
            (one(Sync, open.clone()), PowerCut, &[9], false),
            (one(Sync, refused.clone()), Clean, &[], true),
            (one(Sync, refused), Clean, &[1], false),
            (then(Sync, acked(4)), Clean, &[1, 2], true),
            (then(Sync, acked(4)), Clean, &[2, 1], false),
            (then(Async, acked(4)), PowerCut, &[1], true),
            (then(Async, open.clone()), PowerCut, &[], true),
            (then(Async, open), PowerCut, &[2], false),
            (one(Sync, (Some(2), Some(Outcome::Done(Some(1))))), Clean, &[1], true),
            (one(Sync, (Some(2), Some(Outcome::Done(Some(7))))), Clean, &[1], false),
        ];
        for (history, crash, state, right) in rows {
            let base = List::default();
            let state = state.to_vec();
            let searched = by_search(&base, &history, crash, &state, 1000);
            assert_eq!(searched.is_ok(), right, "search: {history:?} {crash:?} {state:?}: {searched:?}");
            let reached = state.last().map_or(0, |last| u64::from(*last) * 10);
            let replayed = by_position(&base, &history, crash, &state, reached);
            assert_eq!(replayed.is_ok(), right, "positions: {history:?} {crash:?} {state:?}: {replayed:?}");
        }
    }

    #[test]
    fn positions_must_agree_with_time() {
        let mut history =
            vec![record(2, Durability::Sync, 1, acked(2)), record(1, Durability::Sync, 3, acked(4))];
        let check = |history: &[Record<List>], state: &[u32]| {
            by_position(&List::default(), history, Crash::Clean, &state.to_vec(), 20)
        };
        assert!(check(&history, &[1, 2]).unwrap_err().contains("second before the first"));
        history[0].position = Some(10);
        assert!(check(&history, &[2, 1]).unwrap_err().contains("one position"));
    }
}
