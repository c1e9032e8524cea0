//! Secrets that a protocol must know in clear (the secret keys of S3 and SQS): encrypted with XChaCha20-Poly1305 under
//! a key that lives in a file of its own, outside the data directory, so that a copy of the data gives none away.
//!
//! A sealed secret is bound to its context (whose it is), so that it cannot be moved to another owner, and names its
//! key, so that the wrong key is told from damage.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::hex;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// The file: a line of 64 hexadecimal digits for each key, of which the first seals. *Persisted.*
const FILE_BYTES_MAX: u64 = 4_096;
const SECRET_BYTES_MAX: usize = 1_024;

/// The key of a node's secrets. It is wiped from memory when dropped.
pub struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
    /// Keys that sealed before it, and open still.
    retired: Vec<Key>,
}

/// A key that follows from one of the key file's for a purpose. It is wiped from memory when dropped.
pub struct Derived {
    /// Names the key that it follows from, without telling it.
    pub id: [u8; 8],
    /// Its bytes.
    pub bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id)
    }
}

/// An encrypted secret. *Persisted* within a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The id of the key.
    key: String,
    /// 24 random bytes.
    #[serde(with = "hex")]
    nonce: Vec<u8>,
    /// The ciphertext and its 16-byte tag.
    #[serde(with = "hex")]
    ciphertext: Vec<u8>,
}

/// A secret in clear. It is wiped from memory when dropped, and not shown when debugged.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(Zeroizing<String>);

