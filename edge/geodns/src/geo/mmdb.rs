//! Reads MMDB files (`MaxMind`'s format, which others ship too) into an [`Atlas`]. Fields of City,
//! Country and ASN files of its layout are known, and the flat `country_code`, `asn` of others.

use crate::geo::ranges::overlay;
use crate::geo::{Atlas, Both, Code, Facts, Point, Ranges};
use crate::limits;
use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    country: Option<Coded<'a>>,
    #[serde(borrow)]
    continent: Option<Continent<'a>>,
    #[serde(borrow)]
    subdivisions: Vec<Coded<'a>>,
    location: Option<Location>,
    autonomous_system_number: Option<u32>,
    country_code: Option<&'a str>,
    continent_code: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Coded<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl From<Row<'_>> for Facts {
    fn from(row: Row<'_>) -> Self {
        let country = row.country.and_then(|country| country.iso_code).or(row.country_code);
        let country = country.and_then(Code::parse);
        let continent = row.continent.and_then(|continent| continent.code).or(row.continent_code);
        let region = |code: &str| country.map(|country| format!("{country}-{}", code.to_ascii_uppercase()));
        let regions = row.subdivisions.iter().filter_map(|subdivision| subdivision.iso_code.and_then(region));
        let place = row.location.map_or((row.latitude, row.longitude), |at| (at.latitude, at.longitude));
        Self {
            country,
            continent: continent.and_then(Code::parse),
            regions: regions.collect(),
            asn: row.autonomous_system_number,
            at: place.0.zip(place.1).and_then(|(latitude, longitude)| Point::new(latitude, longitude)),
        }
    }
}

/// Reads a file; the error says what is wrong with it.
pub fn load(path: &Path) -> Result<Atlas, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > limits::GEO_FILE_BYTES_MAX {
        return Err(format!("the file has {size} bytes; at most {} are read", limits::GEO_FILE_BYTES_MAX));
    }
    read(std::fs::read(path).map_err(|error| error.to_string())?)
}

/// Reads a file's bytes. A panic of the reader is an error like any other.
pub fn read(bytes: Vec<u8>) -> Result<Atlas, String> {
    let read = std::panic::catch_unwind(|| walk(bytes));
    read.unwrap_or_else(|_| Err("no MMDB that can be read: its reader gave up".to_owned()))
}

fn walk(bytes: Vec<u8>) -> Result<Atlas, String> {
    let broken = |error: maxminddb::MaxMindDbError| format!("no MMDB that can be read: {error}");
    let reader = Reader::from_source(bytes).map_err(broken)?;
    let mut facts = vec![Facts::default()];
    let mut known: HashMap<usize, u32> = HashMap::new();
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    // A tree has at most one network more than nodes; what has more is no tree, and could be walked for ever.
    let mut left = reader.metadata().node_count as usize + 1;
    let options = WithinOptions::default().include_networks_without_data();
    for found in reader.networks(options).map_err(broken)? {
        left = left.checked_sub(1).ok_or("no MMDB that can be read: its nodes make no tree")?;
        let found = found.map_err(broken)?;
        let (Some(offset), network) = (found.offset(), found.network().map_err(broken)?) else { continue };
        let index = if let Some(index) = known.get(&offset) {
            *index
        } else {
            let row: Option<Row<'_>> = found.decode().map_err(broken)?;
            facts.push(row.unwrap_or_default().into());
            known.insert(offset, facts.len() as u32 - 1);
            facts.len() as u32 - 1
        };
        match network.ip() {
            IpAddr::V4(address) => v4.push((address.to_bits(), network.prefix(), index)),
            // The lowest 2³² addresses of an IPv6 tree stand for IPv4.
            IpAddr::V6(address) if address.to_bits() >> 32 == 0 && network.prefix() >= 96 => {
                v4.push((address.to_bits() as u32, network.prefix() - 96, index));
            }
            IpAddr::V6(address) => v6.push((address.to_bits(), network.prefix(), index)),
        }
    }
    let ranges = Both { v4: Ranges::build(overlay(v4, 0)), v6: Ranges::build(overlay(v6, 0)) };
    Ok(Atlas::new(ranges, facts))
}
