//! The arithmetic coder of RFC 6386, section 7: bits with their probabilities become bytes.

/// Writes bits.
pub(super) struct Encoder {
    out: Vec<u8>,
    /// The lower end of the range: eight bits that are still open, [`Encoder::pending`] bits above them that are not yet written, and a carry.
    low: u32,
    /// 128 to 255 between two bits.
    range: u32,
    pending: u32,
}

impl Encoder {
    pub(super) const fn new() -> Self {
        Self { out: Vec::new(), low: 0, range: 255, pending: 0 }
    }

    /// Writes a bit that is 0 with a probability of `probability` in 256.
    pub(super) fn bit(&mut self, probability: u8, bit: bool) {
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        if bit {
            self.low += split;
            self.range -= split;
        } else {
            self.range = split;
        }
        // The range is 1 to 255.
        let shift = self.range.leading_zeros() - 24;
        self.range <<= shift;
        self.low <<= shift;
        self.pending += shift;
        if self.pending >= 8 {
            self.emit();
        }
    }

    /// Writes the lowest bits of a number, the highest of them first, each as likely 0 as 1.
    pub(super) fn literal(&mut self, number: u32, bits: u32) {
        for at in (0..bits).rev() {
            self.bit(128, number >> at & 1 == 1);
        }
    }

    fn emit(&mut self) {
        self.pending -= 8;
        // Eight bits, and a carry into what was written.
        let byte = self.low >> (8 + self.pending);
        self.low &= (1 << (8 + self.pending)) - 1;
        if byte > 0xff {
            let mut last = self.out.len();
            while let Some(before) = last.checked_sub(1) {
                last = before;
                self.out[last] = self.out[last].wrapping_add(1);
                if self.out[last] != 0 {
                    break;
                }
            }
        }
        self.out.push(byte as u8);
    }

    /// The bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..2 {
            self.low <<= 8;
            self.pending += 8;
            self.emit();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The decoder of section 7.3, bit by bit.
    struct Decoder<'a> {
        bytes: &'a [u8],
        value: u32,
        range: u32,
        left: u32,
    }

    impl Decoder<'_> {
        fn byte(&mut self) -> u32 {
            let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
            self.bytes = rest;
            u32::from(*first)
        }

        fn bit(&mut self, probability: u8) -> bool {
            let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
            let bit = self.value >= split << 8;
            if bit {
                self.value -= split << 8;
                self.range -= split;
            } else {
                self.range = split;
            }
            while self.range < 128 {
                (self.value, self.range, self.left) = (self.value << 1, self.range << 1, self.left - 1);
                if self.left == 0 {
                    (self.value, self.left) = (self.value | self.byte(), 8);
                }
            }
            bit
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bits in prop::collection::vec((1_u8.., any::<bool>()), 0..3_000)) {
            let mut encoder = Encoder::new();
            for (probability, bit) in &bits {
                encoder.bit(*probability, *bit);
            }
            let bytes = encoder.finish();
            let mut decoder = Decoder { bytes: &bytes, value: 0, range: 255, left: 8 };
            decoder.value = decoder.byte() << 8;
            decoder.value |= decoder.byte();
            for (at, (probability, bit)) in bits.iter().enumerate() {
                prop_assert_eq!(decoder.bit(*probability), *bit, "{}", at);
            }
        }
    }
}
