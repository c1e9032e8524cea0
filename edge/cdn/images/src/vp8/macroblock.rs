//! The choice of modes for one macroblock after the other: each is tried as a decoder would see it, and scored by its errors and its bits.

use super::modes::{ModeCosts, Neighbours};
use super::planes::{Plane, Planes};
use super::predict::{BLOCK_MODES, Canvas, EACH, STRIDE};
use super::quantize::{Kind, Levels, Quantizer};
use super::tokens::{self, Costs, Meter, Sink};
use super::transform::{self, Block};

/// Modes of a block that are tried to the end, of those that look best.
const TRIED: usize = 4;
/// The block of first coefficients.
const FIRSTS: usize = 24;

/// A macroblock, as it is written.
#[derive(Clone)]
pub(super) struct Coded {
    pub(super) luma: u8,
    pub(super) chroma: u8,
    pub(super) blocks: [u8; 16],
    /// 16 blocks of luma, four of either chroma, and that of first coefficients.
    levels: [Levels; 25],
}

impl Coded {
    /// Whether it has no tokens.
    pub(super) fn is_empty(&self) -> bool {
        self.levels.iter().all(|levels| levels.end() == 0)
    }
}

/// Which blocks at a border have something: luma, either chroma, first coefficients.
#[derive(Clone, Copy, Default)]
struct Border {
    luma: [bool; 4],
    chroma: [[bool; 2]; 2],
    firsts: bool,
}

/// What was done by now.
pub(super) struct Coder<'a> {
    source: &'a Planes,
    pub(super) quantizer: &'a Quantizer,
    pub(super) costs: &'a Costs,
    mode_costs: ModeCosts,
    /// What a decoder has.
    shown: Planes,
    neighbours: Neighbours,
    above: Vec<Border>,
    left: Border,
}

/// A way to code the luma of a macroblock, or its chroma.
struct Trial {
    score: i64,
    pixels: [u8; 256],
    levels: [Levels; 25],
    mode: usize,
    blocks: [u8; 16],
}

impl Trial {
    const fn new(mode: usize) -> Self {
        Self { score: 0, pixels: [0; 256], levels: [Levels([0; 16]); 25], mode, blocks: [0; 16] }
    }
}

impl<'a> Coder<'a> {
    pub(super) fn new(
        source: &'a Planes,
        quantizer: &'a Quantizer,
        costs: &'a Costs,
        (width, height): (usize, usize),
    ) -> Self {
        Self {
            source,
            quantizer,
            costs,
            mode_costs: ModeCosts::new(costs),
            shown: Planes::blank(width, height),
            neighbours: Neighbours::new(source.across),
            above: vec![Border::default(); source.across],
            left: Border::default(),
        }
    }

    /// Macroblocks in a row.
    pub(super) fn across(&self) -> usize {
        self.source.across
    }

