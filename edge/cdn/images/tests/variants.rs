//! Variants of images that are made here: sizes, formats, what is kept and what is refused.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use bole_cdn_images::{Fit, Format, Kept, Limits, Variant, Wish, is_slow, variant};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{
    DynamicImage, Frame, GenericImageView as _, ImageDecoder as _, ImageEncoder as _, ImageFormat, Rgb,
    RgbImage, Rgba, RgbaImage,
};
use proptest::prelude::*;
use std::io::Cursor;

const WISH: Wish =
    Wish { width: Some(80), height: None, fit: Fit::Contain, quality: 80, webp: true, avif: false };

/// Left red, right blue, with some texture.
fn picture(width: u32, height: u32) -> DynamicImage {
    let image = RgbImage::from_fn(width, height, |x, y| {
        let texture = (x * 7 + y * 13) as u8 / 4;
        if x < width / 2 { Rgb([200, texture, 10]) } else { Rgb([10, texture, 200]) }
    });
    DynamicImage::ImageRgb8(image)
}

fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn decoded(variant: &Variant) -> DynamicImage {
    let image = image::load_from_memory(&variant.bytes).unwrap();
    assert_eq!((image.width(), image.height()), (variant.width, variant.height));
    let format = image::guess_format(&variant.bytes).unwrap();
    assert_eq!(format.to_mime_type(), variant.format.media_type());
    image
}

/// Whether a pixel is more red than blue.
fn is_red(image: &DynamicImage, x: u32, y: u32) -> bool {
    let Rgba([red, _, blue, _]) = image.get_pixel(x, y);
    red > blue
}

#[test]
fn each_format_gets_the_one_that_suits_it() {
    let picture = picture(320, 200);
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_fn(320, 200, |x, y| {
        Rgba([x as u8, y as u8, 0, (x + y) as u8])
    }));
    for (image, from, accepted, expected) in [
        (&picture, ImageFormat::Jpeg, "", Format::Jpeg),
        (&picture, ImageFormat::Jpeg, "webp", Format::WebP),
        (&picture, ImageFormat::Jpeg, "avif", Format::Avif),
        (&picture, ImageFormat::Jpeg, "webp avif", Format::Avif),
        (&picture, ImageFormat::Png, "webp avif", Format::WebP),
        (&picture, ImageFormat::Png, "avif", Format::Png),
        (&picture, ImageFormat::Png, "", Format::Png),
        (&picture, ImageFormat::WebP, "webp", Format::WebP),
        (&picture, ImageFormat::WebP, "", Format::Jpeg),
        (&clear, ImageFormat::Png, "webp avif", Format::WebP),
        (&clear, ImageFormat::WebP, "", Format::Png),
    ] {
        let [webp, avif] = ["webp", "avif"].map(|name| accepted.contains(name));
        let wish = Wish { webp, avif, ..WISH };
        let original = bytes(image, from);
        let made = variant(&original, &wish, &Limits::default());
        let made = made.unwrap_or_else(|kept| panic!("{from:?} {accepted}: {kept}"));
        assert_eq!((made.format, made.width, made.height), (expected, 80, 50), "{from:?} {accepted}");
        assert!(made.format != Format::Avif || is_slow(&original, &wish), "{from:?} {accepted}");
        if made.format == Format::Avif {
            assert!(is_avif(&made.bytes, 80, 50), "{from:?}");
            continue;
        }
        let shown = decoded(&made);
        assert_eq!(shown.color().has_alpha(), image.color().has_alpha(), "{from:?}");
        if !image.color().has_alpha() {
            assert!(is_red(&shown, 5, 20) && !is_red(&shown, 75, 20), "{from:?}");
        }
    }
}

/// Whether it looks like AVIF of this size. Nothing here can decode it: Pillow and Chromium do (`cargo xtask conformance cdn`).
fn is_avif(bytes: &[u8], width: u32, height: u32) -> bool {
    let extent = [b"ispe\0\0\0\0".as_slice(), &width.to_be_bytes(), &height.to_be_bytes()].concat();
    bytes.get(4..12) == Some(b"ftypavif") && bytes.windows(extent.len()).any(|window| window == extent)
}