impl Plain {
    /// A text that was made here.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plain(***)")
    }
}

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"bole key id 1");
        digest.update(bytes);
        let id = hex::encode(&digest.finalize()[..8]);
        Self { bytes: Zeroizing::new(bytes), id, retired: Vec::new() }
    }

    /// A key for `purpose` from this one, and behind it those from keys that it replaced: what was sealed under them is to be opened.
    pub fn derived(&self, purpose: &str) -> Vec<Derived> {
        let derive = |key: &Self| {
            let id = hex::decode(&key.id).and_then(|id| id.try_into().ok());
            let id = id.expect("invariant: an id is 16 hexadecimal digits");
            Derived { id, bytes: Zeroizing::new(key.derive(purpose)) }
        };
        std::iter::once(self).chain(&self.retired).map(derive).collect()
    }

    /// Reads the key file at `path`, or makes it, readable by its owner alone, if there is none. The file must not be
    /// within `data_dir`, and nobody but its owner may be allowed to read it. Blocks on the file.
    pub fn load_or_create(path: &Path, data_dir: &Path, rng: &mut impl CryptoRng) -> Result<Self> {
        let parent = parent(path);
        let refuse = |reason: String| Error::KeyFile { path: path.to_owned(), reason };
        let create = std::fs::create_dir_all(&parent).and_then(|()| parent.canonicalize());
        let folder = create.map_err(|error| refuse(error.to_string()))?;
        if data_dir.canonicalize().is_ok_and(|data| folder.starts_with(data)) {
            let data_dir = data_dir.display();
            return Err(refuse(format!(
                "it is within the data directory {data_dir}: a copy of the data would hold its key too; choose a path outside"
            )));
        }
        match Self::load(path) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => {
                let mut bytes = [0; KEY_BYTES];
                rng.fill_bytes(&mut bytes);
                let key = Self::new(bytes);
                match key.write(path, &folder) {
                    Ok(()) => Ok(key),
                    // Another node that keeps its key here was faster: its key is this one's, too.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        let theirs = Self::load(path).map_err(refuse)?;
                        theirs.ok_or_else(|| refuse("it was there and is gone again".to_owned()))
                    }
                    Err(error) => Err(refuse(format!("cannot be written: {error}"))),
                }
            }
            Err(reason) => Err(refuse(reason)),
        }
    }

    fn load(path: &Path) -> Result<Option<Self>, String> {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!("others than its owner may use it (mode {mode:03o}); run: chmod 600"));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(format!(
                "{} bytes; 64 hexadecimal digits are expected, and as many for each key that was replaced",
                metadata.len()
            ));
        }
        let text = std::fs::read(path).map(Zeroizing::new).map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(&text).map_or("", str::trim);
        let mut keys = text.lines().map(|line| {
            let bytes = hex::decode(line.trim()).map(Zeroizing::new);
            let bytes = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok());
            bytes.map(Self::new).ok_or("a line does not hold 64 hexadecimal digits".to_owned())
        });
        let empty = || "it does not hold 64 hexadecimal digits".to_owned();
        let mut key = keys.next().ok_or_else(empty)??;
        key.retired = keys.collect::<Result<_, _>>()?;
        Ok(Some(key))
    }

    /// Writes under another name first, so that no start ever finds half a key.
    fn write(&self, path: &Path, folder: &Path) -> std::io::Result<()> {
        let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.{}", std::process::id(), self.id()));
        let draft = folder.join(name);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(format!("{}\n", hex::encode(&*self.bytes)).as_bytes())?;
            file.sync_all()?;
            // A hard link, unlike a rename, never replaces a key that another start made meanwhile.
            std::fs::hard_link(&draft, path)
        })();
        let removed = std::fs::remove_file(&draft);
        written.and(removed)?;
        File::open(folder)?.sync_all()
    }

    /// Names the key without telling it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// 32 bytes that only who has the key can know, always the same for the same text.
    pub(crate) fn derive(&self, text: &str) -> [u8; 32] {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&*self.bytes);
        let mac = mac.expect("invariant: HMAC takes keys of any length");
        mac.chain_update(b"bole derive 1 ").chain_update(text).finalize().into_bytes().into()
    }

    /// Encrypts `secret` for `context`, which names whose it is.
    pub fn seal(&self, context: &str, secret: &str, rng: &mut impl CryptoRng) -> Result<Sealed> {
        if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
            return Err(Error::Invalid(format!(
                "the secret of {context} has {} bytes; 1 to {SECRET_BYTES_MAX} are allowed",
                secret.len()
            )));
        }
        let mut nonce = vec![0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: secret.as_bytes(), aad: context.as_bytes() };
        let ciphertext = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let ciphertext = ciphertext.map_err(|_| Error::Internal(format!("cannot encrypt for {context}")))?;
        Ok(Sealed { key: self.id.clone(), nonce, ciphertext })
    }

    /// Decrypts what was sealed for `context`.
    pub fn unseal(&self, context: &str, sealed: &Sealed) -> Result<Plain> {
        let key = std::iter::once(self).chain(&self.retired).find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| {
            let (sealed_by, key) = (sealed.key.clone(), self.id.clone());
            Error::WrongKey { context: context.to_owned(), sealed_by, key }
        })?;
        let damaged = || Error::Corrupt(format!("the stored secret of {context} is damaged; set it anew"));
        if sealed.nonce.len() != NONCE_BYTES {
            return Err(damaged());
        }
        let payload = Payload { msg: &sealed.ciphertext, aad: context.as_bytes() };
        let secret =
            key.cipher().decrypt(XNonce::from_slice(&sealed.nonce), payload).map_err(|_| damaged())?;
        String::from_utf8(secret).map(|text| Plain(Zeroizing::new(text))).map_err(|_| damaged())
    }

    /// Encrypts what a client carries about for `context`: a nonce, and the ciphertext with its tag.
    pub(crate) fn seal_bytes(
        &self,
        context: &str,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>> {
        let mut out = vec![0; NONCE_BYTES];
        rng.fill_bytes(&mut out);
        let payload = Payload { msg: bytes, aad: context.as_bytes() };
        let ciphertext = self.cipher().encrypt(XNonce::from_slice(&out), payload);
        out.extend(ciphertext.map_err(|_| Error::Internal(format!("cannot encrypt for {context}")))?);
        Ok(out)
    }

    /// Decrypts that; nothing where it is anything else.
    pub(crate) fn unseal_bytes(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes.as_ref().into())
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn sealed_secrets_open_under_their_key_and_context_only() {
        let mut rng = StdRng::seed_from_u64(1);
        let (key, other) = (Key::new([1; 32]), Key::new([2; 32]));
        let sealed = key.seal("a/1", "secret", &mut rng).unwrap();
        assert_eq!(key.unseal("a/1", &sealed).unwrap().expose(), "secret");
        assert_ne!(sealed, key.seal("a/1", "secret", &mut rng).unwrap());
        let error = other.unseal("a/1", &sealed).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(key.id()) && text.contains(other.id()), "{text}");
        assert!(matches!(key.unseal("b/1", &sealed).unwrap_err(), Error::Corrupt(_)));
        for position in 0..sealed.ciphertext.len() {
            let mut damaged = sealed.clone();
            damaged.ciphertext[position] ^= 1;
            assert!(matches!(key.unseal("a/1", &damaged).unwrap_err(), Error::Corrupt(_)), "{position}");
        }
        let cut = Sealed { nonce: vec![0; 3], ..sealed };
        assert!(matches!(key.unseal("a/1", &cut).unwrap_err(), Error::Corrupt(_)));
        assert!(matches!(key.seal("a/1", "", &mut rng), Err(Error::Invalid(_))));
        assert!(!format!("{key:?} {:?}", Plain(Zeroizing::new("secret".into()))).contains("secret"));
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner() {
        let mut rng = StdRng::seed_from_u64(1);
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let path = dir.path().join("keys").join("bole.key");
        let made = Key::load_or_create(&path, &data, &mut rng).unwrap();
        let read = Key::load_or_create(&path, &data, &mut rng).unwrap();
        assert_eq!(made.id(), read.id());
        assert_eq!(made.bytes, read.bytes);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn of_several_that_make_the_file_at_the_same_time_all_have_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let (path, data) = (dir.path().join("bole.key"), dir.path().join("data"));
        let make = |seed| Key::load_or_create(&path, &data, &mut StdRng::seed_from_u64(seed)).unwrap();
        let make = &make;
        let ids: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..16).map(|seed| scope.spawn(move || make(seed).id().to_owned())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_was_replaced_opens_what_it_sealed() {
        let mut rng = StdRng::seed_from_u64(1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bole.key");
        let old = Key::new([1; KEY_BYTES]);
        let sealed = old.seal("a", "secret", &mut rng).unwrap();
        std::fs::write(&path, format!("{}\n{}\n", "02".repeat(32), "01".repeat(32))).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let key = Key::load_or_create(&path, &dir.path().join("data"), &mut rng).unwrap();
        assert_eq!(key.unseal("a", &sealed).unwrap().expose(), "secret");
        assert_ne!(key.seal("a", "secret", &mut rng).unwrap().key, old.id());
        let (derived, before) = (key.derived("p"), old.derived("p"));
        assert_eq!((derived.len(), before.len()), (2, 1));
        assert_eq!((derived[1].id, &derived[1].bytes), (before[0].id, &before[0].bytes));
        assert_ne!(derived[0].bytes, derived[1].bytes);
    }

    #[test]
    fn unsafe_or_broken_files_are_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let inside = Key::load_or_create(&data.join("x/bole.key"), &data, &mut rng).unwrap_err();
        assert!(inside.to_string().contains("within the data directory"), "{inside}");
        let good = "00".repeat(32);
        for (contents, mode, expected) in [
            (good.as_str(), 0o640, "mode 640"),
            (&good[1..], 0o600, "64 hexadecimal digits"),
            ("", 0o600, "64 hexadecimal digits"),
            (&good.repeat(10), 0o600, "64 hexadecimal digits"),
            (&good.repeat(100), 0o600, "6400 bytes"),
            (&format!("{good}\n{}\n", &good[1..]), 0o600, "a line does not hold"),
        ] {
            let path = dir.path().join("bole.key");
            std::fs::write(&path, contents).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = Key::load_or_create(&path, &data, &mut rng).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("bole.key"), "{error} lacks {expected}");
        }
    }
}
