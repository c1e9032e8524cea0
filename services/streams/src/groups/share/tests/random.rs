//! Members that acquire, acknowledge, dawdle, close and crash in any order, with restarts in between, against a model of every record. Every second
//! topic delays records, lets those wait that come back, and has its dead letters written in between.

use bole_testing::Rng;

use super::*;

const RECORDS: i64 = 120;
const BATCH: i64 = 4;
/// Offsets of every seventh batch do not exist.
const GAP_EVERY: i64 = 7;

#[derive(Clone, Debug, Default)]
struct Seen {
    holder: Option<(usize, u64)>,
    /// What readers were told last; lower by one after a crash at most.
    deliveries: u16,
    done: bool,
    /// It was given up and is not written yet.
    condemned: Option<Reason>,
    /// It came back, and is not to be had before.
    due_ms: u64,
    /// How often it was written to the dead-letter topic.
    written: u32,
}

struct World {
    stage: Stage,
    rng: Rng,
    records: Vec<Seen>,
    log_end: i64,
    start: i64,
    sharing: Sharing,
    /// Of each record, by the calendar.
    made_ms: u64,
}

const fn exists(offset: i64) -> bool {
    (offset / BATCH) % GAP_EVERY != 3
}

impl World {
    fn new(seed: u64) -> Self {
        let mut stage = stage();
        stage.config.share_in_flight_max = 30;
        let sharing = if seed.is_multiple_of(2) {
            Sharing::default()
        } else {
            Sharing {
                delivery_count_max: Some(3),
                backoff_ms: 4_000,
                backoff_ms_max: 6_000,
                delay_ms: 10_000,
                dead_letter_topic: (seed % 4 == 1).then(|| "dead".into()),
                ..Sharing::default()
            }
        };
        stage.topics.set_sharing(sharing.clone());
        let made_ms = stage.now.wall_ms;
        Self {
            stage,
            rng: Rng::new(seed),
            records: vec![Seen::default(); RECORDS as usize],
            log_end: 0,
            start: 0,
            sharing,
            made_ms,
        }
    }

    fn step(&mut self) {
        let member = self.rng.index(3);
        match self.rng.below(100) {
            0..15 => self.log_end = (self.log_end + BATCH * self.rng.below(3) as i64).min(RECORDS),
            15..45 => self.fetch(member),
            45..85 => self.acknowledge(member),
            85..92 => self.pass(self.rng.clone().in_range(1..12_000)),
            92..94 => self.close(member),
            94..97 => self.stage.checkpoint(),
            97 => self.restart(),
            98 => self.write_letters(),
            _ => {
                let _value = self.rng.next_u64();
            }
        }
        self.check();
    }

    fn fetch(&mut self, member: usize) {
        let max = 1 + self.rng.below(10);
        let Some(from) = self.stage.position((0, self.log_end)).unwrap() else { return };
        let to = (from + BATCH * (1 + self.rng.below(4) as i64)).min(self.log_end);
        let batches = (from / BATCH..(to + BATCH - 1) / BATCH)
            .map(|number| (number * BATCH, number * BATCH + BATCH - 1));
        let batches: Vec<_> = batches.filter(|(first, _)| exists(*first)).collect();
        let end = batches.last().map_or(to, |(_, last)| (last + 1).max(to));
        let request = AcquireRequest {
            group: GROUP.into(),
            member_id: member.to_string().into(),
            place: place(),
            from,
            to: end,
            batches,
            max_records: max,
            strict: self.rng.one_in(2),
            delayed: (from..end).filter_map(|at| self.delayed(at)).collect(),
        };
        let (now, wall_ms) = (self.stage.now.monotonic_ms, self.stage.now.wall_ms);
        for (first, last, deliveries) in self.stage.acquire_request(&request) {
            for offset in first..=last {
                let seen = &mut self.records[offset as usize];
                assert!(exists(offset) && !seen.done, "offset {offset} is to be had");
                assert!(seen.condemned.is_none(), "offset {offset} was given up");
                assert!(seen.due_ms <= wall_ms, "offset {offset} came back and waits");
                let due_ms = due(self.made_ms, offset, &self.sharing);
                assert!(seen.deliveries > 0 || due_ms <= wall_ms, "offset {offset} is delayed");
                assert_eq!(seen.holder, None, "offset {offset} is acquired by one member");
                assert_eq!(deliveries, seen.deliveries + 1, "offset {offset}");
                seen.holder = Some((member, now + LOCK_MS));
                seen.deliveries = deliveries;
            }
        }
    }

    /// What a reader would say of a record that is not due.
    fn delayed(&self, offset: i64) -> Option<(i64, i64, u64)> {
        let due_ms = due(self.made_ms, offset, &self.sharing);
        (exists(offset) && due_ms > self.stage.now.wall_ms).then_some((offset, offset, due_ms))
    }

    /// Writes what is condemned, some of it at first, and never what was written before.
    fn write_letters(&mut self) {
        let (state_epoch, mut letters) = letters(&self.stage.state, GROUP, place());
        letters.truncate(1 + self.rng.index(8));
        for letter in &letters {
            let seen = &mut self.records[letter.offset as usize];
            assert_eq!(seen.condemned.take(), Some(letter.reason), "offset {}", letter.offset);
            assert_eq!(letter.deliveries, seen.deliveries, "offset {}", letter.offset);
            seen.done = true;
            seen.written += 1;
        }
        let group = GROUP.into();
        let mut archive = |epoch| {
            self.stage.act(GROUP, |state, _, out| archive(state, out, &group, place(), epoch, &letters))
        };
        assert!(!archive(state_epoch + 1) || letters.is_empty(), "an operator has set the start meanwhile");
        assert!(archive(state_epoch) || letters.is_empty());
        assert!(!archive(state_epoch) || letters.is_empty(), "letters are written once");
    }

