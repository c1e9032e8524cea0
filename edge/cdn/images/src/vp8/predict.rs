//! What blocks are predicted from: pixels above and to the left of them that a decoder has by then (RFC 6386, section 12).

/// Modes of the luma of a macroblock and of its chroma, by their numbers in the format; 0 is the mean.
const V: usize = 1;
const H: usize = 2;
const TM: usize = 3;
/// Of luma alone: each block has a mode of its own.
pub(super) const EACH: usize = 4;

/// Modes of one block of 4 × 4.
pub(super) const BLOCK_MODES: usize = 10;
pub(super) const B_DC: usize = 0;
const B_TM: usize = 1;
const B_VE: usize = 2;
const B_HE: usize = 3;
const B_LD: usize = 4;
const B_RD: usize = 5;
const B_VR: usize = 6;
const B_VL: usize = 7;
const B_HD: usize = 8;

/// What the blocks of a macroblock that has one mode count as, where they are neighbours of blocks with their own.
pub(super) const AS_BLOCK: [usize; 4] = [B_DC, B_VE, B_HE, B_TM];

/// Bytes of a row of a canvas.
pub(super) const STRIDE: usize = 32;

/// Pixels of a macroblock under work, with the row above it and the column to its left; for luma four more to the right above.
#[derive(Clone)]
pub(super) struct Canvas {
    /// The pixel `(x, y)` is at `(y + 1) * STRIDE + x + 1`.
    pub(super) pixels: [u8; 17 * STRIDE],
    pub(super) has_above: bool,
    pub(super) has_left: bool,
}

impl Canvas {
    /// The place of a pixel.
    pub(super) const fn at(x: usize, y: usize) -> usize {
        (y + 1) * STRIDE + x + 1
    }

    /// Fills a square of `side` by one of the modes that are for whole macroblocks.
    pub(super) fn whole(&self, mode: usize, side: usize, out: &mut [u8; 256]) {
        let above = &self.pixels[1..=side];
        let left = |y: usize| self.pixels[(y + 1) * STRIDE];
        match mode {
            V => out.chunks_exact_mut(side).take(side).for_each(|row| row.copy_from_slice(above)),
            H => out.chunks_exact_mut(side).take(side).enumerate().for_each(|(y, row)| row.fill(left(y))),
            TM => {
                let corner = i32::from(self.pixels[0]);
                for (y, row) in out.chunks_exact_mut(side).take(side).enumerate() {
                    let slope = i32::from(left(y)) - corner;
                    for (pixel, above) in row.iter_mut().zip(above) {
                        *pixel = (i32::from(*above) + slope).clamp(0, 255) as u8;
                    }
                }
            }
            _ => out[..side * side].fill(self.mean(side)),
        }
    }

    /// The mean of those neighbours that there are.
    fn mean(&self, side: usize) -> u8 {
        let above: u32 = self.pixels[1..=side].iter().map(|pixel| u32::from(*pixel)).sum();
        let left: u32 = (0..side).map(|y| u32::from(self.pixels[(y + 1) * STRIDE])).sum();
        let side = side as u32;
        let mean = match (self.has_above, self.has_left) {
            (true, true) => (above + left + side) / (side * 2),
            (true, false) => (above + side / 2) / side,
            (false, true) => (left + side / 2) / side,
            (false, false) => 128,
        };
        mean as u8
    }

    /// Predicts the block whose first pixel is `(x, y)`.
    pub(super) fn block(&self, mode: usize, x: usize, y: usize) -> [u8; 16] {
        let start = Self::at(x, y);
        let above = &self.pixels[start - STRIDE..];
        // From the lowest to the left over the corner to the last above on the right.
        let mut edge = [0_i32; 13];
        for (at, edge) in edge.iter_mut().enumerate() {
            *edge = i32::from(match at {
                0..=3 => self.pixels[start + (3 - at) * STRIDE - 1],
                4 => self.pixels[start - STRIDE - 1],
                _ => above[at - 5],
            });
        }
        // Right of the macroblock only the row above it is known, to all of its rows.
        if x == 12 && y > 0 {
            for (at, edge) in edge[9..].iter_mut().enumerate() {
                *edge = i32::from(self.pixels[17 + at]);
            }
        }
        predicted(mode, &edge)
    }
}

/// Predicts from the edge of a block (section 12.3).
fn predicted(mode: usize, e: &[i32; 13]) -> [u8; 16] {
    let two = |at: usize| ((e[at] + e[at + 1] + 1) >> 1) as u8;
    let three = |at: usize| ((e[at - 1] + e[at] * 2 + e[at + 1] + 2) >> 2) as u8;
    // The ends, where the next one is missing.
    let lowest = ((e[1] + e[0] * 3 + 2) >> 2) as u8;
    let rightmost = ((e[11] + e[12] * 3 + 2) >> 2) as u8;
    let mut out = [0_u8; 16];
    let mut fill = |each: &dyn Fn(usize, usize) -> u8| {
        for (at, pixel) in out.iter_mut().enumerate() {
            *pixel = each(at % 4, at / 4);
        }
    };
    match mode {
        B_TM => fill(&|x, y| (e[3 - y] + e[5 + x] - e[4]).clamp(0, 255) as u8),
        B_VE => fill(&|x, _| three(5 + x)),
        B_HE => fill(&|_, y| if y == 3 { lowest } else { three(3 - y) }),
        B_LD => fill(&|x, y| if x + y == 6 { rightmost } else { three(6 + x + y) }),
        B_RD => fill(&|x, y| three(4 + x - y)),
        // Steep: two steps down for one to the side.
        B_VR => fill(&|x, y| match (2 * x).checked_sub(y) {
            Some(down) if down % 2 == 0 => two(4 + x - y / 2),
            Some(_) => three(4 + x - y / 2),
            None => three(5 - y + 2 * x),
        }),
        B_VL => fill(&|x, y| match (x, y) {
            (3, 2) => three(10),
            (3, 3) => three(11),
            _ if y % 2 == 0 => two(5 + x + y / 2),
            _ => three(6 + x + y / 2),
        }),
        // Flat: two steps to the side for one down.
        B_HD => fill(&|x, y| match (2 * y).checked_sub(x) {
            Some(over) if over % 2 == 0 => two(3 - (y - x / 2)),
            Some(_) => three(4 - (y - x / 2)),
            None => three(3 + x - 2 * y),
        }),
        B_DC => {
            let mean = (e[..4].iter().sum::<i32>() + e[5..9].iter().sum::<i32>() + 4) >> 3;
            fill(&|_, _| mean as u8);
        }
        // Up, to the right; below the lowest pixel there is only that.
        _ => fill(&|x, y| match x + 2 * y {
            along if along > 5 => e[0] as u8,
            5 => lowest,
            along if along % 2 == 0 => two(2 - along / 2),
            along => three(2 - along / 2),
        }),
    }
    out
}