#[test]
fn what_has_another_profile_than_srgb_is_never_avif_and_keeps_it() {
    let mut profile = vec![0; 128];
    profile.extend_from_slice(&[0, 0, 0, 1]);
    profile.extend_from_slice(b"desc\0\0\0\x90\0\0\0\x0a");
    let wish = Wish { avif: true, ..WISH };
    for (name, expected) in [(b"Display P3", Format::WebP), (b"sRGB built", Format::Avif)] {
        let profile = [profile.as_slice(), name].concat();
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
        encoder.set_icc_profile(profile.clone()).unwrap();
        picture(320, 200).write_with_encoder(encoder).unwrap();
        let made = variant(&jpeg, &wish, &Limits::default()).unwrap();
        assert_eq!(made.format, expected);
        if expected == Format::WebP {
            let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(&made.bytes)).unwrap();
            assert_eq!(decoder.icc_profile().unwrap(), Some(profile));
            assert!(is_red(&decoded(&made), 5, 20));
        }
    }
}

/// The mean of the absolute differences of what is seen and what it was made of, in brightness: colours are kept for four pixels together.
fn distance(one: &DynamicImage, other: &DynamicImage) -> f64 {
    let (one, other) = (one.to_luma8(), other.to_luma8());
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u64 = one.iter().zip(other.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn what_covers_is_cut_evenly() {
    let wish = Wish { width: Some(60), height: Some(60), fit: Fit::Cover, ..WISH };
    let made = variant(&bytes(&picture(320, 200), ImageFormat::Png), &wish, &Limits::default()).unwrap();
    assert_eq!((made.width, made.height), (60, 60));
    let shown = decoded(&made);
    assert!(is_red(&shown, 25, 30) && !is_red(&shown, 35, 30));
}

#[test]
fn animated_foreign_and_small_images_are_kept() {
    let frame = || Frame::new(picture(200, 100).into_rgba8());
    let gif = |frames: usize| {
        let mut out = Vec::new();
        GifEncoder::new(&mut out).encode_frames((0..frames).map(|_| frame())).unwrap();
        out
    };
    let limits = Limits::default();
    assert_eq!(variant(&gif(2), &WISH, &limits), Err(Kept::Animated));
    assert_eq!(variant(&gif(1), &WISH, &limits).unwrap().format, Format::WebP);
    assert_eq!(variant(b"<svg xmlns='http://www.w3.org/2000/svg'/>", &WISH, &limits), Err(Kept::Format));
    assert_eq!(variant(b"", &WISH, &limits), Err(Kept::Format));
    let png = bytes(&picture(20, 20), ImageFormat::Png);
    assert!(matches!(variant(&png[..png.len() / 2], &WISH, &limits), Err(Kept::Damaged(_))));
    // A JPEG that is encoded again with a better quality has more bytes.
    let mut jpeg = Vec::new();
    picture(64, 64).write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 20)).unwrap();
    let wish = Wish { width: Some(64), quality: 95, webp: false, ..WISH };
    assert_eq!(variant(&jpeg, &wish, &limits), Err(Kept::NotSmaller));
}

#[test]
fn nothing_is_decoded_that_is_too_large() {
    let png = bytes(&picture(300, 200), ImageFormat::Png);
    let limits = Limits::default();
    for limits in [
        Limits { bytes: 100, ..limits },
        Limits { side: 299, ..limits },
        Limits { pixels: 59_999, ..limits },
        Limits { memory: 100_000, ..limits },
    ] {
        let kept = variant(&png, &WISH, &limits).unwrap_err();
        assert!(matches!(kept, Kept::Large(_)), "{limits:?}: {kept}");
    }
    // A head that promises a hundred million pixels, and has none.
    let mut bomb = png;
    bomb[16..20].copy_from_slice(&16_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&16_000_u32.to_be_bytes());
    assert!(variant(&bomb, &WISH, &limits).is_err());
}

