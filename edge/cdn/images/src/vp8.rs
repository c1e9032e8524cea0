//! Images as key frames of VP8 (RFC 6386), which is what WebP with losses is: pixels in, bytes out.
//!
//! One pass tries, for each macroblock, the modes of prediction and takes what costs least in bits and errors together; a second one writes, with
//! probabilities that suit what the first one counted. There are no segments, no filter levels of macroblocks, and one partition of tokens: what is left
//! out costs some percent of size, and spares two thirds of the code.
//!
//! Invariants: what is predicted from is what a decoder has, bit by bit; the same pixels and quality make the same bytes; memory is about seven bytes a
//! pixel.

mod boolean;
mod macroblock;
mod modes;
mod planes;
mod predict;
mod quantize;
mod tables;
mod tokens;
mod transform;

use boolean::Encoder;
use image::RgbImage;
use macroblock::{Coded, Coder};
use planes::Planes;
use quantize::Quantizer;
use tokens::{Costs, Tally, Writer};

/// Width or height of a frame (14 bits).
const SIDE_MAX: u32 = (1 << 14) - 1;
/// Bytes of the part before the tokens (19 bits).
const HEAD_BYTES_MAX: usize = (1 << 19) - 1;

/// Encodes an image with a quality of 1 to 100. `None`: it is larger than the format allows, or empty.
pub(crate) fn encode(image: &RgbImage, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = image.dimensions();
    if width.max(height) > SIDE_MAX || width.min(height) == 0 {
        return None;
    }
    let source = Planes::of(image);
    let (quantizer, costs) = (Quantizer::new(quality), Costs::new());
    let mut coder = Coder::new(&source, &quantizer, &costs, (width as usize, height as usize));
    let mut coded = Vec::with_capacity(source.across * source.down);
    let mut tally = Tally::new();
    for y in 0..source.down {
        for x in 0..source.across {
            let macroblock = coder.code(x, y);
            coder.tell(&macroblock, (x, y), &mut tally);
            coded.push(macroblock);
        }
    }
    frame(&coder, &coded, &tally, (width, height))
}

/// Puts a frame together (sections 9 and 19).
fn frame(coder: &Coder<'_>, coded: &[Coded], tally: &Tally, (width, height): (u32, u32)) -> Option<Vec<u8>> {
    let mut head = Encoder::new();
    // Colours as they are; pixels are clamped; no segments; the normal filter with one level for all, no sharpness, no differences by mode.
    head.literal(0, 3);
    head.literal(0, 1);
    head.literal(coder.quantizer.smoothing(), 6);
    head.literal(0, 3 + 1);
    // One partition of tokens; one quantizer, no kind of block has another; probabilities are for this frame.
    head.literal(0, 2);
    head.literal(coder.quantizer.index as u32, 7);
    head.literal(0, 5 + 1);
    let probabilities = tally.settle(&mut head, coder.costs);
    // How likely a macroblock has something.
    let full = coded.iter().filter(|macroblock| !macroblock.is_empty()).count();
    let likely_full = (full * 256 / coded.len().max(1)).clamp(1, 255) as u8;
    head.bit(128, true);
    head.literal(u32::from(likely_full), 8);
    modes::write(&mut head, coded, coder.across(), likely_full);
    let head = head.finish();
    let mut writer = Writer { encoder: Encoder::new(), probabilities: &probabilities };
    let mut again = coder.anew();
    for (at, macroblock) in coded.iter().enumerate() {
        again.tell(macroblock, (at % coder.across(), at / coder.across()), &mut writer);
    }
    let tokens = writer.encoder.finish();
    if head.len() > HEAD_BYTES_MAX {
        return None;
    }
    // A key frame of version 0 that is shown.
    let tag = ((head.len() as u32) << 5) | 1 << 4;
    let mut out = Vec::with_capacity(10 + head.len() + tokens.len());
    out.extend_from_slice(&tag.to_le_bytes()[..3]);
    out.extend_from_slice(&[0x9d, 0x01, 0x2a]);
    out.extend_from_slice(&(width as u16).to_le_bytes());
    out.extend_from_slice(&(height as u16).to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(&tokens);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageDecoder as _, codecs::webp::WebPDecoder};

    #[test]
    fn sizes_that_the_format_has_not_are_refused() {
        assert_eq!(encode(&RgbImage::new(0, 5), 80), None);
        assert_eq!(encode(&RgbImage::new(16_384, 1), 80), None);
        assert!(encode(&RgbImage::new(1, 1), 80).is_some());
    }

    /// One colour needs next to nothing, and all macroblocks but the first have no tokens.
    #[test]
    fn plain_images_are_small_and_exact() {
        let image = RgbImage::from_pixel(200, 120, image::Rgb([120, 120, 120]));
        let frame = encode(&image, 80).expect("of a size that there is");
        assert!(frame.len() < 120, "{} bytes", frame.len());
        let file = crate::container::webp(&frame, image.dimensions(), None);
        let decoder = WebPDecoder::new(std::io::Cursor::new(file)).expect("WebP");
        let mut pixels = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut pixels).expect("a whole image");
        assert!(pixels.iter().all(|pixel| pixel.abs_diff(120) <= 1), "{:?}", &pixels[..9]);
    }
}
