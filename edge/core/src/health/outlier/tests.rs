//! Rows, rates, the length of ejections and how many there may be.

use super::*;

struct Set {
    records: Vec<Record>,
    detector: Detector,
    settings: Settings,
    random: Random,
}

impl Set {
    fn new(targets: usize, settings: Settings) -> Self {
        let records = (0..targets).map(|_| Record::default()).collect();
        Self { records, detector: Detector::new(Duration::ZERO), settings, random: Random::new(7) }
    }

    fn count(&mut self, index: usize, good: u32, bad: u32) {
        // Good ones in between, so that no row becomes full.
        for n in 0..good.max(bad) {
            for (answer, count) in [(Answer::Failure, bad), (Answer::Good, good)] {
                if n < count {
                    self.records[index].tally.count(answer, &self.settings);
                }
            }
        }
    }

    fn trip(&mut self, index: usize, now: u64) -> bool {
        let mut records: Vec<&mut Record> = self.records.iter_mut().collect();
        Detector::tripped(&mut records, index, &self.settings, Duration::from_secs(now), &mut self.random)
    }

    fn sweep(&mut self, now: u64) -> Vec<usize> {
        let mut records: Vec<&mut Record> = self.records.iter_mut().collect();
        self.detector.sweep(&mut records, &self.settings, Duration::from_secs(now), &mut self.random)
    }
}

#[test]
fn rows_become_full() {
    let settings = Settings { consecutive_failures: 4, consecutive_gateway_errors: 3, ..Settings::default() };
    let off = Settings { consecutive_failures: 0, consecutive_gateway_errors: 0, ..Settings::default() };
    // + good, f failure, g gateway error; the answers after which a row is full.
    for (settings, answers, expected) in [
        (&settings, "ffff", vec![3]),
        (&settings, "ggg", vec![2]),
        (&settings, "fff+fff", vec![]),
        (&settings, "gg+gg", vec![]),
        (&settings, "gfgf", vec![3]),
        (&settings, "ffffffff", vec![3, 7]),
        (&off, "ffffffffgggggg", vec![]),
    ] {
        let tally = Tally::default();
        let answer = |letter| match letter {
            '+' => Answer::Good,
            'f' => Answer::Failure,
            _ => Answer::GatewayError,
        };
        let full = |(index, letter)| tally.count(answer(letter), settings).then_some(index);
        assert_eq!(answers.chars().enumerate().filter_map(full).collect::<Vec<_>>(), expected, "{answers}");
    }
}

#[test]
fn who_is_far_below_the_others_is_ejected() {
    // Good and bad answers of each target; who is ejected.
    let rows: &[(&[(u32, u32)], &[usize])] = &[
        (&[(200, 0); 6], &[]),
        (&[(200, 2), (200, 1), (200, 0), (200, 2), (200, 1), (150, 50)], &[5]),
        // All are equally bad: nobody is an outlier.
        (&[(100, 100); 6], &[]),
        // Too few answers, too few targets.
        (&[(200, 0), (200, 0), (200, 0), (200, 0), (200, 0), (10, 10)], &[]),
        (&[(200, 0), (200, 0), (200, 0), (100, 100)], &[]),
        // A share of failures needs no neighbours.
        (&[(200, 0), (10, 190)], &[1]),
        // Of two, only the worse: three in ten may be ejected, which is one of six.
        (&[(200, 0), (5, 195), (200, 0), (200, 0), (200, 0), (2, 198)], &[5]),
    ];
    for (answers, expected) in rows {
        let mut set = Set::new(answers.len(), Settings::default());
        for (index, (good, bad)) in answers.iter().enumerate() {
            set.count(index, *good, *bad);
        }
        assert!(set.sweep(9).is_empty(), "the interval is not over");
        assert_eq!(set.sweep(10), *expected, "{answers:?}");
        for (index, record) in set.records.iter().enumerate() {
            assert_eq!(record.ejected_until().is_some(), expected.contains(&index), "{answers:?}");
        }
        // What was counted is counted once.
        assert_eq!(set.sweep(20), [0_usize; 0]);
    }
}

#[test]
fn ejections_grow_and_good_order_shortens_them() {
    let mut set = Set::new(3, Settings { jitter: 0.0, ..Settings::default() });
    let mut now = 100;
    for expected in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300] {
        assert!(set.trip(0, now));
        assert!(!set.trip(0, now), "it is ejected");
        assert_eq!(set.records[0].ejected_until().unwrap().as_secs(), now + expected);
        now += expected;
        let before = set.records[0].times;
        assert!(set.sweep(now).contains(&0));
        // The sweep in which it came back was in good order as well.
        set.records[0].times = before;
    }
    for _ in 0..20 {
        now += 10;
        set.sweep(now);
    }
    assert!(set.trip(0, now));
    assert_eq!(set.records[0].ejected_until().unwrap().as_secs(), now + 30);
}

#[test]
fn only_a_part_is_ejected_but_one_always_may_be() {
    for (targets, ejected_max, expected) in
        [(3, 0.1, 1), (10, 0.1, 1), (30, 0.1, 3), (10, 0.5, 5), (4, 0.0, 1), (4, 1.0, 4)]
    {
        let mut set = Set::new(targets, Settings { ejected_max, ..Settings::default() });
        let ejected = (0..targets).filter(|&index| set.trip(index, 1)).count();
        assert_eq!(ejected, expected, "{targets} targets, {ejected_max}");
    }
}

#[test]
fn ejections_end_at_different_times() {
    let mut set = Set::new(20, Settings { ejected_max: 1.0, ..Settings::default() });
    assert!((0..20).all(|index| set.trip(index, 0)));
    let mut ends: Vec<_> =
        set.records.iter().map(|record| record.ejected_until().unwrap().as_millis()).collect();
    ends.sort_unstable();
    assert!(ends[0] >= 27_000 && ends[19] <= 33_000 && ends[19] - ends[0] > 2_000, "{ends:?}");
}
