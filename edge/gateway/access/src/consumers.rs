//! Who is known by the document.

use crate::login::basic::DECOY;
use crate::parts::Parts;
use crate::problem::Problems;
use crate::secret::{self, Clear, Verifier};
use bole_gateway_document::access::Consumer as Written;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// One of them.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) password: Option<Verifier>,
    pub(crate) groups: Vec<String>,
    pub(crate) limits: Vec<String>,
    pub(crate) priority: Option<u8>,
}

/// All of them.
pub(crate) struct Consumers {
    all: HashMap<String, Consumer>,
    keys: HashMap<[u8; 32], String>,
    signing: HashMap<String, (String, Clear)>,
    /// Hashed in place of a password that there is not.
    pub(crate) decoy: Arc<str>,
}

/// Without hashes: who has one can try keys against it.
impl fmt::Debug for Consumers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Consumers({:?})", self.all)
    }
}

impl Consumers {
    pub(crate) fn new(written: &BTreeMap<String, Written>, parts: &Parts, problems: &mut Problems) -> Self {
        let mut consumers =
            Self { all: HashMap::new(), keys: HashMap::new(), signing: HashMap::new(), decoy: DECOY.into() };
        let mut decoy = None;
        for (name, written) in written {
            let at = format!("consumers.{name}");
            for key in &written.keys {
                if let Some(hash) = problems.take(&at, secret::key_hash(&key.0, &*parts.secrets))
                    && let Some(other) = consumers.keys.insert(hash, name.clone())
                    && other != *name
                {
                    problems.add(&at, format!("it has the same key as {other:?}; a key is one consumer's"));
                }
            }
            for (id, signing) in &written.signing {
                if let Some(clear) = problems.take(&at, secret::clear(&signing.0, &*parts.secrets))
                    && let Some((other, _)) = consumers.signing.insert(id.clone(), (name.clone(), clear))
                {
                    problems.add(
                        &at,
                        format!("the key id {id:?} is {other:?}'s as well; an id is one consumer's"),
                    );
                }
            }
            if written.priority.is_some_and(|priority| priority > 63) {
                problems.add(&at, "priority is above 63");
            }
            let password = written.password.as_ref();
            let password =
                password.and_then(|text| problems.take(&at, secret::verifier(&text.0, &*parts.secrets)));
            if let (None, Some(Verifier::Argon2(text))) = (&decoy, &password) {
                decoy = Some(Arc::from(text.as_str()));
            }
            let (groups, limits) = (written.groups.clone(), written.limits.clone());
            let consumer = Consumer { password, groups, limits, priority: written.priority };
            consumers.all.insert(name.clone(), consumer);
        }
        // What a wrong password of the others costs.
        consumers.decoy = decoy.unwrap_or(consumers.decoy);
        consumers
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Consumer> {
        self.all.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.all.keys()
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.all.values().any(|consumer| consumer.groups.iter().any(|known| known == group))
    }

    pub(crate) fn by_key(&self, hash: &[u8; 32]) -> Option<&str> {
        let (known, name) = self.keys.get_key_value(hash)?;
        bool::from(known.ct_eq(hash)).then_some(name.as_str())
    }

    pub(crate) fn by_key_id(&self, id: &str) -> Option<(&str, &Clear)> {
        self.signing.get(id).map(|(name, secret)| (name.as_str(), secret))
    }
}
