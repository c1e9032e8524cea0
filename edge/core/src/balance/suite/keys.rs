//! What algorithms that go by key promise: the same place for the same key, on every node, and few moves.

use super::*;
use proptest::prelude::*;

const KEYS: u64 = 10_000;

fn keyed() -> impl Iterator<Item = &'static Row> {
    ALGORITHMS.iter().filter(|row| row.keyed)
}

fn placed(balancer: &Balancer, keys: u64) -> Vec<Token> {
    let mut random = Random::new(keys);
    let place = |key: u64| {
        let request = Request { key: Some(hash::of(1, &key.to_le_bytes())), ..Request::default() };
        balancer.pick(request, ms(0), &mut random).unwrap().endpoint().token()
    };
    (0..keys).map(place).collect()
}

/// Keys whose place changed, and of those how many moved between endpoints that are in both sets.
fn moves(before: &[Token], after: &[Token], changed: Token) -> (usize, usize) {
    let moved: Vec<_> = before.iter().zip(after).filter(|(before, after)| before != after).collect();
    let needless = moved.iter().filter(|(before, after)| **before != changed && **after != changed).count();
    (moved.len(), needless)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_change_of_one_in_n_moves_about_one_in_n(count in 3_usize..40, who in 0_usize..40, leaves in any::<bool>()) {
        let who = who % count;
        let all = vec![1; count];
        for row in keyed() {
            let balancer = balancer(row.kind, &all);
            let before = placed(&balancer, KEYS);
            if leaves {
                let rest: Vec<Spec> = specs(&all).into_iter().filter(|spec| *spec.name != *name(who)).collect();
                balancer.replace(&rest, ms(1)).unwrap();
            } else {
                prop_assert!(balancer.set_condition(&name(who), Condition::Unwell, ms(1)));
            }
            let after = placed(&balancer, KEYS);
            let (moved, needless) = moves(&before, &after, Token::of(&name(who)));
            let part = moved as f64 / KEYS as f64 * count as f64;
            // Its own share; Maglev moves some keys of others, too.
            let (most, needless_most) = if row.kind == Kind::Maglev { (1.6, 0.03) } else { (1.35, 0.0) };
            prop_assert!((0.65..most).contains(&part), "{}: {count} members, {part} of a share moved", row.name);
            prop_assert!(needless as f64 / KEYS as f64 <= needless_most, "{}: {needless} moved needlessly", row.name);
            // And back to where they were.
            balancer.replace(&specs(&all), ms(2)).unwrap();
            balancer.set_condition(&name(who), Condition::Well, ms(2));
            prop_assert_eq!(placed(&balancer, KEYS), before, "{}", row.name);
        }
    }

    #[test]
    fn places_do_not_depend_on_order_or_history(count in 2_usize..30, seed in any::<u64>()) {
        let mut shuffled = specs(&vec![1; count]);
        let mut random = Random::new(seed);
        for index in (1..count).rev() {
            shuffled.swap(index, random.below(index + 1));
        }
        for row in keyed() {
            let one = balancer(row.kind, &vec![1; count]);
            let other = balancer(row.kind, &[1; 50]);
            other.replace(&shuffled, ms(1)).unwrap();
            prop_assert_eq!(placed(&one, 1_000), placed(&other, 1_000), "{}", row.name);
        }
    }
}

#[test]
fn keys_of_who_left_spread_over_all_that_stay() {
    for row in keyed() {
        let balancer = balancer(row.kind, &[1; 10]);
        let before = placed(&balancer, KEYS);
        let left = Token::of(&name(4));
        balancer.set_condition(&name(4), Condition::Unwell, ms(1));
        let mut heirs: HashMap<Token, usize> = HashMap::new();
        for (before, after) in before.iter().zip(placed(&balancer, KEYS)) {
            if *before == left {
                *heirs.entry(after).or_default() += 1;
            }
        }
        let most = heirs.values().max().copied().unwrap_or(0) as f64 / heirs.values().sum::<usize>() as f64;
        assert!(heirs.len() == 9 && most < 0.25, "{}: {heirs:?}", row.name);
    }
}
