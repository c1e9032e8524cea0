//! Pixels as luma and chroma: eight bits of BT.601 in the narrow range, chroma for each four pixels, in whole macroblocks (RFC 6386, section 2).

use image::RgbImage;

/// One plane.
#[derive(Clone)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) pixels: Vec<u8>,
}

impl Plane {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, pixels: vec![0; width * height] }
    }

    /// The pixels of a row from `x` on.
    pub(super) fn row(&self, x: usize, y: usize) -> &[u8] {
        &self.pixels[y * self.width + x..(y + 1) * self.width]
    }
}

/// Luma, and twice chroma, of an image; what stands over is filled with its last pixels.
pub(super) struct Planes {
    /// Macroblocks across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) each: [Plane; 3],
}

impl Planes {
    /// Empty ones for an image of this size.
    pub(super) fn blank(width: usize, height: usize) -> Self {
        let (across, down) = (width.div_ceil(16), height.div_ceil(16));
        let plane = |side| Plane::new(across * side, down * side);
        Self { across, down, each: [plane(16), plane(8), plane(8)] }
    }

    pub(super) fn of(image: &RgbImage) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let mut out = Self::blank(width, height);
        let bytes = image.as_raw();
        let pixel = |x: usize, y: usize| {
            let at = (y.min(height - 1) * width + x.min(width - 1)) * 3;
            [0, 1, 2].map(|channel| i32::from(bytes[at + channel]))
        };
        let [luma, blue, red] = &mut out.each;
        let chroma_width = blue.width;
        for (y, rows) in luma.pixels.chunks_exact_mut(chroma_width * 4).enumerate() {
            for x in 0..chroma_width {
                let mut sum = [0; 3];
                for (over, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let rgb = pixel(x * 2 + over, y * 2 + down);
                    rows[down * chroma_width * 2 + x * 2 + over] = luma_of(rgb);
                    sum = [0, 1, 2].map(|channel| sum[channel] + rgb[channel]);
                }
                // In 65,536ths of a quarter.
                blue.pixels[y * chroma_width + x] = chroma_of(sum, [-9_719, -19_081, 28_800]);
                red.pixels[y * chroma_width + x] = chroma_of(sum, [28_800, -24_116, -4_684]);
            }
        }
        out
    }
}

fn luma_of([red, green, blue]: [i32; 3]) -> u8 {
    ((red * 16_839 + green * 33_059 + blue * 6_420 + (16 << 16) + (1 << 15)) >> 16) as u8
}

fn chroma_of(sum: [i32; 3], weights: [i32; 3]) -> u8 {
    let weighed: i32 = sum.iter().zip(weights).map(|(sum, weight)| sum * weight).sum();
    ((weighed + (128 << 18) + (1 << 17)) >> 18).clamp(0, 255) as u8
}
