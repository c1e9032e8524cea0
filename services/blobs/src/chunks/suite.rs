//! What each [`Home`] must do; every implementation runs it.

use std::sync::Arc;

use bole_base::{Epoch, Kind};

use super::frame::{BLOCK_BYTES, HEADER_BYTES, block_at, framed_bytes};
use super::reader::{Reader, verify};
use super::sweep::{Swept, sweep_place};
use super::writer::{Writer, Written};
use super::{ChunkId, Error, Home};

const BLOCK: u64 = BLOCK_BYTES as u64;
/// Lengths of bodies: around the borders of blocks and of what is written and read at once.
const LENGTHS: [u64; 8] = [1, 1_000, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1, 21 * BLOCK + 17];

/// Runs all checks on an empty home. Panics where one fails.
pub fn run(home: &Arc<dyn Home>) {
    bodies_come_back(home);
    given_up_leaves_nothing(home);
    missing_and_removed(home);
    swept(home);
    at_once(home);
    kept_open(home);
}

const fn id(counter: u64) -> ChunkId {
    ChunkId { epoch: Epoch(1), counter }
}

/// Bytes that are different at each place.
pub fn body(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Writes a body in steps of `step` bytes.
pub fn write(home: &dyn Home, id: ChunkId, body: &[u8], step: usize) -> Result<Written, Error> {
    let mut writer = Writer::create(home, id, body.len() as u64)?;
    body.chunks(step).try_for_each(|bytes| writer.push(bytes))?;
    writer.finish()
}

/// Reads a part of a body.
pub fn read(
    home: &Arc<dyn Home>,
    id: ChunkId,
    length: u64,
    part: std::ops::Range<u64>,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for bytes in Reader::new(Arc::clone(home), id, length, part) {
        let bytes = bytes?;
        assert!(!bytes.is_empty() && bytes.len() <= BLOCK_BYTES, "{} bytes at once", bytes.len());
        out.extend_from_slice(&bytes);
    }
    Ok(out)
}

fn bodies_come_back(home: &Arc<dyn Home>) {
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let (id, body) = (id(number as u64), body(length));
        let step = [1_111, BLOCK_BYTES, 10 * BLOCK_BYTES][number % 3];
        let written = write(&**home, id, &body, step).expect("a body is written");
        assert_eq!(written, Written { id, body_bytes: length });
        for part in
            [0..length, 0..1, length - 1..length, length / 3..length / 2, 5..length + 99, length..length + 1]
        {
            let end = part.end.min(length) as usize;
            let expected = &body[(part.start as usize).min(end)..end];
            let found = read(home, id, length, part.clone()).expect("a body is read");
            assert!(
                found == expected,
                "{part:?} of {length}: {} bytes, {} expected",
                found.len(),
                expected.len()
            );
        }
        assert_eq!(verify(home, id, length).expect("a sound chunk"), length);
        let mut framed = Vec::new();
        home.read(id, 0, framed_bytes(length) as usize + 100, &mut framed).expect("a chunk is read");
        assert_eq!(framed.len() as u64, framed_bytes(length));
        // Who believes a body to be longer than it is, is told.
        let error = read(home, id, length + 1, 0..length + 1).expect_err("longer than the chunk");
        assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    }
    for number in 0..LENGTHS.len() as u64 {
        home.remove(id(number)).expect("a chunk is removed");
    }
}

fn given_up_leaves_nothing(home: &Arc<dyn Home>) {
    let id = id(0x1_0000);
    let mut writer = Writer::create(&**home, id, 9 * BLOCK).expect("a chunk is begun");
    writer.push(&body(9 * BLOCK)).expect("bytes are taken");
    drop(writer);
    assert_eq!(home.list(id.place()).expect("a list"), []);
    assert!(matches!(read(home, id, 1, 0..1), Err(Error::Missing(missing)) if missing == id));
}

fn missing_and_removed(home: &Arc<dyn Home>) {
    let id = id(0x2_0042);
    home.remove(id).expect("what is not there is removed already");
    write(&**home, id, &body(100), 100).expect("a body is written");
    assert_eq!(home.list(0x42).expect("a list"), [id]);
    assert_eq!(home.list(0x41).expect("a list"), []);
    home.remove(id).expect("a chunk is removed");
    assert_eq!(home.list(0x42).expect("a list"), []);
    let error = read(home, id, 100, 0..100).expect_err("removed");
    assert!(matches!(error, Error::Missing(missing) if missing == id), "{error}");
}

fn swept(home: &Arc<dyn Home>) {
    let chunk = |epoch, counter| ChunkId { epoch: Epoch(epoch), counter };
    let [orphan, named, garbage, running] =
        [chunk(1, 0x30), chunk(1, 0x130), chunk(2, 0x230), chunk(3, 0x30)];
    for id in [orphan, named, garbage, running] {
        write(&**home, id, &body(10), 10).expect("a body is written");
    }
    let swept = sweep_place(&**home, 0x30, Epoch(3), |id| Ok::<_, Error>(id == named || id == garbage));
    assert_eq!(swept.expect("a sweep"), Swept { seen: 4, removed: 1 });
    let mut left = home.list(0x30).expect("a list");
    left.sort();
    assert_eq!(left, [named, garbage, running]);
    left.into_iter().for_each(|id| home.remove(id).expect("a chunk is removed"));
}

