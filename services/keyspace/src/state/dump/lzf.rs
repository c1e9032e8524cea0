//! Unpacks `LibLZF`, which Redis compresses longer strings with.
//!
//! A control byte below 32 is followed by that many literal bytes and one more. Others hold a length less 2 in their upper
//! three bits (7: add the next byte) and the upper five bits of a distance less 1, whose lower eight follow.

/// The `len` bytes that `packed` unpacks to; `None` if it does not. Never takes more than 90 times the memory of `packed`.
pub(super) fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len.min(packed.len() * 4));
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        if control < 32 {
            let (literal, after) = rest.split_at_checked(control as usize + 1)?;
            rest = after;
            out.extend_from_slice(literal);
        } else {
            let mut count = (control >> 5) as usize;
            if count == 7 {
                count += *rest.first()? as usize;
                rest = &rest[1..];
            }
            let distance = ((control & 31) as usize) << 8 | *rest.first()? as usize;
            rest = &rest[1..];
            let from = out.len().checked_sub(distance + 1)?;
            // The copy may overlap what it writes.
            for at in from..from + count + 2 {
                out.push(out[at]);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}
