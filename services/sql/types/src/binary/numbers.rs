//! `numeric` in binary.
//!
//! ```text
//! groups i16 | weight i16 | sign u16 | scale u16 | groups of four digits, u16 each
//! ```

use super::{Reader, malformed};
use crate::Result;
use crate::numeric::{Decimal, Numeric};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;
const SCALE_MASK: u16 = 0x3fff;
/// What PostgreSQL sends as the scale of infinities.
const INFINITE_SCALE: i32 = 0x20;

pub(super) fn receive(reader: &mut Reader<'_>) -> Result<Numeric> {
    let count = reader.i16()? as u16;
    let weight = reader.i16()?;
    let sign = reader.i16()? as u16;
    let scale = reader.i16()? as u16;
    if ![0, NEGATIVE, NAN, INFINITY, NEGATIVE_INFINITY].contains(&sign) {
        return Err(malformed("invalid sign in external \"numeric\" value"));
    }
    if scale > SCALE_MASK {
        return Err(malformed("invalid scale in external \"numeric\" value"));
    }
    let bytes = reader.take(usize::from(count) * 2)?;
    let groups: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    if groups.iter().any(|group| *group > 9_999) {
        return Err(malformed("invalid digit in external \"numeric\" value"));
    }
    match sign {
        NAN => Ok(Numeric::NaN),
        INFINITY => Ok(Numeric::Infinity),
        NEGATIVE_INFINITY => Ok(Numeric::NegativeInfinity),
        _ => {
            let decimal = Decimal::from_groups(sign == NEGATIVE, weight.into(), scale.into(), groups);
            Numeric::Finite(decimal.truncated(scale.into())).checked()
        }
    }
}

pub(super) fn send(number: &Numeric, out: &mut Vec<u8>) {
    let (sign, decimal) = match number {
        Numeric::Finite(decimal) => (if decimal.signum() < 0 { NEGATIVE } else { 0 }, decimal),
        Numeric::NaN => (NAN, &Decimal::zero(0)),
        Numeric::Infinity => (INFINITY, &Decimal::zero(INFINITE_SCALE)),
        Numeric::NegativeInfinity => (NEGATIVE_INFINITY, &Decimal::zero(INFINITE_SCALE)),
    };
    let (weight, groups) = decimal.groups();
    for part in [groups.len() as u16, weight as u16, sign, decimal.scale() as u16] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}
