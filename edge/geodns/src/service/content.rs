//! What is served, and the files that it comes from. Each file's zone is kept until a change of it is right; a geographic file
//! that is broken leaves the one before.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::geo::{Atlas, mmdb};
use crate::health::Health;
use crate::limits;
use crate::security::dnssec::{Key, Signer};
use crate::wire::Name;
use crate::zone::compile::{With, compile};
use crate::zone::{Source, Zone, Zones, document, master};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Seconds for which the record of a zone's key holds.
const KEY_TTL: u32 = 3_600;

/// What is served.
#[derive(Debug, Default)]
pub struct Content {
    /// Zones.
    pub zones: Zones,
    /// Where addresses are.
    pub atlas: Arc<Atlas>,
}

/// What a file was when it was last looked at: when it was changed, and its length. `None` if it is not there.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A zone's text and what became of it.
#[derive(Debug)]
struct Origin {
    /// The file; `None` if it was put.
    path: Option<PathBuf>,
    /// Of the file and of those that it names.
    stamps: Vec<(PathBuf, Stamp)>,
    /// The text that was put.
    text: String,
    serial: u32,
    /// Whether it must be read.
    is_new: bool,
    /// Whether the last change of it was not right.
    is_broken: bool,
    source: Option<Source>,
    zone: Option<Arc<Zone>>,
}

/// A geographic file.
#[derive(Debug)]
struct Geo {
    path: PathBuf,
    stamp: Stamp,
    is_new: bool,
    is_broken: bool,
    atlas: Atlas,
}

/// All files.
#[derive(Debug)]
pub(super) struct Files {
    roots: Vec<PathBuf>,
    origins: BTreeMap<String, Origin>,
    geo: Vec<Geo>,
    atlas: Arc<Atlas>,
    signers: BTreeMap<Name, Arc<Signer>>,
}

impl Files {
    /// Finds the files; reads keys, which must be right.
    pub(super) fn open(config: &Config) -> Result<Self> {
        let setting = |reason: String| Error::Setting { option: "keys", reason };
        let mut signers = BTreeMap::new();
        for (zone, path) in &config.keys {
            let origin = Name::absolute(zone).map_err(|wrong| setting(wrong.to_string()))?;
            let key = Key::load(path).map_err(setting)?;
            if signers.insert(origin.clone(), Arc::new(Signer::new(&origin, key, KEY_TTL))).is_some() {
                return Err(setting(format!("the zone {origin} has two keys")));
            }
        }
        let geo = config.geo.iter().map(|path| Geo {
            path: path.clone(),
            stamp: None,
            is_new: true,
            is_broken: false,
            atlas: Atlas::default(),
        });
        let geo = geo.collect();
        let mut files = Self {
            roots: config.zones.clone(),
            origins: BTreeMap::new(),
            geo,
            atlas: Arc::default(),
            signers,
        };
        files.look()?;
        if let Some(missing) =
            files.origins.values().find_map(|origin| origin.path.as_ref().filter(|path| !path.exists()))
        {
            return Err(Error::File { path: missing.clone(), reason: "there is no such file".to_owned() });
        }
        Ok(files)
    }

    /// Looks whether files came, went or changed.
    pub(super) fn look(&mut self) -> Result<bool> {
        let mut paths = Vec::new();
        for root in &self.roots {
            find(root, &mut paths)?;
        }
        let mut changed = false;
        for path in &paths {
            let name = path.display().to_string();
            match self.origins.get_mut(&name) {
                None => {
                    self.origins.insert(name, Origin::new(Some(path.clone()), String::new(), 0));
                    changed = true;
                }
                Some(origin) if origin.stamps.iter().any(|(path, known)| stamp(path) != *known) => {
                    origin.is_new = true;
                    changed = true;
                }
                Some(_) => {}
            }
        }
        let before = self.origins.len();
        self.origins.retain(|_, origin| origin.path.as_ref().is_none_or(|path| paths.contains(path)));
        for geo in &mut self.geo {
            let now = stamp(&geo.path);
            geo.is_new |= geo.stamp != now;
            geo.stamp = now;
            changed |= geo.is_new;
        }
        Ok(changed || self.origins.len() != before)
    }

    /// A document that was given.
    pub(super) fn put(&mut self, name: &str, text: &str, serial: u32) -> Result<bool> {
        let key = format!("put:{name}");
        let mut origin = Origin::new(None, text.to_owned(), serial);
        // It is taken only if it is right; otherwise the one before stays, text and all.
        origin.source = Some(document::parse(name, text, Path::new(""), serial).map_err(Error::Zone)?);
        let source = origin.source.as_ref().map(|source| source.origin.clone());
        let other = self.origins.iter().find(|(known, other)| {
            **known != key && other.source.as_ref().map(|source| &source.origin) == source.as_ref()
        });
        if let (Some((first, _)), Some(source)) = (other, source) {
            return Err(Error::Twice { file: name.into(), origin: source.to_string(), first: first.clone() });
        }
        if let Some(before) = self.origins.remove(&key) {
            origin.zone = before.zone;
        }
        self.origins.insert(key, origin);
        Ok(true)
    }

    /// Takes away what was put.
    pub(super) fn remove(&mut self, name: &str) -> Result<bool> {
        self.origins
            .remove(&format!("put:{name}"))
            .map(|_| true)
            .ok_or_else(|| Error::NoZone(name.to_owned()))
    }

