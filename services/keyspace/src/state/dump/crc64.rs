//! The CRC-64 of Redis: the polynomial of Jones, reflected, from 0, without a final xor.

const POLYNOMIAL: u64 = 0xAD93_D235_94C9_35A9;

const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL.reverse_bits() } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| TABLE[(crc as u8 ^ byte) as usize] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_is_that_of_the_polynomial() {
        assert_eq!(super::checksum(b"123456789"), 0xE9C6_D914_C4B8_D9CA);
    }
}
