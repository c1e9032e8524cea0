//! How long a start takes that finds many files: `start FOLDER FILES` writes so many of 1 KiB, if there are none, and opens the disk tier twice.

#![expect(clippy::print_stdout, reason = "that is its purpose")]

use bole_cdn::Admission;
use bole_cdn::DiskConfig;
use bole_cdn::disk::codec::Record;
use bole_cdn::disk::{Disk, DiskCounters, Files};
use bole_cdn::object::{Meta, Piece};
use bole_cdn_policy::vary::Selection;
use bole_cdn_policy::{Terms, Time};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const BYTES: u64 = 64 << 30;

fn fill(folder: &Path, count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let files = Files::open(folder, BYTES, Arc::new(DiskCounters::default()))?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ETAG, "\"0123456789abcdef\""),
        (header::CONTENT_LENGTH, "1024"),
        (header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT"),
    ] {
        headers.insert(name, value.parse()?);
    }
    let piece = Piece::new(0, Bytes::from(vec![b'x'; 1_024]));
    for object in 1..=count {
        let terms = Terms::of(StatusCode::OK, &headers, Time(0), Time(0), &bole_cdn::Config::default().terms);
        let record = Record {
            object,
            slice: 0,
            key: format!("\nhttp://a.example/articles/{object}"),
            selection: Selection::default(),
            meta: Meta::new(StatusCode::OK, &headers, terms),
            whole: Some(1_024),
            epoch: 0,
            version: 1,
        };
        files.write(&record, &piece)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, count] = &arguments[..] else { return Err("start FOLDER FILES".into()) };
    let folder = Path::new(folder);
    if !folder.exists() {
        let began = Instant::now();
        fill(folder, count.parse()?)?;
        println!("written in {:.1} s", began.elapsed().as_secs_f64());
    }
    let config = DiskConfig { folder: folder.to_path_buf(), bytes: BYTES, admission: Admission::All };
    for _ in 0..2 {
        let began = Instant::now();
        let disk = Disk::open(&config)?;
        println!("opened in {:.2} s: {} MiB", began.elapsed().as_secs_f64(), disk.bytes() >> 20);
    }
    Ok(())
}
