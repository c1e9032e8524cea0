//! Arbitrary bytes as an image: a variant that can be read and is no larger than wished, or a reason; within the bounds.
#![no_main]

use bole_cdn_images::{Fit, Limits, Wish, variant};

libfuzzer_sys::fuzz_target!(|input: (&[u8], Option<u16>, Option<u16>, bool, bool, u8)| {
    let (bytes, width, height, cover, webp, quality) = input;
    let fit = if cover { Fit::Cover } else { Fit::Contain };
    let wish = Wish { width: width.map(u32::from), height: height.map(u32::from), fit, quality, webp, avif: false };
    let limits = Limits { bytes: 1 << 20, side: 4_096, pixels: 4_000_000, memory: 128 << 20 };
    if let Ok(made) = variant(bytes, &wish, &limits) {
        assert!(wish.width.is_none_or(|most| made.width <= most.max(1)));
        assert!(wish.height.is_none_or(|most| made.height <= most.max(1)));
        assert!(!made.bytes.is_empty());
    }
});
