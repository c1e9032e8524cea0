//! Variants of images as a pure function: bytes of an image and a [`Wish`] go in, bytes of another image come out, or the reason why the original is to
//! be served ([`Kept`]).
//!
//! Reads JPEG, PNG, GIF and WebP. What came with losses (JPEG, WebP without transparency) is written as AVIF, WebP or JPEG, the first of them that whoever
//! asks reads; what came without, as WebP or PNG without losses. The orientation of the metadata is applied, the colour profile is kept, all other
//! metadata (places, cameras, names) is left out. Images never become larger than they are.
//!
//! [`vp8`] is the encoder of lossy WebP, [`avif`] that of AVIF, [`container`] the file around the former, [`resize`] the sizes.
//!
//! Left to others: who may ask for what, where variants are stored, threads and time (the work of one call is bounded by [`Limits`], but it cannot be
//! interrupted).
//!
//! Invariants: no input panics; nothing is decoded before its size is known and allowed; an animated image is never touched.

mod avif;
mod container;
mod resize;
mod vp8;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::codecs::webp::{WebPDecoder, WebPEncoder};
use image::{
    AnimationDecoder, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat,
    ImageReader,
};
use std::io::Cursor;

/// What one call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the original.
    pub bytes: usize,
    /// Width or height of either image.
    pub side: u32,
    /// Pixels of the original.
    pub pixels: u64,
    /// Bytes of memory, as far as they can be foreseen.
    pub memory: u64,
}

impl Default for Limits {
    /// 32 MiB, 16,384, 40 million pixels, 512 MiB.
    fn default() -> Self {
        Self { bytes: 32 << 20, side: 16_384, pixels: 40_000_000, memory: 512 << 20 }
    }
}

/// How an image is fitted into a width and a height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Whole, within both.
    #[default]
    Contain,
    /// Both are filled, and what stands over is cut off evenly.
    Cover,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The most pixels across.
    pub width: Option<u32>,
    /// The most pixels down.
    pub height: Option<u32>,
    /// Where both are given.
    pub fit: Fit,
    /// Of what is written with losses, as of JPEG, 1 to 100.
    pub quality: u8,
    /// Whether whoever asks reads WebP.
    pub webp: bool,
    /// Whether whoever asks reads AVIF, and likes it no less.
    pub avif: bool,
}

/// Formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `image/jpeg`.
    Jpeg,
    /// `image/png`.
    Png,
    /// `image/webp`.
    WebP,
    /// `image/avif`.
    Avif,
}

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
        }
    }
}

/// Another image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their format.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Why the original is to be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// None of the formats that are read.
    #[error("the format is none of JPEG, PNG, GIF and WebP")]
    Format,
    /// It has several frames.
    #[error("it is animated")]
    Animated,
    /// Its colours would not be the same: CMYK.
    #[error("its colours are not those of a screen")]
    Colours,
    /// It is larger than allowed; the text says in what.
    #[error("it is too large: {0}")]
    Large(String),
    /// It cannot be read or written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The variant would have no fewer bytes.
    #[error("a variant would not be smaller")]
    NotSmaller,
}