    /// To tell all macroblocks once more.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.source, self.quantizer, self.costs, (0, 0))
    }

    fn score(&self, error: i64, bits: u32) -> i64 {
        (error << 15) + i64::from(bits) * self.quantizer.worth()
    }

    /// Decides on a macroblock; all before it are decided on and told.
    pub(super) fn code(&mut self, x: usize, y: usize) -> Coded {
        if x == 0 {
            (self.left, self.neighbours.left) = (Border::default(), Neighbours::new(0).left);
        }
        let canvas = canvas(&self.shown.each[0], 16, (x, y), self.source.across);
        let source = square::<256>(&self.source.each[0], 16, (x, y));
        let mut luma = self.whole(&canvas, &source, x);
        if let Some(each) = self.each(&canvas, &source, x, luma.score) {
            luma = each;
        }
        put(&mut self.shown.each[0], 16, (x, y), &luma.pixels);
        let canvases =
            [1, 2].map(|plane| self::canvas(&self.shown.each[plane], 8, (x, y), self.source.across));
        let sources = [1, 2].map(|plane| square::<64>(&self.source.each[plane], 8, (x, y)));
        let chroma = self.chroma(&canvases, &sources, x);
        put(&mut self.shown.each[1], 8, (x, y), &chroma.pixels[..64]);
        put(&mut self.shown.each[2], 8, (x, y), &chroma.pixels[64..128]);
        let mut levels = luma.levels;
        levels[16..FIRSTS].copy_from_slice(&chroma.levels[16..FIRSTS]);
        self.neighbours.pass(x, luma.mode, &luma.blocks);
        Coded { luma: luma.mode as u8, chroma: chroma.mode as u8, blocks: luma.blocks, levels }
    }

    /// The best of the modes that all luma has together.
    fn whole(&self, canvas: &Canvas, source: &[u8; 256], x: usize) -> Trial {
        let trials = (0..EACH).map(|mode| {
            let mut trial = Trial::new(mode);
            let mut predicted = [0; 256];
            canvas.whole(mode, 16, &mut predicted);
            let mut blocks = [[0; 16]; 16];
            for (at, block) in blocks.iter_mut().enumerate() {
                *block = transform::forward(&difference(source, &predicted, 16, at));
            }
            let (firsts, back) = self
                .quantizer
                .quantize(Kind::Firsts, &transform::walsh_forward(&blocks.map(|block| block[0])));
            let firsts_back = transform::walsh_backward(&back);
            trial.levels[FIRSTS] = firsts;
            for (at, block) in blocks.iter().enumerate() {
                let (levels, mut back) = self.quantizer.quantize(Kind::Rest, block);
                back[0] = firsts_back[at];
                trial.levels[at] = levels;
                add(&mut trial.pixels, &predicted, 16, at, &transform::backward(&back));
            }
            let error = squares(source, &trial.pixels);
            let bits = self.mode_costs.luma[mode] + self.luma_bits(&trial, x);
            trial.score = self.score(error, bits);
            trial
        });
        trials.min_by_key(|trial| trial.score).expect("invariant: there are four modes")
    }

    fn luma_bits(&self, trial: &Trial, x: usize) -> u32 {
        let mut meter = Meter { costs: self.costs, sum: 0 };
        let (mut above, mut left) = (self.above[x], self.left);
        luma(&mut meter, trial.mode == EACH, &trial.levels, &mut above, &mut left);
        meter.sum
    }

    /// Each block by a mode of its own. `None`: it is no better than `most`.
    fn each(&self, canvas: &Canvas, source: &[u8; 256], x: usize, most: i64) -> Option<Trial> {
        let mut trial = Trial::new(EACH);
        let mut canvas = canvas.clone();
        let (mut above, mut left) = (self.neighbours.above[x], self.neighbours.left);
        let (mut full_above, mut full_left) = (self.above[x].luma, self.left.luma);
        trial.score = self.score(0, self.mode_costs.luma[EACH]);
        for at in 0..16 {
            let (column, row) = (at % 4, at / 4);
            let costs = &self.mode_costs.block[above[column]][left[row]];
            let context = usize::from(full_above[column]) + usize::from(full_left[row]);
            let part: [u8; 16] = std::array::from_fn(|pixel| source[place(16, at, pixel)]);
            let best = self.block(&canvas, &part, (column * 4, row * 4), context, costs);
            trial.score += best.score;
            if trial.score >= most {
                return None;
            }
            (above[column], left[row]) = (best.mode, best.mode);
            (full_above[column], full_left[row]) = (best.levels.end() > 0, best.levels.end() > 0);
            trial.levels[at] = best.levels;
            trial.blocks[at] = best.mode as u8;
            for (pixel, shown) in best.pixels.iter().enumerate() {
                trial.pixels[place(16, at, pixel)] = *shown;
                canvas.pixels[Canvas::at(column * 4 + pixel % 4, row * 4 + pixel / 4)] = *shown;
            }
        }
        Some(trial)
    }

    /// The best mode of one block.
    fn block(
        &self,
        canvas: &Canvas,
        source: &[u8; 16],
        (x, y): (usize, usize),
        context: usize,
        costs: &[u32; BLOCK_MODES],
    ) -> Best {
        let mut looks: [(i64, usize, [u8; 16]); BLOCK_MODES] = std::array::from_fn(|mode| {
            let predicted = canvas.block(mode, x, y);
            (self.score(squares(source, &predicted), costs[mode]), mode, predicted)
        });
        looks.select_nth_unstable_by_key(TRIED - 1, |look| look.0);
        let tried = looks[..TRIED].iter().map(|(_, mode, predicted)| {
            let difference: Block =
                std::array::from_fn(|at| i32::from(source[at]) - i32::from(predicted[at]));
            let (levels, back) = self.quantizer.quantize(Kind::Luma, &transform::forward(&difference));
            let back = transform::backward(&back);
            let pixels: [u8; 16] =
                std::array::from_fn(|at| (i32::from(predicted[at]) + back[at]).clamp(0, 255) as u8);
            let mut meter = Meter { costs: self.costs, sum: costs[*mode] };
            tokens::tell(&mut meter, Kind::Luma, context, &levels);
            Best { score: self.score(squares(source, &pixels), meter.sum), mode: *mode, levels, pixels }
        });
        tried.min_by_key(|best| (best.score, best.mode)).expect("invariant: some modes are tried")
    }

    /// The best mode of both chromas.
    fn chroma(&self, canvases: &[Canvas; 2], sources: &[[u8; 64]; 2], x: usize) -> Trial {
        let trials = (0..EACH).map(|mode| {
            let mut trial = Trial::new(mode);
            let mut error = 0;
            for (plane, (canvas, source)) in canvases.iter().zip(sources).enumerate() {
                let mut predicted = [0; 256];
                canvas.whole(mode, 8, &mut predicted);
                let shown = &mut trial.pixels[plane * 64..(plane + 1) * 64];
                for at in 0..4 {
                    let coefficients = transform::forward(&difference(source, &predicted, 8, at));
                    let (levels, back) = self.quantizer.quantize(Kind::Chroma, &coefficients);
                    trial.levels[16 + plane * 4 + at] = levels;
                    add(shown, &predicted, 8, at, &transform::backward(&back));
                }
                error += squares(source, shown);
            }
            let mut meter = Meter { costs: self.costs, sum: self.mode_costs.chroma[mode] };
            let (mut above, mut left) = (self.above[x], self.left);
            chroma(&mut meter, &trial.levels, &mut above, &mut left);
            trial.score = self.score(error, meter.sum);
            trial
        });
        trials.min_by_key(|trial| trial.score).expect("invariant: there are four modes")
    }

    /// Tells the tokens of a macroblock; all before it were told.
    pub(super) fn tell(&mut self, coded: &Coded, (x, _): (usize, usize), sink: &mut impl Sink) {
        if x == 0 {
            self.left = Border::default();
        }
        let (above, left) = (&mut self.above[x], &mut self.left);
        let is_each = usize::from(coded.luma) == EACH;
        if coded.is_empty() {
            for border in [above, left] {
                *border = Border { firsts: border.firsts && is_each, ..Border::default() };
            }
            return;
        }
        luma(sink, is_each, &coded.levels, above, left);
        chroma(sink, &coded.levels, above, left);
    }
}

