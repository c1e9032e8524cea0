//! How modes of prediction are written (RFC 6386, sections 8 and 11): as paths through trees.

use super::boolean::Encoder;
use super::macroblock::Coded;
use super::predict::{AS_BLOCK, B_DC, BLOCK_MODES, EACH};
use super::tables::MODES;
use super::tokens::Costs;

/// A tree: two ways from each node, on to another node (an even number above 0) or to a leaf (its number below 0, or 0).
type Tree = [i8];

/// Luma: each, mean, above, left, slope.
const LUMA: [i8; 8] = [-4, 2, 4, 6, 0, -1, -2, -3];
const LUMA_LIKELY: [u8; 4] = [145, 156, 163, 128];
const CHROMA: [i8; 6] = [0, 2, -1, 4, -2, -3];
const CHROMA_LIKELY: [u8; 3] = [142, 114, 183];
const BLOCK: [i8; 18] = [0, 2, -1, 4, -2, 6, 8, 12, -3, 10, -5, -6, -4, 14, -7, 16, -8, -9];

/// Goes from the root to a leaf, and says at each node, by its number, which way. Whether the leaf is below `node`.
fn path(tree: &Tree, node: usize, leaf: usize, say: &mut impl FnMut(usize, bool)) -> bool {
    for way in [false, true] {
        let next = tree[node + usize::from(way)];
        let is_there = if next > 0 {
            leads(tree, next as usize, leaf)
        } else {
            usize::from(next.unsigned_abs()) == leaf
        };
        if is_there {
            say(node / 2, way);
            return next <= 0 || path(tree, next as usize, leaf, say);
        }
    }
    false
}

fn leads(tree: &Tree, node: usize, leaf: usize) -> bool {
    tree[node..node + 2].iter().any(|next| {
        if *next > 0 { leads(tree, *next as usize, leaf) } else { usize::from(next.unsigned_abs()) == leaf }
    })
}

/// What modes cost, in 256ths of a bit.
pub(super) struct ModeCosts {
    pub(super) luma: [u32; 5],
    pub(super) chroma: [u32; 4],
    /// By the mode above and the one to the left.
    pub(super) block: Box<[[[u32; BLOCK_MODES]; BLOCK_MODES]; BLOCK_MODES]>,
}

impl ModeCosts {
    pub(super) fn new(costs: &Costs) -> Self {
        let cost = |tree: &Tree, likely: &[u8], leaf| {
            let mut sum = 0;
            path(tree, 0, leaf, &mut |at, way| sum += costs.of(likely[at], way));
            sum
        };
        let mut block = Box::new([[[0; BLOCK_MODES]; BLOCK_MODES]; BLOCK_MODES]);
        for (above, block) in block.iter_mut().enumerate() {
            for (left, block) in block.iter_mut().enumerate() {
                *block = std::array::from_fn(|mode| cost(&BLOCK, &MODES[above][left], mode));
            }
        }
        Self {
            luma: std::array::from_fn(|mode| cost(&LUMA, &LUMA_LIKELY, mode)),
            chroma: std::array::from_fn(|mode| cost(&CHROMA, &CHROMA_LIKELY, mode)),
            block,
        }
    }
}

/// Modes of the blocks at the lower and the right border of what is done: neighbours of what comes.
#[derive(Clone)]
pub(super) struct Neighbours {
    pub(super) above: Vec<[usize; 4]>,
    pub(super) left: [usize; 4],
}

impl Neighbours {
    pub(super) fn new(across: usize) -> Self {
        Self { above: vec![[B_DC; 4]; across], left: [B_DC; 4] }
    }

    /// A macroblock was done.
    pub(super) fn pass(&mut self, x: usize, luma: usize, blocks: &[u8; 16]) {
        let of = |at: usize| if luma == EACH { usize::from(blocks[at]) } else { AS_BLOCK[luma] };
        self.above[x] = [12, 13, 14, 15].map(of);
        self.left = [3, 7, 11, 15].map(of);
    }
}

/// Writes the modes of all macroblocks, and which of them have no tokens.
pub(super) fn write(head: &mut Encoder, coded: &[Coded], across: usize, likely_full: u8) {
    let mut neighbours = Neighbours::new(across);
    for (at, macroblock) in coded.iter().enumerate() {
        let x = at % across;
        if x == 0 {
            neighbours.left = [B_DC; 4];
        }
        head.bit(likely_full, macroblock.is_empty());
        let luma = usize::from(macroblock.luma);
        path(&LUMA, 0, luma, &mut |node, way| head.bit(LUMA_LIKELY[node], way));
        if luma == EACH {
            write_blocks(head, &macroblock.blocks, neighbours.above[x], neighbours.left);
        }
        path(&CHROMA, 0, usize::from(macroblock.chroma), &mut |node, way| head.bit(CHROMA_LIKELY[node], way));
        neighbours.pass(x, luma, &macroblock.blocks);
    }
}

fn write_blocks(head: &mut Encoder, blocks: &[u8; 16], mut above: [usize; 4], mut left: [usize; 4]) {
    for (at, mode) in blocks.iter().enumerate() {
        let (x, y) = (at % 4, at / 4);
        let mode = usize::from(*mode);
        let likely = &MODES[above[x]][left[y]];
        path(&BLOCK, 0, mode, &mut |node, way| head.bit(likely[node], way));
        (above[x], left[y]) = (mode, mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leaf_has_a_path_and_all_together_are_certain() {
        for (tree, leaves) in [(&LUMA[..], 5), (&CHROMA[..], 4), (&BLOCK[..], 10)] {
            let mut certain = 0.0;
            for leaf in 0..leaves {
                let mut steps = 0;
                assert!(path(tree, 0, leaf, &mut |_, _| steps += 1), "{leaf}");
                certain += 0.5_f64.powi(steps);
            }
            assert!((certain - 1.0).abs() < 1e-9, "{certain}");
        }
    }
}
