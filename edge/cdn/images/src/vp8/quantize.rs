//! From a quality to the steps of the quantizer (RFC 6386, section 14.1), and from coefficients to levels and back.

use super::tables::{AC_STEPS, DC_STEPS};
use super::transform::Block;

/// Kinds of blocks, by their numbers in the tables of probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Luma whose first coefficients are in a block of their own.
    Rest = 0,
    /// That block.
    Firsts = 1,
    /// Chroma.
    Chroma = 2,
    /// Luma with its first coefficients.
    Luma = 3,
}

/// The order in which coefficients are written.
pub(super) const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];
/// What a level can be (the longest token has eleven bits from 67 on).
const LEVEL_MAX: i32 = 2_047;

/// The steps of one kind, and what is added before dividing, in 256ths of a step: less than a half, since what rounds down costs fewer bits.
#[derive(Clone, Copy, Debug)]
struct Steps {
    first: i32,
    others: i32,
    first_bias: i32,
    others_bias: i32,
}

/// The quantizer of an image.
#[derive(Clone, Debug)]
pub(super) struct Quantizer {
    /// Its number in the head of the frame.
    pub(super) index: usize,
    luma: Steps,
    firsts: Steps,
    chroma: Steps,
}

impl Quantizer {
    /// For a quality of 1 to 100. Steps grow with the cube of the number, and sizes with the inverse of steps; so the number falls with the cube root
    /// of the quality, which is taken two thirds as high below 75, as other encoders have taught people to expect of these numbers.
    pub(super) fn new(quality: u8) -> Self {
        let share = f64::from(quality.clamp(1, 100)) / 100.0;
        let linear = if share < 0.75 { share * 2.0 / 3.0 } else { share * 2.0 - 1.0 };
        let index = ((1.0 - linear.cbrt()) * 127.0).round().clamp(0.0, 127.0) as usize;
        let (dc, ac) = (DC_STEPS[index], AC_STEPS[index]);
        let steps = |first, others, first_bias, others_bias| Steps { first, others, first_bias, others_bias };
        Self {
            index,
            luma: steps(dc, ac, 96, 110),
            firsts: steps(dc * 2, (ac * 155 / 100).max(8), 96, 108),
            chroma: steps(dc.min(132), ac, 110, 115),
        }
    }

    const fn steps(&self, kind: Kind) -> &Steps {
        match kind {
            Kind::Rest | Kind::Luma => &self.luma,
            Kind::Firsts => &self.firsts,
            Kind::Chroma => &self.chroma,
        }
    }

    /// What a 256th of a bit is worth, in 32,768ths of a squared difference of pixels. Where bits are spent well, one more halves the error of a
    /// coefficient: 2 ln 2 / 12 of the step squared, a quarter of that since coefficients are twice orthonormal; at the low rates of images it is
    /// less, 3 / 128.
    pub(super) const fn worth(&self) -> i64 {
        let step = self.luma.others as i64;
        step * step * 3
    }

    /// How strongly a decoder smooths the borders of blocks, 0 to 63: in proportion to the step.
    pub(super) fn smoothing(&self) -> u32 {
        let level = (self.luma.others * 300) >> 10;
        if level < 2 { 0 } else { level.min(63) as u32 }
    }

    /// Levels in the order of writing; and the coefficients that a decoder has of them.
    pub(super) fn quantize(&self, kind: Kind, coefficients: &Block) -> (Levels, Block) {
        let steps = self.steps(kind);
        let (mut levels, mut back) = ([0_i16; 16], [0; 16]);
        let begin = usize::from(kind == Kind::Rest);
        for (at, place) in ZIGZAG.iter().enumerate().skip(begin) {
            let (step, bias) =
                if at == 0 { (steps.first, steps.first_bias) } else { (steps.others, steps.others_bias) };
            let size = coefficients[*place].abs();
            let level = ((size + ((step * bias) >> 8)) / step).min(LEVEL_MAX);
            let level = if coefficients[*place] < 0 { -level } else { level };
            levels[at] = level as i16;
            back[*place] = level * step;
        }
        (Levels(levels), back)
    }
}

/// Quantized coefficients in the order of writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels(pub(super) [i16; 16]);

impl Levels {
    /// Up to where there is something other than 0.
    pub(super) fn end(&self) -> usize {
        self.0.iter().rposition(|level| *level != 0).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_qualities_have_smaller_steps() {
        let steps = |quality| Quantizer::new(quality).luma.others;
        assert!((1..100).all(|quality| steps(quality) >= steps(quality + 1)));
        assert_eq!((Quantizer::new(100).index, Quantizer::new(0).index), (0, Quantizer::new(1).index));
        assert!(steps(80) < 40 && steps(50) > 40, "{} {}", steps(80), steps(50));
    }
}
