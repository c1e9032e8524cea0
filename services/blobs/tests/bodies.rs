//! Bodies in and out, over chunks in memory: what is kept, what is refused, that nothing is left of what was refused, and that damage ends an
//! answer before its length.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bole_base::Epoch;
use bole_blobs::bodies::gate::Gate;
use bole_blobs::bodies::incoming::{Announced, Kept, Received, receive};
use bole_blobs::bodies::outgoing::{Piece, cut, open};
use bole_blobs::bodies::{Bodies, Error};
use bole_blobs::chunks::Ids;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::error::Code;
use bole_blobs::limits::{BATCH_BYTES, PUT_BYTES_MAX};
use bole_blobs::pool::Pool;
use bole_blobs::rules::checksums::{Algorithm, EtagHasher, Value, checksum};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;

fn bodies(memory: &Memory) -> Bodies {
    let gate = Gate::new(8 * 1024 * 1024, Duration::from_secs(5));
    Bodies {
        home: Arc::new(memory.clone()),
        ids: Arc::new(Ids::new(Epoch(1))),
        pool: Pool::new(4),
        uploads: gate.clone(),
        framed: gate.clone(),
        downloads: gate,
    }
}

fn data(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at * 31 + at / 251) as u8).collect::<Vec<_>>().into()
}

fn pieces(data: &Bytes, piece: usize) -> Vec<Result<Bytes, String>> {
    let starts = (0..data.len()).step_by(piece);
    starts.map(|from| Ok(data.slice(from..data.len().min(from + piece)))).collect()
}

fn md5(data: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(data);
    hasher.finish()
}

async fn put(bodies: &Bodies, data: &Bytes, announced: Announced) -> Result<Received, Error> {
    receive(bodies, stream::iter(pieces(data, 10_000)), announced, &|_| None).await
}

fn piece(received: &Received) -> Piece {
    match &received.kept {
        Kept::SealedInline(_) | Kept::SealedChunk(..) => panic!("nothing is sealed here"),
        Kept::Inline(bytes) => Piece::Inline(bytes.clone()),
        Kept::Chunk(written) => {
            let part = 0..written.body_bytes;
            Piece::Chunk { id: written.id, body_bytes: written.body_bytes, part, key: None }
        }
    }
}

async fn sent(bodies: &Bodies, pieces: Vec<Piece>) -> Result<Bytes, Error> {
    let body = open(bodies, pieces, Box::new(()), None).await?;
    let length = body.bytes_left();
    let bytes = body.collect().await?.to_bytes();
    assert_eq!(bytes.len() as u64, length);
    Ok(bytes)
}

#[tokio::test]
async fn bodies_of_all_lengths_come_out_as_they_went_in() {
    let bodies = bodies(&Memory::default());
    let lengths =
        [0, 1, 65_535, 65_536, 65_537, BATCH_BYTES, BATCH_BYTES + 1, 3 * BATCH_BYTES - 7, 1_500_000];
    for (length, step) in lengths.into_iter().flat_map(|length| [(length, 777), (length, 400_000)]) {
        let body = data(length);
        for algorithm in Algorithm::ALL {
            let value = checksum(algorithm, &body);
            let announced = Announced {
                bytes: length as u64,
                md5: Some(md5(&body)),
                checksum: Some((algorithm, Some(value.clone()))),
                ..Announced::default()
            };
            let late = value.base64();
            let trailer = |_| Some(late.clone());
            let received = receive(&bodies, stream::iter(pieces(&body, step)), announced, &trailer);
            let received = received.await.unwrap();
            assert_eq!((received.bytes, received.md5), (length as u64, md5(&body)));
            assert_eq!(received.checksum, Some(value));
            assert_eq!(matches!(received.kept, Kept::Inline(_)), length <= 65_536, "{length}");
            assert_eq!(sent(&bodies, vec![piece(&received)]).await.unwrap(), body, "{length} by {step}");
            // An inline body is in memory until its entry is made.
            assert_eq!(bodies.uploads.used() > 0, (1..=65_536).contains(&length), "{length}");
        }
    }
    assert_eq!(bodies.uploads.used(), 0);
}

#[tokio::test]
async fn ranges_are_cut_from_pieces() {
    let bodies = bodies(&Memory::default());
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for length in [70_000, 5, 0, 300_000, 65_536] {
        let body = data(length);
        whole.extend_from_slice(&body);
        let announced = Announced { bytes: length as u64, ..Announced::default() };
        parts.push(piece(&put(&bodies, &body, announced).await.unwrap()));
    }
    let end = whole.len() as u64;
    for range in
        [0..end, 0..1, 69_999..70_006, 65_535..65_537, 70_005..70_005, end - 1..end, 131_072..400_000]
    {
        let expected = &whole[range.start as usize..range.end as usize];
        let found = sent(&bodies, cut(&parts, range.clone())).await.unwrap();
        assert_eq!(found, expected, "{range:?}");
        // A cut of a cut is what copies of ranges of copies are.
        let inner = cut(&cut(&parts, range.clone()), 0..(range.end - range.start) / 2);
        assert_eq!(sent(&bodies, inner).await.unwrap(), expected[..expected.len() / 2], "{range:?}");
    }
}

