//! Transforms of 4 × 4 blocks: the backward ones exactly as RFC 6386, section 14, has them, since a decoder must come to the same pixels; the forward ones
//! are their inverses, as near as integers come.

/// 16 numbers, row by row.
pub(super) type Block = [i32; 16];

/// √2 · sin(π/8) and √2 · cos(π/8), times 4,096.
const SINE: i32 = 2_217;
const COSINE: i32 = 5_352;

/// From differences of pixels to coefficients, which are twice those of an orthonormal cosine transform.
pub(super) fn forward(block: &Block) -> Block {
    let mut rows = [0; 16];
    for row in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| block[row * 4 + at]);
        let (sum, inner_sum, inner, outer) = (a + d, b + c, b - c, a - d);
        rows[row * 4] = (sum + inner_sum) * 8;
        rows[row * 4 + 1] = (inner * SINE + outer * COSINE + (1 << 8)) >> 9;
        rows[row * 4 + 2] = (sum - inner_sum) * 8;
        rows[row * 4 + 3] = (outer * SINE - inner * COSINE + (1 << 8)) >> 9;
    }
    let mut out = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| rows[at + column]);
        let (sum, inner_sum, inner, outer) = (a + d, b + c, b - c, a - d);
        out[column] = (sum + inner_sum + 8) >> 4;
        out[column + 4] = (inner * SINE + outer * COSINE + (1 << 15)) >> 16;
        out[column + 8] = (sum - inner_sum + 8) >> 4;
        out[column + 12] = (outer * SINE - inner * COSINE + (1 << 15)) >> 16;
    }
    out
}

/// `x` times √2 · cos(π/8), and `x` times √2 · sin(π/8), as section 14.3 rounds them.
const fn scaled(x: i32) -> (i32, i32) {
    (x + ((x * 20_091) >> 16), (x * 35_468) >> 16)
}

/// From coefficients to differences of pixels.
pub(super) fn backward(block: &Block) -> Block {
    let mut columns = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| block[at + column]);
        let ((b_more, b_less), (d_more, d_less)) = (scaled(b), scaled(d));
        let (even, odd, less, more) = (a + c, a - c, b_less - d_more, b_more + d_less);
        columns[column] = even + more;
        columns[column + 4] = odd + less;
        columns[column + 8] = odd - less;
        columns[column + 12] = even - more;
    }
    let mut out = [0; 16];
    for row in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| columns[row * 4 + at]);
        let ((b_more, b_less), (d_more, d_less)) = (scaled(b), scaled(d));
        let (even, odd, less, more) = (a + c + 4, a - c + 4, b_less - d_more, b_more + d_less);
        out[row * 4] = (even + more) >> 3;
        out[row * 4 + 1] = (odd + less) >> 3;
        out[row * 4 + 2] = (odd - less) >> 3;
        out[row * 4 + 3] = (even - more) >> 3;
    }
    out
}

/// Of first coefficients: both ways but for scale and rounding.
fn walsh(block: &Block) -> Block {
    let mut columns = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| block[at + column]);
        let (outer_sum, inner_sum, inner, outer) = (a + d, b + c, b - c, a - d);
        columns[column] = outer_sum + inner_sum;
        columns[column + 4] = inner + outer;
        columns[column + 8] = outer_sum - inner_sum;
        columns[column + 12] = outer - inner;
    }
    let mut out = [0; 16];
    for row in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| columns[row * 4 + at]);
        let (outer_sum, inner_sum, inner, outer) = (a + d, b + c, b - c, a - d);
        out[row * 4] = outer_sum + inner_sum;
        out[row * 4 + 1] = inner + outer;
        out[row * 4 + 2] = outer_sum - inner_sum;
        out[row * 4 + 3] = outer - inner;
    }
    out
}

/// From the first coefficients of 16 blocks to those of their own block.
pub(super) fn walsh_forward(block: &Block) -> Block {
    walsh(block).map(|number| number >> 1)
}

/// And back (section 14.3).
pub(super) fn walsh_backward(block: &Block) -> Block {
    walsh(block).map(|number| (number + 3) >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_way_back_leads_home(block in prop::array::uniform16(-255..=255_i32), firsts in prop::array::uniform16(-4_080..=4_080_i32)) {
            for (there, back) in backward(&forward(&block)).iter().zip(&block) {
                prop_assert!((there - back).abs() <= 1, "{block:?}");
            }
            for (there, back) in walsh_backward(&walsh_forward(&firsts)).iter().zip(&firsts) {
                prop_assert!((there - back).abs() <= 2, "{firsts:?}");
            }
        }
    }
}
