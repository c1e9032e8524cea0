//! Bytes on their way out: what frames a piece of a body, and the piece, which stays in the buffer that it was read into.

use super::lines;
use bytes::{Buf, BytesMut};
use std::io::IoSlice;

/// What is to be sent. The data is at the front of a buffer of somebody else's.
#[derive(Debug, Default)]
pub struct Out {
    /// Before the data: a head, the size of a chunk.
    pub front: Vec<u8>,
    data: usize,
    back: &'static [u8],
    sent: usize,
}

impl Out {
    /// A head.
    pub fn new(front: Vec<u8>) -> Self {
        Self { front, ..Self::default() }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.data == 0 && self.back.is_empty()
    }

    /// Whether data could be put behind what waits.
    pub fn has_room(&self) -> bool {
        self.data == 0 && self.sent == 0 && self.back.is_empty()
    }

    /// Sends so many bytes of a body as they are.
    pub fn plain(&mut self, data: usize) {
        self.data = data;
    }

    /// Sends so many bytes of a body as a chunk (RFC 9112, section 7.1); `over`: it is the last one.
    pub fn chunk(&mut self, data: usize, over: bool) {
        self.data = data;
        if data > 0 {
            lines::chunk(&mut self.front, data);
        }
        self.back = match (data, over) {
            (0, true) => b"0\r\n\r\n",
            (_, true) => b"\r\n0\r\n\r\n",
            (0, false) => b"",
            (_, false) => b"\r\n",
        };
    }

    /// What is left, as pieces of one call to the system.
    pub fn pieces<'a>(&'a self, buffer: &'a [u8]) -> ([IoSlice<'a>; 3], usize) {
        let mut pieces = [IoSlice::new(&[]), IoSlice::new(&[]), IoSlice::new(&[])];
        let (mut skip, mut count) = (self.sent, 0);
        for part in [&self.front[..], &buffer[..self.data], self.back] {
            let here = skip.min(part.len());
            skip -= here;
            if here < part.len() {
                pieces[count] = IoSlice::new(&part[here..]);
                count += 1;
            }
        }
        (pieces, count)
    }

    /// So many bytes were sent; how many of them were data. When all were, the data is taken out of the buffer.
    pub fn sent(&mut self, bytes: usize, buffer: &mut BytesMut) -> usize {
        let of_data = |sent: usize| sent.saturating_sub(self.front.len()).min(self.data);
        let data = of_data(self.sent + bytes) - of_data(self.sent);
        self.sent += bytes;
        if self.sent >= self.front.len() + self.data + self.back.len() {
            buffer.advance(self.data);
            self.front.clear();
            (self.data, self.back, self.sent) = (0, b"", 0);
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out if each call takes at most so many bytes.
    fn all(out: &mut Out, buffer: &mut BytesMut, at_most: usize) -> (Vec<u8>, usize) {
        let (mut gone, mut data) = (Vec::new(), 0);
        while !out.is_empty() {
            let (pieces, count) = out.pieces(buffer);
            assert!(count > 0 && pieces[..count].iter().all(|piece| !piece.is_empty()));
            let joined: Vec<u8> = pieces[..count].iter().flat_map(|piece| piece.to_vec()).collect();
            let taken = joined.len().min(at_most);
            gone.extend_from_slice(&joined[..taken]);
            data += out.sent(taken, buffer);
        }
        (gone, data)
    }

    #[test]
    fn all_goes_out_in_order_however_little_is_taken() {
        for at_most in [1, 2, 7, 1_000] {
            let mut out = Out { front: b"head\r\n".to_vec(), ..Out::default() };
            let mut buffer = BytesMut::from(&b"hello and more"[..]);
            assert!(out.has_room());
            out.chunk(5, false);
            assert!(!out.has_room());
            assert_eq!(all(&mut out, &mut buffer, at_most), (b"head\r\n5\r\nhello\r\n".to_vec(), 5));
            assert_eq!(&buffer[..], b" and more");
            out.plain(4);
            assert_eq!(all(&mut out, &mut buffer, at_most), (b" and".to_vec(), 4));
            out.chunk(5, true);
            assert_eq!(all(&mut out, &mut buffer, at_most), (b"5\r\n more\r\n0\r\n\r\n".to_vec(), 5));
            out.chunk(0, true);
            assert_eq!(all(&mut out, &mut buffer, at_most), (b"0\r\n\r\n".to_vec(), 0));
            out.chunk(0, false);
            assert!(out.is_empty() && buffer.is_empty());
        }
    }
}