#[tokio::test]
async fn what_is_not_as_announced_is_refused_and_leaves_nothing() {
    let memory = Memory::default();
    let bodies = bodies(&memory);
    for length in [100, 200_000] {
        let body = data(length);
        let plain = Announced { bytes: length as u64, ..Announced::default() };
        let wrong = checksum(Algorithm::Crc32, b"other");
        let with_sum =
            |value: Option<Value>| Announced { checksum: Some((Algorithm::Crc32, value)), ..plain.clone() };
        let rows: Vec<(Announced, Vec<Result<Bytes, String>>, Option<String>, Code)> = vec![
            (
                Announced { bytes: length as u64 + 1, ..plain.clone() },
                pieces(&body, 9_999),
                None,
                Code::IncompleteBody,
            ),
            (
                Announced { bytes: length as u64 - 1, ..plain.clone() },
                pieces(&body, 9_999),
                None,
                Code::IncompleteBody,
            ),
            (Announced { md5: Some([7; 16]), ..plain.clone() }, pieces(&body, 9_999), None, Code::BadDigest),
            (with_sum(Some(wrong.clone())), pieces(&body, 9_999), None, Code::BadDigest),
            (with_sum(None), pieces(&body, 9_999), Some(wrong.base64()), Code::BadDigest),
            (with_sum(None), pieces(&body, 9_999), Some("?".to_owned()), Code::InvalidRequest),
            (
                plain.clone(),
                broken(&body, "UploadStreamError: Sha256Mismatch"),
                None,
                Code::XAmzContentSHA256Mismatch,
            ),
            (
                plain.clone(),
                broken(&body, "AwsChunkedStreamError: SignatureMismatch"),
                None,
                Code::SignatureDoesNotMatch,
            ),
            (plain.clone(), broken(&body, "AwsChunkedStreamError: FormatError"), None, Code::InvalidRequest),
            (plain.clone(), broken(&body, "connection reset"), None, Code::IncompleteBody),
            (plain.clone(), broken(&body, "Underlying: SlowDown: Please"), None, Code::SlowDown),
            (Announced { bytes: PUT_BYTES_MAX + 1, ..plain.clone() }, vec![], None, Code::EntityTooLarge),
        ];
        for (announced, stream, late, code) in rows {
            let shown = format!("{announced:?} {late:?}");
            let result = receive(&bodies, stream::iter(stream), announced, &|_| late.clone()).await;
            assert_eq!(result.unwrap_err().to_client().code, code, "{shown}");
        }
    }
    settled(&bodies, &memory).await;
}

/// All of the body, and then an error where its end would be.
fn broken(body: &Bytes, error: &str) -> Vec<Result<Bytes, String>> {
    pieces(body, 9_999).into_iter().chain([Err(error.to_owned())]).collect()
}

/// What was given up is removed by threads of the pool.
async fn settled(bodies: &Bodies, memory: &Memory) {
    for _ in 0..1_000 {
        let () = bodies.pool.run(|| ()).await.expect("the work does not panic");
        if memory.bytes() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{} bytes were left behind", memory.bytes());
}

#[tokio::test]
async fn a_body_that_is_given_up_leaves_nothing() {
    let memory = Memory::default();
    let bodies = bodies(&memory);
    let body = data(300_000);
    let endless = stream::iter(pieces(&body, 9_999));
    let stuck = futures_util::StreamExt::chain(endless, stream::pending());
    let announced = Announced { bytes: 900_000, ..Announced::default() };
    let upload = receive(&bodies, stuck, announced, &|_| None);
    assert!(tokio::time::timeout(Duration::from_millis(100), upload).await.is_err());
    assert_eq!(bodies.uploads.used(), 0);
    settled(&bodies, &memory).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_too_slow_is_given_up() {
    let bodies = bodies(&Memory::default());
    let stuck = stream::pending::<Result<Bytes, String>>();
    let announced = Announced { bytes: 10, ..Announced::default() };
    let error = receive(&bodies, stuck, announced, &|_| None).await.unwrap_err();
    assert_eq!(error.to_client().code, Code::RequestTimeout);
}

#[tokio::test]
async fn damage_is_an_answer_at_the_beginning_and_an_end_later() {
    let memory = Memory::default();
    let bodies = bodies(&memory);
    let body = data(1_000_000);
    let announced = Announced { bytes: 1_000_000, ..Announced::default() };
    let received = put(&bodies, &body, announced).await.unwrap();
    let Kept::Chunk(written) = received.kept else { panic!("it is in a chunk") };
    memory.damage(written.id, |bytes| bytes[900_000] ^= 1);
    let told = Arc::new(AtomicU64::new(0));
    let tell = Arc::clone(&told);
    let damaged: bole_blobs::bodies::outgoing::Damaged = Arc::new(move |_| {
        tell.fetch_add(1, Ordering::Relaxed);
    });
    let part =
        |from, to| vec![Piece::Chunk { id: written.id, body_bytes: 1_000_000, part: from..to, key: None }];
    let mut late = open(&bodies, part(0, 1_000_000), Box::new(()), Some(Arc::clone(&damaged))).await.unwrap();
    let mut came = Vec::new();
    let error = loop {
        match late.frame().await.expect("an error comes first") {
            Ok(frame) => came.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Chunks(_)), "{error}");
    assert!(body.starts_with(&came) && came.len() >= 700_000, "{}", came.len());
    let early = open(&bodies, part(880_000, 950_000), Box::new(()), Some(damaged)).await;
    assert_eq!(early.err().unwrap().to_client().code, Code::InternalError);
    assert_eq!(told.load(Ordering::Relaxed), 2);
    assert_eq!(sent(&bodies, part(0, 700_000)).await.unwrap(), body[..700_000]);
}