struct Best {
    score: i64,
    mode: usize,
    levels: Levels,
    pixels: [u8; 16],
}

fn luma(sink: &mut impl Sink, is_each: bool, levels: &[Levels; 25], above: &mut Border, left: &mut Border) {
    let mut kind = Kind::Luma;
    if !is_each {
        kind = Kind::Rest;
        let context = usize::from(above.firsts) + usize::from(left.firsts);
        let full = tokens::tell(sink, Kind::Firsts, context, &levels[FIRSTS]);
        (above.firsts, left.firsts) = (full, full);
    }
    for (at, levels) in levels[..16].iter().enumerate() {
        let (above, left) = (&mut above.luma[at % 4], &mut left.luma[at / 4]);
        let full = tokens::tell(sink, kind, usize::from(*above) + usize::from(*left), levels);
        (*above, *left) = (full, full);
    }
}

fn chroma(sink: &mut impl Sink, levels: &[Levels; 25], above: &mut Border, left: &mut Border) {
    for (at, levels) in levels[16..FIRSTS].iter().enumerate() {
        let (above, left) = (&mut above.chroma[at / 4][at % 2], &mut left.chroma[at / 4][at % 4 / 2]);
        let full = tokens::tell(sink, Kind::Chroma, usize::from(*above) + usize::from(*left), levels);
        (*above, *left) = (full, full);
    }
}

