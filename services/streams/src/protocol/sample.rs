//! Random values of every message, for tests: the same for the same seed, and only what the version has.

use bytes::Bytes;

use super::records::Records;
use super::text::Text;
use super::uuid::Uuid;
use super::wire::Form;

/// A generator of numbers; the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number of 31 bits.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }

    /// A number of 64 bits that is often small, often at an edge.
    pub(crate) fn wide(&mut self) -> i64 {
        let value = (self.next() << 33 | self.next() << 2 | self.next() & 3) as i64;
        match self.below(6) {
            0 => 0,
            1 => -1,
            2 => value % 128,
            3 => value % 40_000,
            _ => value,
        }
    }
}

/// A type of which random values can be made.
pub(crate) trait Sample: Sized {
    /// A value that `form` can carry.
    fn sample(random: &mut Random, form: Form) -> Self;
}

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl Sample for $type {
            fn sample(random: &mut Random, _: Form) -> $type {
                random.wide() as $type
            }
        }
    )* };
}

numbers!(i8, u16, i16, u32, i32, i64, f64);

impl Sample for bool {
    fn sample(random: &mut Random, _: Form) -> bool {
        random.below(2) == 1
    }
}

impl Sample for Uuid {
    fn sample(random: &mut Random, _: Form) -> Uuid {
        Uuid([random.below(3) as u8; 16])
    }
}

impl Sample for Text {
    fn sample(random: &mut Random, _: Form) -> Text {
        const LETTERS: [&str; 8] = ["a", "b", "-", "ö", "0", "日", ".", "Z"];
        let length = if random.below(50) == 0 { 300 } else { random.below(12) };
        (0..length).map(|_| LETTERS[random.below(LETTERS.len())]).collect::<String>().into()
    }
}

impl Sample for Bytes {
    fn sample(random: &mut Random, _: Form) -> Bytes {
        let length = if random.below(20) == 0 { 1_500 } else { random.below(40) };
        (0..length).map(|_| random.below(256) as u8).collect::<Vec<u8>>().into()
    }
}

impl Sample for Records {
    fn sample(random: &mut Random, form: Form) -> Records {
        let mut records = Records::new();
        (0..random.below(3)).for_each(|_| records.push(Bytes::sample(random, form)));
        records
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(random: &mut Random, form: Form) -> Vec<T> {
        let length = if random.below(60) == 0 && size_of::<T>() < 40 { 130 } else { random.below(3) };
        (0..length).map(|_| T::sample(random, Form { nullable: false, ..form })).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random, form: Form) -> Option<T> {
        if form.nullable && random.below(3) == 0 { None } else { Some(T::sample(random, form)) }
    }
}