    /// Reads and compiles what is new; what is wrong is told, and what was there before stays.
    pub(super) fn load(&mut self, health: &dyn Health, now: u64) -> (Content, Vec<Error>) {
        let mut errors = Vec::new();
        let atlas_changed = self.load_geo(&mut errors);
        let mut taken: BTreeMap<Name, String> = BTreeMap::new();
        for (name, origin) in &mut self.origins {
            let read = std::mem::take(&mut origin.is_new);
            if read && origin.path.is_some() {
                match origin.read(now) {
                    Ok(source) => origin.source = Some(source),
                    Err(error) => {
                        origin.is_broken = true;
                        errors.push(error);
                        origin.keep(&mut taken, name);
                        continue;
                    }
                }
            }
            let Some(source) = &origin.source else { continue };
            if let Some(first) = taken.get(&source.origin) {
                let apex = source.origin.to_string();
                errors.push(Error::Twice { file: name.into(), origin: apex, first: first.clone() });
                origin.is_broken = true;
                continue;
            }
            if read || atlas_changed {
                let signer = self.signers.get(&source.origin).cloned();
                let compiled = compile(source, &With { health, atlas: &self.atlas, signer });
                origin.is_broken = compiled.is_err();
                match compiled {
                    Ok(zone) => origin.zone = Some(Arc::new(zone)),
                    Err(problems) => errors.push(Error::Zone(problems)),
                }
            }
            origin.keep(&mut taken, name);
        }
        let zones = Zones::new(self.origins.values().filter_map(|origin| origin.zone.clone()));
        (Content { zones, atlas: self.atlas.clone() }, errors)
    }

    /// Files whose last change could not be taken over.
    pub(super) fn broken(&self) -> usize {
        let zones = self.origins.values().filter(|origin| origin.is_broken).count();
        zones + self.geo.iter().filter(|geo| geo.is_broken).count()
    }

    fn load_geo(&mut self, errors: &mut Vec<Error>) -> bool {
        let mut changed = false;
        for geo in self.geo.iter_mut().filter(|geo| geo.is_new) {
            geo.is_new = false;
            let loaded = mmdb::load(&geo.path);
            geo.is_broken = loaded.is_err();
            match loaded {
                Ok(atlas) => {
                    geo.atlas = atlas;
                    changed = true;
                }
                Err(reason) => errors.push(Error::File { path: geo.path.clone(), reason }),
            }
        }
        if changed {
            let mut atlases = self.geo.iter().map(|geo| &geo.atlas);
            let first = atlases.next().cloned().unwrap_or_default();
            self.atlas = Arc::new(atlases.fold(first, |all, next| all.or(next)));
        }
        changed
    }
}

impl Origin {
    fn new(path: Option<PathBuf>, text: String, serial: u32) -> Self {
        Self {
            path,
            stamps: Vec::new(),
            text,
            serial,
            is_new: true,
            is_broken: false,
            source: None,
            zone: None,
        }
    }

    /// Notes that its zone is served.
    fn keep(&self, taken: &mut BTreeMap<Name, String>, name: &str) {
        if let Some(zone) = &self.zone {
            taken.insert(zone.origin.clone(), name.to_owned());
        }
    }

    fn read(&mut self, now: u64) -> Result<Source> {
        let Some(path) = self.path.clone() else {
            return document::parse("", &self.text, Path::new(""), self.serial).map_err(Error::Zone);
        };
        // Stamps are taken before the text: a change in between is seen the next time.
        let own = stamp(&path);
        self.stamps = vec![(path.clone(), own)];
        let failed = |reason: String| Error::File { path: path.clone(), reason };
        if own.is_some_and(|(_, length)| length > limits::ZONE_FILE_BYTES_MAX) {
            return Err(failed(format!("it has more than {} bytes", limits::ZONE_FILE_BYTES_MAX)));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let name = path.display().to_string();
        if path.extension().is_none_or(|ending| ending != "toml") {
            let origin = file_origin(&path);
            return master::parse(&name, &text, origin.as_ref()).map_err(Error::Zone);
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let beside = text.parse::<toml::Table>().ok();
        let beside =
            beside.as_ref().and_then(|table| table.get("master")?.as_str().map(|name| folder.join(name)));
        self.stamps.extend(beside.map(|beside| (beside.clone(), stamp(&beside))));
        let changed = self.stamps.iter().filter_map(|(_, stamp)| stamp.map(|(changed, _)| changed)).max();
        let changed = changed.and_then(|changed| changed.duration_since(SystemTime::UNIX_EPOCH).ok());
        let serial = changed.map_or(now, |changed| changed.as_secs()) as u32;
        document::parse(&name, &text, &folder, serial).map_err(Error::Zone)
    }
}

/// The apex that a master file's name gives: `example.com.zone` or `db.example.com`; otherwise its SOA record does.
fn file_origin(path: &Path) -> Option<Name> {
    let name = path.file_name()?.to_str()?;
    let origin = name.strip_suffix(".zone").or_else(|| name.strip_prefix("db."))?;
    Name::absolute(origin).ok()
}

/// A file, or all documents and master files (`.toml`, `.zone`) in a folder that no document includes.
fn find(root: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if !root.is_dir() {
        paths.push(root.to_path_buf());
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::File { path: root.to_path_buf(), reason: error.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if matches!(ending, "toml" | "zone") && path.is_file() {
            found.push(path);
        }
    }
    // What a document includes is no zone of its own.
    let includes = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        let table: toml::Table = text.parse().ok()?;
        Some(root.join(table.get("master")?.as_str()?))
    };
    let documents = found.iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let included: Vec<PathBuf> = documents.filter_map(includes).collect();
    found.retain(|path| !included.contains(path));
    found.sort();
    paths.append(&mut found);
    Ok(())
}
