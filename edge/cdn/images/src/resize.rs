//! Sizes. Pixels are averaged as they are stored, without undoing gamma, as browsers do it; colours of transparent pixels do not bleed into others.

use crate::{Fit, Wish};
use image::imageops::FilterType;
use image::{DynamicImage, RgbaImage};

/// Sizes of an image that is to be fitted: first it is scaled, then cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) scaled: (u32, u32),
    pub(crate) cut: (u32, u32),
}

/// The sizes that a wish comes to. Nothing becomes larger; no side becomes nothing.
pub(crate) fn sizes((width, height): (u32, u32), wish: &Wish) -> Sizes {
    let (across, down) = (wish.width.map(|most| most.max(1)), wish.height.map(|most| most.max(1)));
    let ratio = |most: Option<u32>, side: u32| most.map(|most| f64::from(most) / f64::from(side));
    let (wide, tall) = (ratio(across, width), ratio(down, height));
    let cover = wish.fit == Fit::Cover && wide.is_some() && tall.is_some();
    let scale = match (wide, tall) {
        (Some(wide), Some(tall)) if cover => wide.max(tall),
        (Some(wide), Some(tall)) => wide.min(tall),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 1.0,
    };
    let scale = scale.min(1.0);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).clamp(1, side.max(1));
    let scaled = (scaled(width), scaled(height));
    let cut = |side: u32, most: Option<u32>| most.filter(|_| cover).map_or(side, |most| most.min(side));
    Sizes { scaled, cut: (cut(scaled.0, across), cut(scaled.1, down)) }
}

/// The image as it is wished.
pub(crate) fn fitted(image: DynamicImage, wish: &Wish) -> DynamicImage {
    let sizes = sizes((image.width(), image.height()), wish);
    let image =
        if sizes.scaled == (image.width(), image.height()) { image } else { scaled(&image, sizes.scaled) };
    if sizes.cut == sizes.scaled {
        return image;
    }
    let (left, top) = ((sizes.scaled.0 - sizes.cut.0) / 2, (sizes.scaled.1 - sizes.cut.1) / 2);
    image.crop_imm(left, top, sizes.cut.0, sizes.cut.1)
}

fn scaled(image: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    if !image.color().has_alpha() {
        return image.resize_exact(width, height, FilterType::CatmullRom);
    }
    let mut weighted = image.to_rgba8();
    weigh(&mut weighted);
    let mut small = image::imageops::resize(&weighted, width, height, FilterType::CatmullRom);
    unweigh(&mut small);
    DynamicImage::ImageRgba8(small)
}

/// Colours times alpha.
fn weigh(image: &mut RgbaImage) {
    for pixel in image.pixels_mut() {
        let alpha = u32::from(pixel.0[3]);
        for channel in &mut pixel.0[..3] {
            *channel = ((u32::from(*channel) * alpha + 127) / 255) as u8;
        }
    }
}

/// Colours as they were before they were weighed, as far as bytes can tell.
fn unweigh(image: &mut RgbaImage) {
    for pixel in image.pixels_mut() {
        let alpha = u32::from(pixel.0[3]);
        for channel in &mut pixel.0[..3] {
            *channel = (u32::from(*channel) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0).min(255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_fitted_and_never_grow() {
        for (size, width, height, fit, scaled, cut) in [
            ((400, 200), Some(100), None, Fit::Contain, (100, 50), (100, 50)),
            ((400, 200), None, Some(100), Fit::Contain, (200, 100), (200, 100)),
            ((400, 200), Some(100), Some(100), Fit::Contain, (100, 50), (100, 50)),
            ((400, 200), Some(100), Some(100), Fit::Cover, (200, 100), (100, 100)),
            ((400, 200), Some(100), None, Fit::Cover, (100, 50), (100, 50)),
            ((400, 200), Some(800), Some(100), Fit::Cover, (400, 200), (400, 100)),
            ((400, 200), Some(800), None, Fit::Contain, (400, 200), (400, 200)),
            ((400, 200), None, None, Fit::Cover, (400, 200), (400, 200)),
            ((10_000, 1), Some(10), None, Fit::Contain, (10, 1), (10, 1)),
            ((400, 200), Some(0), None, Fit::Contain, (1, 1), (1, 1)),
        ] {
            let wish = Wish { width, height, fit, quality: 80, webp: true, avif: false };
            assert_eq!(sizes(size, &wish), Sizes { scaled, cut }, "{size:?} {wish:?}");
        }
    }
}
