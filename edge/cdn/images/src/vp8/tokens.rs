//! Levels of blocks as tokens (RFC 6386, section 13): what they cost, which probabilities would suit them, and their bits.

use super::boolean::Encoder;
use super::quantize::{Kind, Levels};
use super::tables::{DEFAULT, Probabilities, UPDATE};

/// The band of each place of a block.
const BANDS: [usize; 17] = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0];

/// Long tokens: the least that they say, and the probabilities of their further bits.
const LONG: [(i32, &[u8]); 6] = [
    (5, &[159]),
    (7, &[165, 145]),
    (11, &[173, 148, 140]),
    (19, &[176, 155, 140, 135]),
    (35, &[180, 157, 141, 134, 130]),
    (67, &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129]),
];

/// Takes the bits of tokens.
pub(super) trait Sink {
    /// A bit whose probability is at this kind, band, context and number.
    fn bit(&mut self, at: (usize, usize, usize, usize), bit: bool);
    /// A bit with a fixed probability.
    fn fixed(&mut self, probability: u8, bit: bool);
}

/// Tells the tokens of a block. `context` is how many of the blocks above and to the left have something. Whether this one has.
pub(super) fn tell(sink: &mut impl Sink, kind: Kind, context: usize, levels: &Levels) -> bool {
    let first = usize::from(kind == Kind::Rest);
    let (kind, end) = (kind as usize, levels.end());
    let mut context = context;
    let mut after_zero = false;
    for (at, band) in BANDS.iter().enumerate().take(end).skip(first) {
        let place = (kind, *band, context);
        let mut bit = |number, bit| sink.bit((place.0, place.1, place.2, number), bit);
        if !after_zero {
            bit(0, true);
        }
        let level = i32::from(levels.0[at]);
        bit(1, level != 0);
        after_zero = level == 0;
        if after_zero {
            context = 0;
            continue;
        }
        let size = level.abs();
        bit(2, size > 1);
        if size > 1 {
            large(sink, place, size);
        }
        sink.fixed(128, level < 0);
        context = if size == 1 { 1 } else { 2 };
    }
    // A block that is full needs no end.
    if end.max(first) < 16 {
        sink.bit((kind, BANDS[end.max(first)], context, 0), false);
    }
    end > first
}

/// Tells how large a level of at least 2 is.
fn large(sink: &mut impl Sink, place: (usize, usize, usize), size: i32) {
    let mut bit = |number, bit| sink.bit((place.0, place.1, place.2, number), bit);
    bit(3, size > 4);
    if size <= 4 {
        bit(4, size > 2);
        if size > 2 {
            bit(5, size == 4);
        }
        return;
    }
    let long = LONG.iter().rposition(|(least, _)| *least <= size).unwrap_or(0);
    bit(6, long > 1);
    match long {
        0 | 1 => bit(7, long == 1),
        _ => {
            bit(8, long > 3);
            bit(if long > 3 { 10 } else { 9 }, long % 2 == 1);
        }
    }
    let (least, further) = LONG[long];
    for (at, probability) in further.iter().enumerate() {
        sink.fixed(*probability, (size - least) >> (further.len() - 1 - at) & 1 == 1);
    }
}

/// Writes tokens.
pub(super) struct Writer<'a> {
    pub(super) encoder: Encoder,
    pub(super) probabilities: &'a Probabilities,
}

impl Sink for Writer<'_> {
    fn bit(&mut self, (kind, band, context, number): (usize, usize, usize, usize), bit: bool) {
        self.encoder.bit(self.probabilities[kind][band][context][number], bit);
    }

    fn fixed(&mut self, probability: u8, bit: bool) {
        self.encoder.bit(probability, bit);
    }
}

/// What bits cost by the probability of 0, in 256ths of a bit.
pub(super) struct Costs([u16; 257]);

impl Costs {
    pub(super) fn new() -> Self {
        let cost = |of_256: usize| -(of_256.max(1) as f64 / 256.0).log2() * 256.0;
        Self(std::array::from_fn(|of_256| cost(of_256).round() as u16))
    }

    /// What a bit costs.
    pub(super) const fn of(&self, probability: u8, bit: bool) -> u32 {
        let chance = if bit { 256 - probability as usize } else { probability as usize };
        self.0[chance] as u32
    }
}

/// Adds up what tokens cost, in 256ths of a bit.
pub(super) struct Meter<'a> {
    pub(super) costs: &'a Costs,
    pub(super) sum: u32,
}

impl Sink for Meter<'_> {
    fn bit(&mut self, (kind, band, context, number): (usize, usize, usize, usize), bit: bool) {
        self.sum += self.costs.of(DEFAULT[kind][band][context][number], bit);
    }

    fn fixed(&mut self, probability: u8, bit: bool) {
        self.sum += self.costs.of(probability, bit);
    }
}

/// Counts how often bits are 0 and 1.
pub(super) struct Tally(Box<[[[[[u32; 2]; 11]; 3]; 8]; 4]>);

impl Tally {
    pub(super) fn new() -> Self {
        Self(Box::new([[[[[0; 2]; 11]; 3]; 8]; 4]))
    }

    /// Writes which probabilities are told, and gives them all: those that suit what was counted, where that pays.
    pub(super) fn settle(&self, encoder: &mut Encoder, costs: &Costs) -> Probabilities {
        let mut settled = DEFAULT;
        for (kind, bands) in settled.iter_mut().enumerate() {
            for (band, contexts) in bands.iter_mut().enumerate() {
                for (context, numbers) in contexts.iter_mut().enumerate() {
                    for (number, probability) in numbers.iter_mut().enumerate() {
                        let update = UPDATE[kind][band][context][number];
                        let best = better(*probability, self.0[kind][band][context][number], update, costs);
                        encoder.bit(update, best.is_some());
                        if let Some(best) = best {
                            encoder.literal(u32::from(best), 8);
                            *probability = best;
                        }
                    }
                }
            }
        }
        settled
    }
}

impl Sink for Tally {
    fn bit(&mut self, (kind, band, context, number): (usize, usize, usize, usize), bit: bool) {
        self.0[kind][band][context][number][usize::from(bit)] += 1;
    }

    fn fixed(&mut self, _: u8, _: bool) {}
}

/// A probability that is worth the bits to tell it.
fn better(old: u8, [zeros, ones]: [u32; 2], update: u8, costs: &Costs) -> Option<u8> {
    let all = u64::from(zeros) + u64::from(ones);
    let suits = (u64::from(zeros) * 256 + all / 2).checked_div(all)?.clamp(1, 255) as u8;
    let cost = |probability: u8| {
        u64::from(zeros) * u64::from(costs.of(probability, false))
            + u64::from(ones) * u64::from(costs.of(probability, true))
    };
    let telling = 8 * 256 + u64::from(costs.of(update, true));
    let silent = u64::from(costs.of(update, false));
    (cost(suits) + telling < cost(old) + silent).then_some(suits)
}