#[test]
fn an_image_is_upright_and_its_profile_stays_and_its_places_do_not() {
    // A minimal table of EXIF: orientation 6, to be turned right; and what looks like a profile.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0secret place".to_vec();
    let profile = [b"0000".as_slice(), &[7; 200]].concat();
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    encoder.set_icc_profile(profile.clone()).unwrap();
    encoder.set_exif_metadata(exif).unwrap();
    picture(400, 200).write_with_encoder(encoder).unwrap();
    let made = variant(&jpeg, &Wish { webp: false, ..WISH }, &Limits::default()).unwrap();
    assert_eq!((made.width, made.height), (80, 160));
    let shown = decoded(&made);
    assert!(is_red(&shown, 40, 10) && !is_red(&shown, 40, 150));
    let mut decoder = image::ImageReader::new(Cursor::new(&made.bytes))
        .with_guessed_format()
        .unwrap()
        .into_decoder()
        .unwrap();
    assert_eq!(decoder.icc_profile().unwrap(), Some(profile));
    assert!(!made.bytes.windows(6).any(|six| six == b"secret"));
}

#[test]
fn transparent_pixels_do_not_colour_their_neighbours() {
    // Opaque red beside green that is not seen.
    let image = RgbaImage::from_fn(256, 256, |x, y| {
        if (x / 3 + y / 3) % 2 == 0 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
    });
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&image, 256, 256, image::ExtendedColorType::Rgba8).unwrap();
    let made = variant(&png, &Wish { width: Some(40), ..WISH }, &Limits::default());
    let made = match made {
        Ok(made) => made,
        // A pattern as plain as that may be smaller as it is; then there is nothing to see.
        Err(kept) => panic!("{kept}"),
    };
    let shown = decoded(&made);
    assert!(shown.pixels().all(|(_, _, Rgba([_, green, _, alpha]))| green == 0 || alpha == 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_panics_and_no_variant_is_larger_than_wished(
        width in 1_u32..120, height in 1_u32..120, wide in prop::option::of(0_u32..200), tall in prop::option::of(0_u32..200),
        cover in any::<bool>(), webp in any::<bool>(), quality in any::<u8>(), format in 0..4_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif][format];
        let mut image = bytes(&picture(width, height), format);
        for (at, byte) in &damage {
            let at = at.index(image.len());
            image[at] = *byte;
        }
        let fit = if cover { Fit::Cover } else { Fit::Contain };
        let wish = Wish { width: wide, height: tall, fit, quality, webp, avif: false };
        let limits = Limits { side: 4_000, pixels: 1_000_000, memory: 64 << 20, ..Limits::default() };
        if let Ok(made) = variant(&image, &wish, &limits) {
            prop_assert!(wide.is_none_or(|most| made.width <= most.max(1)));
            prop_assert!(tall.is_none_or(|most| made.height <= most.max(1)));
            prop_assert!(made.width >= 1 && made.height >= 1);
            decoded(&made);
        }
    }

    // What a decoder sees is near what was there, for all sizes and qualities: an encoder that went another way than the decoder would be far off, and
    // farther with each block.
    #[test]
    fn lossy_webp_is_what_it_was_made_of(
        width in 1_u32..100, height in 1_u32..100, quality in 1_u8..=100, seed in any::<u32>(), noise in 0_u32..3,
    ) {
        let image = RgbImage::from_fn(width, height, |x, y| {
            let wave = |by: u32| ((f64::from(x * by + y * (seed % 7)) / 9.0).sin() * 90.0 + 128.0) as u8;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(seed | 1)) % 64 * noise / 2;
            Rgb([wave(1), wave(2), wave(3)].map(|channel| channel.saturating_add(grain as u8)))
        });
        let image = DynamicImage::ImageRgb8(image);
        let mut jpeg = Vec::new();
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 100)).unwrap();
        let wish = Wish { width: None, quality, ..WISH };
        // Small ones may not become smaller; then there is nothing to see.
        if let Ok(made) = variant(&jpeg, &wish, &Limits::default()) {
            prop_assert_eq!(made.format, Format::WebP);
            let (seen, there) = (decoded(&made), image::load_from_memory(&jpeg).unwrap());
            let most = 4.0 + f64::from(100 - quality) / 4.0 + f64::from(noise) * 6.0;
            let distance = distance(&seen, &there);
            prop_assert!(distance <= most, "{} x {}, quality {}: {} of {}", width, height, quality, distance, most);
        }
    }
}
