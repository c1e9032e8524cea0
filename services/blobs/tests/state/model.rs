//! Random operations against a model that knows nothing of rows: what lists and reads show, also after restarts, and what is left in the store.

use std::collections::BTreeMap;

use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put::Attributes;
use bole_blobs::rows::{VersionId, keys};
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_ordered::View;
use bole_testing::Rng;

use crate::world::{Node, OWNER, body, md5};

const KEYS: [&str; 4] = ["a", "a/b", "b", "c"];

/// A version: its id, its body; nothing for a delete marker.
type Version = (VersionId, Option<Vec<u8>>);

/// Of each key its versions, the newest last.
#[derive(Default)]
struct Model {
    keys: BTreeMap<&'static str, Vec<Version>>,
    /// Nothing before versioning was ever on.
    enabled: Option<bool>,
}

impl Model {
    fn add(&mut self, key: &'static str, id: VersionId, body: Option<Vec<u8>>) {
        let versions = self.keys.entry(key).or_default();
        if id == VersionId::Null {
            versions.retain(|(id, _)| *id != VersionId::Null);
        }
        versions.push((id, body));
    }

    fn delete(&mut self, key: &'static str, id: VersionId) {
        self.keys.entry(key).or_default().retain(|(known, _)| *known != id);
    }

    fn current(&self, key: &str) -> Option<&Vec<u8>> {
        self.keys.get(key)?.last()?.1.as_ref()
    }

    fn listed(&self) -> Vec<(String, VersionId, bool, Option<u64>)> {
        let of_key = |(key, versions): (&&str, &Vec<Version>)| {
            let key = (*key).to_owned();
            let last = versions.len();
            let listed = versions.iter().enumerate().rev();
            let listed = listed.map(|(at, (id, body))| {
                (key.clone(), *id, at + 1 == last, body.as_ref().map(|body| body.len() as u64))
            });
            listed.collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(of_key).collect()
    }
}

fn step(node: &Node, model: &mut Model, rng: &mut Rng) {
    let key = *rng.pick(&KEYS);
    match rng.below(12) {
        0..=4 => {
            let bytes = body(rng.below(250) as u8, *rng.pick(&[0, 1, 50, 150, 70_000]));
            let made = node.put("bucket", key, &bytes);
            assert_eq!(made.id.is_some(), model.enabled.is_some());
            model.add(key, made.version.id(), Some(bytes));
        }
        5 | 6 => {
            let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
            let deleted = node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
            match deleted.version {
                Some(id) => model.add(key, id, None),
                None => model.delete(key, VersionId::Null),
            }
        }
        7 | 8 => {
            let known = model.keys.get(key).filter(|versions| !versions.is_empty());
            let version = known.map_or(VersionId::Null, |versions| rng.pick(versions).0);
            let asked = Delete { key, version: Some(version), conditions: DeleteConditions::default() };
            node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
            model.delete(key, version);
        }
        9 | 10 => {
            let from = *rng.pick(&KEYS);
            let Some(bytes) = model.current(from).cloned() else { return };
            let source = From {
                bucket: "bucket",
                key: from,
                version: None,
                conditions: Conditions::default(),
                read: None,
            };
            let copy = Copy {
                from: source,
                bucket: "bucket",
                key,
                conditions: Conditions::default(),
                attributes: Attributes::default(),
                replace_meta: true,
                replace_tags: true,
                digests: None,
                body: None,
            };
            let copied = node.change(|plan| copies::copy(plan, &copy)).unwrap();
            model.add(key, copied.made.version.id(), Some(bytes));
        }
        _ => {
            let enabled = rng.one_in(2);
            node.versioning("bucket", enabled);
            model.enabled = Some(enabled);
        }
    }
}

fn check(node: &Node, model: &Model) {
    assert_eq!(node.versions("bucket"), model.listed());
    let current: Vec<_> = KEYS.into_iter().filter(|key| model.current(key).is_some()).collect();
    assert_eq!(node.keys("bucket"), current);
    for (key, versions) in &model.keys {
        for (id, bytes) in versions.iter().filter_map(|(id, body)| Some((*id, body.as_ref()?))) {
            let open = node.run(node.blobs.open("bucket", key, Some(id))).unwrap();
            assert_eq!(open.version.object().unwrap().etag.md5, md5(bytes));
            assert!(node.bytes(&open, 0..u64::MAX) == *bytes, "{key} {id}");
        }
    }
}

/// Rows of a partition.
fn count(node: &Node, partition: bole_ordered::Partition) -> usize {
    let locked = node.shard.lock().unwrap();
    let frozen = View::of(&locked).unwrap().freeze(bole_ordered::Range::all(partition));
    frozen.scan(bole_ordered::Direction::Forward).count()
}

#[test]
fn operations_are_what_the_model_says_and_leave_nothing() {
    for seed in 0..6 {
        let mut rng = Rng::new(seed);
        let mut node = Node::new();
        node.bucket("bucket");
        let mut model = Model::default();
        for round in 0..150 {
            step(&node, &mut model, &mut rng);
            if round % 10 == 0 {
                check(&node, &model);
            }
            if rng.one_in(40) {
                node.checkpoint();
            }
            if rng.one_in(40) {
                node = node.restart();
                check(&node, &model);
            }
            if rng.one_in(20) {
                node.reclaim();
            }
        }
        check(&node, &model);
        node.reclaim();
        let all = model.keys.values().flatten().filter_map(|(_, body)| body.as_ref());
        let (inline, chunks): (Vec<_>, Vec<_>) =
            all.filter(|body| !body.is_empty()).partition(|body| body.len() <= 100);
        assert_eq!(count(&node, keys::INLINE), inline.len(), "each inline body has its row");
        assert!(node.chunk_ids().len() <= chunks.len(), "a chunk is kept by a body");
        assert_eq!(count(&node, keys::CHUNKS), node.chunk_ids().len(), "each chunk has its row");
        // And when all is deleted, nothing is left but the bucket and the number of chunks.
        for (key, id, ..) in node.versions("bucket") {
            let asked = Delete { key: &key, version: Some(id), conditions: DeleteConditions::default() };
            node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
        }
        node.reclaim();
        let left: Vec<_> = keys::ALL.into_iter().filter(|partition| count(&node, *partition) > 0).collect();
        assert!(left.iter().all(|left| [keys::BUCKETS, keys::OWN].contains(left)), "{left:?}");
        assert_eq!(node.chunk_ids(), []);
    }
}
