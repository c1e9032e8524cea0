//! AVIF: one key frame of AV1 in its container. Eight bits, chroma for each four pixels, on the thread that calls.
//!
//! It costs about a hundred times the time of JPEG, so the settings are the quickest ones that are still clearly smaller: blocks of 8 and 16 only,
//! no restoring filters. What it takes is in `docs/decisions`.

use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients as Matrix;
use image::RgbImage;
use rav1e::config::SpeedSettings;
use rav1e::prelude::{
    BlockSize, ChromaSamplePosition, ChromaSampling, ColorDescription, ColorPrimaries, Config, Context,
    EncoderConfig, EncoderStatus, MatrixCoefficients, PartitionRange, PixelRange, SceneDetectionSpeed,
    TransferCharacteristics,
};

/// Pixels of the largest image that is made. An image cannot be interrupted: this bounds how long it takes.
pub(crate) const PIXELS_MAX: u64 = 2_500_000;
/// The encoder's own number for how quick it is, 0 to 10.
const SPEED: u8 = 9;

/// Encodes an image with a quality of 1 to 100.
///
/// # Errors
/// What the encoder says; it may be of use to whoever reads the log.
pub(crate) fn encode(image: &RgbImage, quality: u8) -> Result<Vec<u8>, String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let settings = Config::new().with_threads(1).with_encoder_config(config(width, height, quality));
    let mut context: Context<u8> = settings.new_context().map_err(|error| error.to_string())?;
    let mut frame = context.new_frame();
    let planes = planes(image);
    for (plane, (bytes, width)) in frame.planes.iter_mut().zip(&planes) {
        plane.copy_from_raw_u8(bytes, *width, 1);
    }
    drop(planes);
    context.send_frame(frame).map_err(|error| error.to_string())?;
    context.flush();
    let mut data = Vec::new();
    loop {
        match context.receive_packet() {
            Ok(packet) => data.extend_from_slice(&packet.data),
            Err(EncoderStatus::Encoded) => {}
            Err(EncoderStatus::LimitReached) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    let mut container = Aviffy::new();
    container
        .set_matrix_coefficients(Matrix::Bt601)
        .set_full_color_range(true)
        .set_chroma_subsampling((true, true))
        .set_seq_profile(0);
    Ok(container.to_vec(&data, None, image.width(), image.height(), 8))
}

fn config(width: usize, height: usize, quality: u8) -> EncoderConfig {
    let quantizer = quantizer(quality);
    let colours = ColorDescription {
        color_primaries: ColorPrimaries::BT709,
        transfer_characteristics: TransferCharacteristics::SRGB,
        matrix_coefficients: MatrixCoefficients::BT601,
    };
    EncoderConfig {
        width,
        height,
        bit_depth: 8,
        chroma_sampling: ChromaSampling::Cs420,
        chroma_sample_position: ChromaSamplePosition::Unknown,
        pixel_range: PixelRange::Full,
        color_description: Some(colours),
        still_picture: true,
        quantizer,
        min_quantizer: quantizer as u8,
        bitrate: 0,
        min_key_frame_interval: 0,
        max_key_frame_interval: 0,
        tiles: 1,
        speed_settings: speed(),
        ..EncoderConfig::default()
    }
}

fn speed() -> SpeedSettings {
    let mut speed = SpeedSettings::from_preset(SPEED);
    (speed.multiref, speed.rdo_lookahead_frames) = (false, 1);
    speed.scene_detection_mode = SceneDetectionSpeed::None;
    (speed.cdef, speed.lrf, speed.fast_deblock) = (false, false, true);
    speed.partition.partition_range = PartitionRange::new(BlockSize::BLOCK_8X8, BlockSize::BLOCK_16X16);
    speed.partition.encode_bottomup = false;
    (speed.transform.reduced_tx_set, speed.transform.rdo_tx_decision) = (true, false);
    // Guessing rates would take a third of the time less, and make files that are a tenth larger.
    speed.transform.tx_domain_rate = false;
    speed
}

/// A number of the encoder, 0 to 255, by which an image looks about as good as a JPEG of this quality does (by the mean similarity of structure).
fn quantizer(quality: u8) -> usize {
    let quality = usize::from(quality.clamp(1, 100));
    match quality.checked_sub(80) {
        Some(above) => 115 - above * 3,
        None => 115 + (80 - quality) * 4 / 3,
    }
}

/// Luma, and chroma at half the width and height, of BT.601 in the full range; with the bytes of a row.
fn planes(image: &RgbImage) -> [(Vec<u8>, usize); 3] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let bytes = image.as_raw();
    let pixel = |x: usize, y: usize| {
        let at = (y.min(height - 1) * width + x.min(width - 1)) * 3;
        [0, 1, 2].map(|channel| i32::from(bytes[at + channel]))
    };
    let luma = bytes.chunks_exact(3).map(|rgb| {
        let [red, green, blue] = [0, 1, 2].map(|channel| i32::from(rgb[channel]));
        ((red * 19_595 + green * 38_470 + blue * 7_471 + (1 << 15)) >> 16) as u8
    });
    let chroma = |weights: [i32; 3]| {
        let places = (0..down).flat_map(|y| (0..across).map(move |x| (x * 2, y * 2)));
        let of = |(x, y): (usize, usize)| {
            let four = [pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1)];
            let weighed: i32 = four.iter().flat_map(|rgb| rgb.iter().zip(weights)).map(|(c, w)| c * w).sum();
            ((weighed + (128 << 18) + (1 << 17)) >> 18).clamp(0, 255) as u8
        };
        places.map(of).collect()
    };
    let (blue, red) = (chroma([-11_058, -21_710, 32_768]), chroma([32_768, -27_439, -5_329]));
    [(luma.collect(), width), (blue, across), (red, across)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_qualities_have_smaller_quantizers() {
        assert!((1..100).all(|quality| quantizer(quality) > quantizer(quality + 1) || quality >= 80));
        assert_eq!((quantizer(0), quantizer(1), quantizer(80), quantizer(100)), (220, 220, 115, 55));
    }

    #[test]
    fn grey_has_no_colour_and_odd_sizes_are_whole() {
        let [luma, blue, red] = planes(&RgbImage::from_pixel(5, 3, image::Rgb([90, 90, 90])));
        assert_eq!((luma.0, luma.1), (vec![90; 15], 5));
        assert_eq!((blue.0, blue.1, red.0), (vec![128; 6], 3, vec![128; 6]));
    }
}
