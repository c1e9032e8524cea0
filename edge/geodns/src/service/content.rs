//! What is served, and the files that it comes from. Each file's zone is kept until a change of it is right; a geographic file
//! that is broken leaves the one before.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::geo::{Atlas, mmdb};
use crate::health::Health;
use crate::security::dnssec::{Key, Signer};
use crate::service::origin::{Given, Origin, Stamp, stamp};
use crate::wire::Name;
use crate::zone::compile::{With, compile};
use crate::zone::{Source, Zone, Zones};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A geographic file.
#[derive(Debug)]
struct Geo {
    path: PathBuf,
    stamp: Stamp,
    is_new: bool,
    /// Why the last change of it was not taken over.
    problem: Option<String>,
    atlas: Atlas,
}

/// A given zone that is right, and is not served yet.
#[derive(Debug)]
pub struct Prepared {
    name: String,
    source: Source,
    zone: Arc<Zone>,
    /// What it was compiled against.
    atlas: Arc<Atlas>,
}

impl Prepared {
    /// Its apex.
    pub fn origin(&self) -> &Name {
        &self.zone.origin
    }

    /// Its serial number.
    pub fn serial(&self) -> u32 {
        self.zone.serial()
    }

    /// How many records it has, those of pools not counted.
    pub fn record_count(&self) -> usize {
        self.zone.record_count()
    }
}

/// The name under which a given zone stands beside files. It sorts before the paths of files, so that of two zones with one apex
/// the given one is served.
fn key(name: &str) -> String {
    format!("(given) {name}")
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
            problem: None,
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
                    self.origins.insert(name, Origin::file(path.clone()));
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

    /// Reads and compiles a given zone; nothing is served otherwise yet.
    pub(super) fn prepare(&self, given: &Given<'_>, health: &dyn Health, now: u32) -> Result<Prepared> {
        let key = key(given.name);
        let source = given.read(now).map_err(Error::Zone)?;
        let other = self.origins.iter().find(|(known, other)| {
            **known != key
                && !(other.path.is_some() && (given.before_files || self.origins.contains_key(&key)))
                && other.zone.as_ref().is_some_and(|zone| zone.origin == source.origin)
        });
        if let Some((first, _)) = other {
            let origin = source.origin.to_string();
            return Err(Error::Twice { file: given.name.into(), origin, first: first.clone() });
        }
        let signer = self.signers.get(&source.origin).cloned();
        let compiled = compile(&source, &With { health, atlas: &self.atlas, signer });
        let zone = Arc::new(compiled.map_err(Error::Zone)?);
        Ok(Prepared { name: given.name.to_owned(), source, zone, atlas: self.atlas.clone() })
    }

    /// Takes a given zone, in place of the one of its name.
    pub(super) fn take(&mut self, prepared: Prepared) {
        let Prepared { name, source, zone, atlas } = prepared;
        let is_new = !Arc::ptr_eq(&atlas, &self.atlas);
        let origin = Origin { is_new, source: Some(source), zone: Some(zone), ..Origin::default() };
        self.origins.insert(key(&name), origin);
    }

    /// Takes away what was given.
    pub(super) fn remove(&mut self, name: &str) -> Result<bool> {
        self.origins.remove(&key(name)).map(|_| true).ok_or_else(|| Error::NoZone(name.to_owned()))
    }

    /// Reads and compiles what is new; what is wrong is told, and what was there before stays.
    pub(super) fn load(&mut self, health: &dyn Health, now: u64) -> (Content, Vec<Error>) {
        let mut errors = Vec::new();
        let atlas_changed = self.load_geo(&mut errors);
        let mut taken: BTreeMap<Name, String> = BTreeMap::new();
        for (name, origin) in &mut self.origins {
            let read = std::mem::take(&mut origin.is_new);
            if let Some(path) = origin.path.clone().filter(|_| read) {
                origin.problem = None;
                match origin.read(&path, now) {
                    Ok(source) => origin.source = Some(source),
                    Err(error) => {
                        origin.problem = Some(error.to_string());
                        errors.push(error);
                        keep(origin, &mut taken, name);
                        continue;
                    }
                }
            }
            let Some(source) = &origin.source else { continue };
            if let Some(first) = taken.get(&source.origin) {
                let apex = source.origin.to_string();
                let error = Error::Twice { file: name.into(), origin: apex, first: first.clone() };
                // Told once, and kept for the status; who comes first may go, so it is looked at each time.
                let text = error.to_string();
                if origin.problem.as_ref() != Some(&text) {
                    origin.problem = Some(text);
                    errors.push(error);
                }
                origin.zone = None;
                continue;
            }
            if read || atlas_changed || origin.zone.is_none() {
                let signer = self.signers.get(&source.origin).cloned();
                let compiled = compile(source, &With { health, atlas: &self.atlas, signer });
                origin.problem = compiled.as_ref().err().map(ToString::to_string);
                match compiled {
                    Ok(zone) => origin.zone = Some(Arc::new(zone)),
                    Err(problems) => errors.push(Error::Zone(problems)),
                }
            }
            keep(origin, &mut taken, name);
        }
        let zones = Zones::new(self.origins.values().filter_map(|origin| origin.zone.clone()));
        (Content { zones, atlas: self.atlas.clone() }, errors)
    }

    /// What of the last changes of files could not be taken over, and why.
    pub(super) fn problems(&self) -> Vec<String> {
        let zones = self.origins.values().filter_map(|origin| origin.problem.clone());
        zones.chain(self.geo.iter().filter_map(|geo| geo.problem.clone())).collect()
    }

    /// Where the zone with this apex comes from.
    pub(super) fn place(&self, origin: &Name) -> Option<&str> {
        let is = |place: &&Origin| place.zone.as_ref().is_some_and(|zone| zone.origin == *origin);
        self.origins.iter().find(|(_, place)| is(place)).map(|(name, _)| name.as_str())
    }

    fn load_geo(&mut self, errors: &mut Vec<Error>) -> bool {
        let mut changed = false;
        for geo in self.geo.iter_mut().filter(|geo| geo.is_new) {
            geo.is_new = false;
            let loaded = mmdb::load(&geo.path);
            geo.problem = None;
            match loaded {
                Ok(atlas) => {
                    geo.atlas = atlas;
                    changed = true;
                }
                Err(reason) => {
                    let error = Error::File { path: geo.path.clone(), reason };
                    geo.problem = Some(error.to_string());
                    errors.push(error);
                }
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

/// Notes that a zone is served.
fn keep(origin: &Origin, taken: &mut BTreeMap<Name, String>, name: &str) {
    if let Some(zone) = &origin.zone {
        taken.insert(zone.origin.clone(), name.to_owned());
    }
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