    /// What becomes of a record that came back, or was rejected.
    fn take_back(&mut self, at: usize, rejected: bool) {
        let most = self.sharing.delivery_count_max.unwrap_or(5);
        let now_ms = self.stage.now.wall_ms;
        let seen = &mut self.records[at];
        seen.holder = None;
        let reason = if rejected { Reason::Rejected } else { Reason::DeliveredTooOften };
        if !rejected && seen.deliveries < most {
            let wait = self.sharing.backoff_after(seen.deliveries);
            seen.due_ms = if wait == 0 { 0 } else { now_ms + wait };
        } else if self.sharing.dead_letter_topic.is_some() {
            seen.condemned = Some(reason);
        } else {
            seen.done = true;
        }
    }

    fn acknowledge(&mut self, member: usize) {
        let offset = self.rng.below(RECORDS as u64) as usize;
        let own = |seen: &Seen| seen.holder.is_some_and(|(holder, _)| holder == member);
        let Some(first) = (offset..self.records.len()).find(|at| own(&self.records[*at])) else { return };
        let most = 1 + self.rng.index(6);
        let last =
            (first..self.records.len()).take(most).take_while(|at| own(&self.records[*at])).last().unwrap();
        let kinds: Vec<_> = (first..=last)
            .map(|_| {
                use Acknowledgement::{Accept, Reject, Release, Renew};
                *self.rng.pick(&[Accept, Accept, Accept, Release, Reject, Renew])
            })
            .collect();
        let batch = Batch { first: first as i64, last: last as i64, kinds: kinds.clone() };
        self.stage.acknowledge_batches(&member.to_string(), vec![batch]).unwrap();
        let now = self.stage.now.monotonic_ms;
        for (at, kind) in (first..).zip(kinds) {
            let seen = &mut self.records[at];
            match kind {
                Acknowledgement::Renew => seen.holder = Some((member, now + LOCK_MS)),
                Acknowledgement::Release => self.take_back(at, false),
                Acknowledgement::Reject => self.take_back(at, true),
                _ => *seen = Seen { done: true, holder: None, ..*seen },
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        let _value = self.rng.next_u64();
        let end = self.stage.now.monotonic_ms + ms;
        // Locks run out one after the other, and each record waits from then on.
        loop {
            let ends = self.records.iter().filter_map(|seen| seen.holder).map(|(_, until)| until);
            let next = ends.filter(|until| *until <= end).min().unwrap_or(end);
            self.stage.pass(next - self.stage.now.monotonic_ms);
            for at in 0..self.records.len() {
                if self.records[at].holder.is_some_and(|(_, until)| until <= next) {
                    self.take_back(at, false);
                }
            }
            if next == end {
                return;
            }
        }
    }

    fn close(&mut self, member: usize) {
        self.stage.release(&member.to_string());
        for seen in &mut self.records {
            if seen.holder.is_some_and(|(holder, _)| holder == member) {
                seen.holder = None;
                seen.deliveries -= 1;
                seen.due_ms = 0;
            }
        }
    }

    fn restart(&mut self) {
        self.stage.restart();
        for seen in self.records.iter_mut().filter(|seen| seen.holder.is_some()) {
            seen.holder = None;
            seen.deliveries -= 1;
        }
    }

    fn check(&mut self) {
        let Some(kept) = self.stage.share_record().shares.get(&place()) else { return };
        assert!(kept.start >= self.start, "the start does not go back");
        self.start = kept.start;
        let first_open =
            self.records.iter().enumerate().position(|(at, seen)| exists(at as i64) && !seen.done);
        let first_open = first_open.map_or(RECORDS, |at| at as i64);
        assert!(kept.start <= first_open, "nothing that is not done is passed over");
        let span = 2 * self.records.len();
        assert!(kept.spans.len() <= span);
    }
}

/// When a record may be delivered first: the topic's delay, and with every third one a longer one of its own.
const fn due(made_ms: u64, offset: i64, sharing: &Sharing) -> u64 {
    if sharing.delay_ms == 0 {
        return 0;
    }
    let own_ms = if offset % 3 == 0 { 500 * offset as u64 } else { 0 };
    made_ms + sharing.delay_ms + own_ms
}

#[test]
fn any_order_of_events_keeps_the_invariants() {
    for seed in 0..150 {
        let mut world = World::new(seed);
        for _ in 0..500 {
            world.step();
        }
        // Left in peace, every record is processed or given up, and the start is at the end.
        world.log_end = RECORDS;
        for round in 0.. {
            assert!(round < 2_000, "seed {seed}: stuck at {}", world.start);
            world.fetch(0);
            let held: Vec<_> = (0..RECORDS)
                .filter(|at| world.records[*at as usize].holder.is_some_and(|(holder, _)| holder == 0))
                .collect();
            for at in held {
                world.stage.acknowledge("0", at, at, Acknowledgement::Accept).unwrap();
                world.records[at as usize].done = true;
                world.records[at as usize].holder = None;
            }
            while world.records.iter().any(|seen| seen.condemned.is_some()) {
                world.write_letters();
            }
            world.check();
            if world.start == RECORDS {
                break;
            }
            world.pass(5_000);
        }
        world.stage.restart();
        assert_eq!(world.stage.share().spans.len(), 0, "seed {seed}: nothing is remembered of what is done");
    }
}
