//! The container of WebP with losses (RFC 9649, section 2), and what is known of colour profiles.

/// A chunk: its name, its length, its bytes, and one more to make them even.
fn chunk(out: &mut Vec<u8>, name: [u8; 4], bytes: &[u8]) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
    if !bytes.len().is_multiple_of(2) {
        out.push(0);
    }
}

/// A file of a frame of VP8 of this size, with its colour profile.
pub(crate) fn webp(frame: &[u8], (width, height): (u32, u32), profile: Option<&[u8]>) -> Vec<u8> {
    let mut chunks = b"WEBP".to_vec();
    if let Some(profile) = profile {
        // The extended form: that there is a profile, and the size less one in 24 bits.
        let mut extended = [0; 10];
        extended[0] = 1 << 5;
        extended[4..7].copy_from_slice(&(width - 1).to_le_bytes()[..3]);
        extended[7..10].copy_from_slice(&(height - 1).to_le_bytes()[..3]);
        chunk(&mut chunks, *b"VP8X", &extended);
        chunk(&mut chunks, *b"ICCP", profile);
    }
    chunk(&mut chunks, *b"VP8 ", frame);
    let mut out = Vec::with_capacity(chunks.len() + 8);
    chunk(&mut out, *b"RIFF", &chunks);
    out
}

/// Whether a profile says that it is sRGB, which is what an image without one is taken for: by its description (ICC.1:2022, section 9.2.41), in single
/// bytes or in pairs.
pub(crate) fn is_srgb(profile: &[u8]) -> bool {
    let number = |at: usize| {
        let bytes = profile.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?) as usize)
    };
    let tags = number(128).unwrap_or(0).min(64);
    let description = (0..tags).map(|tag| 132 + tag * 12).find_map(|at| {
        (profile.get(at..at + 4)? == b"desc").then_some(())?;
        let (start, length) = (number(at + 4)?, number(at + 8)?);
        profile.get(start..start.checked_add(length)?)
    });
    let has = |text: &[u8], name: &[u8]| text.windows(name.len()).any(|window| window == name);
    description.is_some_and(|text| has(text, b"sRGB") || has(text, b"s\0R\0G\0B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_that_say_so_are_srgb() {
        let profile = |tag: &[u8; 4], text: &[u8]| {
            let mut out = vec![0; 128];
            out.extend_from_slice(&1_u32.to_be_bytes());
            out.extend_from_slice(tag);
            out.extend_from_slice(&144_u32.to_be_bytes());
            out.extend_from_slice(&(text.len() as u32).to_be_bytes());
            out.extend_from_slice(text);
            out
        };
        for (profile, expected) in [
            (profile(b"desc", b"desc\0\0\0\0\0\0\0\x12sRGB IEC61966-2.1\0"), true),
            (profile(b"desc", b"mluc\0\0\0\0\0s\0R\0G\0B"), true),
            (profile(b"desc", b"desc\0\0\0\0\0\0\0\x0bDisplay P3\0"), false),
            (profile(b"cprt", b"like sRGB"), false),
            (vec![0xff; 140], false),
            (b"sRGB".to_vec(), false),
        ] {
            assert_eq!(is_srgb(&profile), expected, "{}", String::from_utf8_lossy(&profile));
        }
    }
}
