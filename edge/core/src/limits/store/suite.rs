//! What every store must do, and that all give the same numbers.

use super::*;
use crate::Random;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;

/// Cells in memory. Every `lost`-th swap fails as if another node had been first; 0 for none.
#[derive(Default)]
struct Memory {
    cells: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    lost: u32,
    swaps: AtomicU32,
    broken: bool,
}

impl Cells for Memory {
    fn read<'a>(&'a self, key: &'a [u8]) -> Waiting<'a, Option<Vec<u8>>> {
        let found = self.cells.lock().get(key).cloned();
        let broken = Error::Unavailable("no connection".to_owned());
        Box::pin(async move { if self.broken { Err(broken) } else { Ok(found) } })
    }

    fn swap<'a>(
        &'a self,
        key: &'a [u8],
        old: Option<&'a [u8]>,
        new: &'a [u8],
        _: Duration,
    ) -> Waiting<'a, bool> {
        let swap = self.swaps.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            let mut cells = self.cells.lock();
            let same = cells.get(key).map(Vec::as_slice) == old;
            let wins = same && (self.lost == 0 || !swap.is_multiple_of(self.lost));
            if wins {
                cells.insert(key.to_vec(), new.to_vec());
            }
            Ok(wins)
        })
    }
}

/// Drives a future that waits for nothing but locks.
fn now_or_never(mut taking: Taking<'_>) -> Result<Decision, Error> {
    match Pin::new(&mut taking).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => decision,
        Poll::Pending => panic!("the store waits"),
    }
}

fn stores() -> Vec<(&'static str, Box<dyn Store>)> {
    vec![
        ("local", Box::new(Local::new(1_000, 7))),
        ("shared", Box::new(Shared::new(Memory::default()))),
        ("shared, contended", Box::new(Shared::new(Memory { lost: 3, ..Memory::default() }))),
    ]
}

fn rules() -> [Rule; 3] {
    let rules = [
        Rule::bucket(10, Duration::from_secs(1), 10),
        Rule::bucket(7, Duration::from_millis(333), 20),
        Rule::window(15, Duration::from_secs(1)),
    ];
    rules.map(|rule| rule.unwrap())
}

#[test]
fn all_stores_decide_alike() {
    for rule in rules() {
        let mut all = Vec::new();
        for (name, store) in stores() {
            let mut random = Random::new(11);
            let mut now = Duration::from_millis(1_767_225_600_123);
            let mut decisions = Vec::new();
            for n in 0..5_000 {
                now += Duration::from_micros(random.below(20_000) as u64);
                // Now and then a clock that is behind.
                let at = now.saturating_sub(Duration::from_millis(if n % 17 == 0 { 40 } else { 0 }));
                let key = [b'k', random.below(5) as u8];
                decisions.push(now_or_never(store.take(&key, &rule, random.below(3) as u32, at)).unwrap());
            }
            assert!(decisions.iter().any(|decision| !decision.admitted), "{name}");
            all.push((name, decisions));
        }
        for (name, decisions) in &all[1..] {
            assert!(*decisions == all[0].1, "{name} differs from {} under {rule:?}", all[0].0);
        }
    }
}

#[test]
fn as_many_as_allowed_get_in_however_many_ask_at_once() {
    for rule in rules() {
        let expected = rule.decide(None, 0, Duration::from_secs(1)).0.remaining;
        for (name, store) in stores() {
            let admitted = AtomicU32::new(0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            let taken = now_or_never(store.take(b"one", &rule, 1, Duration::from_secs(5)));
                            // With many at once a decision may be contended; that it counts nothing is what matters.
                            let entered = taken.is_ok_and(|decision| decision.admitted);
                            admitted.fetch_add(u32::from(entered), Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(admitted.into_inner(), expected, "{name}: {rule:?}");
        }
    }
}

#[test]
fn keys_do_not_share_and_a_changed_rule_begins_anew() {
    let [rule, other, _] = rules();
    for (name, store) in stores() {
        let take = |key: &[u8], rule, cost| {
            now_or_never(store.take(key, rule, cost, Duration::from_secs(5))).unwrap()
        };
        assert!(take(b"a", &rule, 10).admitted, "{name}");
        assert!(!take(b"a", &rule, 1).admitted, "{name}");
        assert!(take(b"b", &rule, 10).admitted, "{name}");
        let never = take(b"c", &rule, 11);
        assert!(!never.admitted && never.retry_after.is_none(), "{name}");
        assert!(take(b"a", &other, 20).admitted, "{name}");
    }
}

#[test]
fn a_store_that_cannot_decide_says_so() {
    let [rule, ..] = rules();
    let broken = Shared::new(Memory { broken: true, ..Memory::default() });
    let lost = Shared::new(Memory { lost: 1, ..Memory::default() });
    let unavailable = now_or_never(broken.take(b"k", &rule, 1, Duration::ZERO));
    assert_eq!(unavailable, Err(Error::Unavailable("no connection".to_owned())));
    assert_eq!(now_or_never(lost.take(b"k", &rule, 1, Duration::ZERO)), Err(Error::Contended(16)));
    assert!(OnFailure::Admit.admits(&unavailable) && !OnFailure::Refuse.admits(&unavailable));
    let refused = now_or_never(Local::new(9, 0).take(b"k", &rule, 99, Duration::ZERO));
    assert!(!OnFailure::Admit.admits(&refused));
}