/// The place of a pixel of a block in a square of `side`.
const fn place(side: usize, block: usize, pixel: usize) -> usize {
    let across = side / 4;
    (block / across * 4 + pixel / 4) * side + block % across * 4 + pixel % 4
}

fn difference(source: &[u8], predicted: &[u8], side: usize, block: usize) -> Block {
    std::array::from_fn(|pixel| {
        let at = place(side, block, pixel);
        i32::from(source[at]) - i32::from(predicted[at])
    })
}

fn add(out: &mut [u8], predicted: &[u8], side: usize, block: usize, difference: &Block) {
    for (pixel, difference) in difference.iter().enumerate() {
        let at = place(side, block, pixel);
        out[at] = (i32::from(predicted[at]) + difference).clamp(0, 255) as u8;
    }
}

fn squares(one: &[u8], other: &[u8]) -> i64 {
    let squares = one.iter().zip(other).map(|(one, other)| {
        let difference = i32::from(*one) - i32::from(*other);
        difference * difference
    });
    i64::from(squares.sum::<i32>())
}

/// A macroblock of a plane, `BYTES` being the square of its side.
fn square<const BYTES: usize>(plane: &Plane, side: usize, (x, y): (usize, usize)) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    for (row, out) in out.chunks_exact_mut(side).enumerate() {
        out.copy_from_slice(&plane.row(x * side, y * side + row)[..side]);
    }
    out
}

fn put(plane: &mut Plane, side: usize, (x, y): (usize, usize), pixels: &[u8]) {
    let width = plane.width;
    for (row, pixels) in pixels.chunks_exact(side).enumerate() {
        let start = (y * side + row) * width + x * side;
        plane.pixels[start..start + side].copy_from_slice(pixels);
    }
}

/// The surroundings of a macroblock; what is beyond the image is 127 above it and 129 to its left (section 12.2).
fn canvas(shown: &Plane, side: usize, (x, y): (usize, usize), across: usize) -> Canvas {
    let mut canvas = Canvas { pixels: [0; 17 * STRIDE], has_above: y > 0, has_left: x > 0 };
    let (left, top) = (x * side, y * side);
    canvas.pixels[..side + 5].fill(127);
    if y > 0 {
        let above = shown.row(left, top - 1);
        canvas.pixels[1..=side].copy_from_slice(&above[..side]);
        // Right of the last macroblock its own last pixel goes on.
        let beyond = &mut canvas.pixels[side + 1..side + 5];
        if x + 1 < across {
            beyond.copy_from_slice(&above[side..side + 4]);
        } else {
            beyond.fill(above[side - 1]);
        }
        canvas.pixels[0] = if x > 0 { shown.row(left - 1, top - 1)[0] } else { 129 };
    }
    for row in 0..side {
        canvas.pixels[(row + 1) * STRIDE] = if x > 0 { shown.row(left - 1, top + row)[0] } else { 129 };
    }
    canvas
}