/// Many writers in the same place, readers meanwhile.
fn at_once(home: &Arc<dyn Home>) {
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            scope.spawn(move || {
                for round in 0..8 {
                    let id = id(0x5_0000 + ((writer * 8 + round) << 8) + 0x51);
                    let body = body(BLOCK + writer * 7 + round);
                    write(&**home, id, &body, 5_000).expect("a body is written");
                    assert!(read(home, id, body.len() as u64, 0..u64::MAX).expect("a body is read") == body);
                }
            });
        }
    });
    let found = home.list(0x51).expect("a list");
    assert_eq!(found.len(), 64);
    found.into_iter().for_each(|id| home.remove(id).expect("a chunk is removed"));
}

/// Reads on, without waiting where that is possible, until the end or an error; what came before it.
fn read_on(reader: &mut Reader) -> (Vec<u8>, Option<Error>) {
    let mut found = Vec::new();
    loop {
        if let Some(blocks) = reader.at_once() {
            blocks.for_each(|block| found.extend_from_slice(&block));
            continue;
        }
        match reader.next() {
            Some(Ok(block)) => found.extend_from_slice(&block),
            Some(Err(error)) => return (found, Some(error)),
            None => return (found, None),
        }
    }
}

/// A reader that keeps its chunk open and takes what is in memory reads the same as one that does not.
fn kept_open(home: &Arc<dyn Home>) {
    let (id, body) = (id(0x7_0000), body(21 * BLOCK + 17));
    write(&**home, id, &body, BLOCK_BYTES).expect("a body is written");
    for part in [0..body.len(), 0..5 * BLOCK_BYTES, 70_000..body.len() - 70_000] {
        let range = part.start as u64..part.end as u64;
        let (found, error) = read_on(&mut Reader::new(Arc::clone(home), id, body.len() as u64, range));
        assert!(error.is_none() && found == body[part.clone()], "{part:?}: {} bytes, {error:?}", found.len());
    }
    home.remove(id).expect("a chunk is removed");
}

/// Damage that comes while a chunk is read is seen as well, and what came before it is right.
fn damage_meanwhile_is_seen(home: &Arc<dyn Home>, flip: &mut impl FnMut(ChunkId, u64)) {
    // Longer than what any home reads at once.
    let (id, body) = (id(0x7_0001), body(70 * BLOCK + 17));
    write(&**home, id, &body, BLOCK_BYTES).expect("a body is written");
    let mut reader = Reader::new(Arc::clone(home), id, body.len() as u64, 0..u64::MAX);
    let first = reader.next().expect("a block").expect("that can be read");
    flip(id, block_at(66) + 5);
    let (found, error) = read_on(&mut reader);
    let error = error.expect("a flipped bit");
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    let found = [&first[..], &found].concat();
    assert!(found.len() <= 66 * BLOCK_BYTES && body.starts_with(&found), "{} bytes", found.len());
    assert!(reader.next().is_none() && reader.at_once().is_none(), "nothing comes after an error");
    home.remove(id).expect("a chunk is removed");
}

/// Each flipped bit of a chunk is seen by who reads that place, and `flip` has a way to flip one at a byte.
pub fn damage_is_seen(home: &Arc<dyn Home>, mut flip: impl FnMut(ChunkId, u64)) {
    let (id, length) = (id(0x6_0000), 2 * BLOCK + 100);
    let places = [
        0,
        9,
        HEADER_BYTES as u64 - 1,
        block_at(0),
        block_at(1) - 1,
        block_at(1) + 5,
        framed_bytes(length) - 1,
    ];
    for at in places {
        write(&**home, id, &body(length), BLOCK_BYTES).expect("a body is written");
        flip(id, at);
        let error = verify(home, id, length).expect_err("a flipped bit");
        assert_eq!(error.kind(), Kind::Corrupt, "byte {at}: {error}");
        // A part that does not touch the place is still read.
        let (far, near) = if at < block_at(1) {
            (BLOCK..BLOCK + 9, 0..9)
        } else if at < block_at(2) {
            (0..9, BLOCK..BLOCK + 9)
        } else {
            (0..9, 2 * BLOCK..2 * BLOCK + 9)
        };
        assert!(
            read(home, id, length, far.clone()).expect("an intact part")
                == body(length)[far.start as usize..far.end as usize]
        );
        read(home, id, length, near).expect_err("the damaged part");
        home.remove(id).expect("a chunk is removed");
    }
    damage_meanwhile_is_seen(home, &mut flip);
}