impl From<ImageError> for Kept {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(error) => Self::Large(error.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// What is known of an original without its pixels.
struct Original {
    format: ImageFormat,
    image: DynamicImage,
    profile: Option<Vec<u8>>,
}

/// Whether a variant may become AVIF, which takes seconds where others take a tenth of one. All else about the wish would be fulfilled the same without.
pub fn is_slow(bytes: &[u8], wish: &Wish) -> bool {
    wish.avif && image::guess_format(bytes).is_ok_and(is_lossy)
}

/// Makes a variant.
///
/// # Errors
/// The original is to be served, for this reason.
pub fn variant(bytes: &[u8], wish: &Wish, limits: &Limits) -> Result<Variant, Kept> {
    if bytes.len() > limits.bytes {
        return Err(Kept::Large(format!("{} bytes, at most {}", bytes.len(), limits.bytes)));
    }
    let Original { format: from, image, profile } = read(bytes, wish, limits)?;
    let (width, height) = (image.width(), image.height());
    let image = eight_bits(resize::fitted(image, wish));
    let (format, encoded) = encoded(&image, from, profile, wish)?;
    let resized = (width, height) != (image.width(), image.height());
    let needed = (resized && wish.fit == Fit::Cover) || (from == ImageFormat::WebP && !wish.webp);
    if encoded.len() >= bytes.len() && !needed {
        return Err(Kept::NotSmaller);
    }
    Ok(Variant { bytes: encoded, format, width: image.width(), height: image.height() })
}

/// Decodes an image that is allowed, upright.
fn read(bytes: &[u8], wish: &Wish, limits: &Limits) -> Result<Original, Kept> {
    let format = image::guess_format(bytes).map_err(|_| Kept::Format)?;
    let mut most = image::Limits::default();
    (most.max_image_width, most.max_image_height) = (Some(limits.side), Some(limits.side));
    most.max_alloc = Some(limits.memory);
    if is_animated(bytes, format, limits)? {
        return Err(Kept::Animated);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(most);
    let mut decoder = reader.into_decoder()?;
    allowed(decoder.dimensions(), u64::from(decoder.color_type().bytes_per_pixel()), wish, limits)?;
    let foreign =
        matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16);
    if foreign {
        return Err(Kept::Colours);
    }
    // Metadata that cannot be read is as none: it says nothing of the pixels.
    let profile = decoder.icc_profile().ok().flatten();
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(Original { format, image, profile })
}

/// Whether an image has more than one frame. No frame but the first of a GIF is decoded for it.
fn is_animated(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<bool, Kept> {
    let cursor = Cursor::new(bytes);
    match format {
        ImageFormat::Jpeg => Ok(false),
        ImageFormat::Png => Ok(PngDecoder::new(cursor)?.is_apng()?),
        ImageFormat::WebP => Ok(WebPDecoder::new(cursor)?.has_animation()),
        ImageFormat::Gif => {
            let decoder = GifDecoder::new(cursor)?;
            let (width, height) = decoder.dimensions();
            // Two frames are decoded at most, and what comes before each is kept.
            let needed = u64::from(width) * u64::from(height) * 4 * 3;
            if needed > limits.memory || width.max(height) > limits.side {
                return Err(Kept::Large(format!("{width} × {height} pixels")));
            }
            let mut frames = decoder.into_frames().take(2);
            frames.next().transpose()?;
            Ok(frames.next().is_some())
        }
        _ => Err(Kept::Format),
    }
}

/// Refuses what would take too much, before a pixel is decoded.
fn allowed((width, height): (u32, u32), pixel: u64, wish: &Wish, limits: &Limits) -> Result<(), Kept> {
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > limits.side || pixels > limits.pixels || pixels == 0 {
        return Err(Kept::Large(format!("{width} × {height} pixels")));
    }
    let longest = u64::from(width.max(height));
    let target =
        [wish.width, wish.height].into_iter().flatten().max().map_or(longest, u64::from).min(longest);
    // The original, upright, with four bytes a pixel, and the steps of resizing in floating point.
    let needed = pixels * (pixel * 2 + 4) + longest * target * 16 + target * target * 8;
    if needed > limits.memory {
        return Err(Kept::Large(format!("{width} × {height} pixels would take {needed} bytes of memory")));
    }
    Ok(())
}

/// The same image with eight bits for each channel, in RGB with or without alpha.
fn eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        image @ (DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) | DynamicImage::ImageLuma8(_)) => {
            image
        }
        image if image.color().has_alpha() => DynamicImage::ImageRgba8(image.into_rgba8()),
        image if image.color().has_color() => DynamicImage::ImageRgb8(image.into_rgb8()),
        image => DynamicImage::ImageLuma8(image.into_luma8()),
    }
}

const fn is_lossy(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Jpeg | ImageFormat::WebP)
}

/// An image in the best of the formats that are wished for. What was lossy stays lossy, where it can; what was not gets no losses.
fn encoded(
    image: &DynamicImage,
    from: ImageFormat,
    profile: Option<Vec<u8>>,
    wish: &Wish,
) -> Result<(Format, Vec<u8>), Kept> {
    if !is_lossy(from) || image.color().has_alpha() {
        let format = if wish.webp && image.color().has_color() { Format::WebP } else { Format::Png };
        return Ok((format, encode(image, format, profile, wish.quality)?));
    }
    let pixels = u64::from(image.width()) * u64::from(image.height());
    // Its container, as it is written here, has no profile.
    let fits_avif = pixels <= avif::PIXELS_MAX && profile.as_deref().is_none_or(container::is_srgb);
    if (wish.avif && fits_avif) || wish.webp {
        let rgb = image.to_rgb8();
        if wish.avif && fits_avif {
            return Ok((Format::Avif, avif::encode(&rgb, wish.quality).map_err(Kept::Damaged)?));
        }
        if let Some(frame) = vp8::encode(&rgb, vp8_quality(wish.quality)) {
            return Ok((Format::WebP, container::webp(&frame, rgb.dimensions(), profile.as_deref())));
        }
    }
    Ok((Format::Jpeg, encode(image, Format::Jpeg, profile, wish.quality)?))
}

/// The quality by which lossy WebP looks about as good as a JPEG of this one does (by the mean similarity of structure).
fn vp8_quality(quality: u8) -> u8 {
    let quality = u32::from(quality.min(100));
    let own = if quality >= 80 { 74 + (quality - 80) * 13 / 10 } else { quality * 74 / 80 };
    own.max(1) as u8
}

fn encode(
    image: &DynamicImage,
    format: Format,
    profile: Option<Vec<u8>>,
    quality: u8,
) -> Result<Vec<u8>, Kept> {
    let mut out = Vec::new();
    match format {
        Format::Jpeg => {
            written(image, JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100)), profile)?;
        }
        Format::WebP => written(image, WebPEncoder::new_lossless(&mut out), profile)?,
        // AVIF is not written here.
        Format::Png | Format::Avif => {
            let encoder =
                PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive);
            written(image, encoder, profile)?;
        }
    }
    Ok(out)
}

fn written(
    image: &DynamicImage,
    mut encoder: impl ImageEncoder,
    profile: Option<Vec<u8>>,
) -> Result<(), Kept> {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|error| Kept::Damaged(error.to_string()))?;
    }
    Ok(image.write_with_encoder(encoder)?)
}
