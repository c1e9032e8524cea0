//! `bole bucket` and `bole blobs`: a bucket's life, objects from folders and other servers, and chunks that move between a node and a cluster, which another node plays.

use std::path::Path;

use crate::node::{Node, Outcome};

/// Bytes of a body that is in a chunk.
const LARGE: usize = 3_000_000;

fn good(outcome: Outcome) -> String {
    assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.errors);
    outcome.out
}

fn bad(outcome: &Outcome, part: &str) {
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.errors.contains(part) || outcome.out.contains(part), "no \"{part}\" in {outcome:?}");
}

/// Bytes that are unlike others.
fn body(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8 ^ seed).collect()
}

/// A folder with files of all sizes, one of them in a folder of a name that has to be encoded.
fn files(folder: &Path) {
    std::fs::create_dir_all(folder.join("a b/ü+%")).unwrap();
    for (name, seed, bytes) in
        [("empty.txt", 0, 0), ("small.json", 1, 500), ("a b/ü+%/large.bin", 2, LARGE), ("chunk", 3, 70_000)]
    {
        std::fs::write(folder.join(name), body(seed, bytes)).unwrap();
    }
}

fn same_files(one: &Path, other: &Path) {
    for name in ["empty.txt", "small.json", "a b/ü+%/large.bin", "chunk"] {
        let [one, other] = [one, other].map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(one == other, "{name}");
    }
}

#[test]
fn a_bucket_lives() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let run = |args: &[&str]| good(node.bole(&[&["bucket"], args].concat(), ""));
    assert_eq!(run(&["create", "photos"]), "bucket \"photos\" created\n");
    bad(&node.bole(&["bucket", "create", "No"], ""), "InvalidBucketName");
    assert!(run(&["list"]).contains("photos "), "it is listed");
    assert!(run(&["list", "--json"]).contains("\"name\": \"photos\""));
    assert_eq!(run(&["versioning", "photos"]), "off\n");
    assert_eq!(run(&["versioning", "photos", "enabled"]), "bucket \"photos\": versions enabled\n");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}"#;
    bad(&node.bole(&["bucket", "policy", "photos"], ""), "has no policy");
    bad(&node.bole(&["bucket", "policy", "photos", "--set", "-"], "{"), "MalformedPolicy");
    good(node.bole(&["bucket", "policy", "photos", "--set", "-"], policy));
    assert!(run(&["policy", "photos"]).contains("s3:GetObject"));
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let import = ["blobs", "import", "--from", "in", "--to", "photos"];
    for text in ["first", "second"] {
        std::fs::write(folder.path().join("in/a,b.txt"), text).unwrap();
        good(node.bole(&[&import[..], &["--overwrite"]].concat(), ""));
    }
    let info = run(&["info", "photos"]);
    for part in ["objects        1, 6 B", "older versions 1, 5 B", "settings       policy"] {
        assert!(info.contains(part), "{info}");
    }
    let csv = run(&["inventory", "photos", "--csv", "--versions"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[1].starts_with("\"a,b.txt\",6,a9f0e61a137d86aa9db53465e0801612,"), "{csv}");
    assert!(lines[1].ends_with(",true,false") && lines[2].ends_with(",false,false"), "{csv}");
    assert_eq!(run(&["inventory", "photos"]).lines().count(), 1);
    bad(&node.bole(&["bucket", "delete", "photos"], ""), "BucketNotEmpty");
    run(&["policy", "photos", "--delete"]);
    run(&["create", "empty", "--versions"]);
    assert_eq!(run(&["versioning", "empty"]), "enabled\n");
    assert_eq!(run(&["delete", "empty"]), "bucket \"empty\" deleted\n");
    bad(&node.bole(&["bucket", "info", "empty"], ""), "NoSuchBucket");
}

#[test]
fn folders_and_buckets_are_imported_and_exported() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node, other) = (Node::start(here.path()), Node::start(there.path()));
    files(&there.path().join("in"));
    let told = good(other.bole(&["blobs", "import", "--from", "in", "--to", "shop/data/"], ""));
    assert!(told.contains("source: 4 files") && told.contains("all 4 are here"), "{told}");
    good(other.bole(&["bucket", "versioning", "shop", "enabled"], ""));
    std::fs::write(there.path().join("in/small.json"), "{}").unwrap();
    bad(
        &other.bole(&["blobs", "import", "--from", "in", "--to", "shop/data/"], ""),
        "--overwrite replaces it",
    );
    let told =
        good(other.bole(&["blobs", "import", "--from", "in", "--to", "shop/data/", "--overwrite"], ""));
    assert!(told.contains("copied: 1, 3 were here"), "{told}");

    std::fs::write(here.path().join("keys"), "aws_access_key_id = bole\naws_secret_access_key = bolebole\n")
        .unwrap();
    let endpoint = format!("http://{}", other.blobs);
    let from = ["blobs", "import", "--endpoint", &endpoint, "--credentials-file", "keys", "--from"];
    let import = |args: &[&str]| node.bole(&[&from[..], args].concat(), "");
    assert!(good(import(&["s3://shop", "--dry-run"])).contains("source: 5 versions and delete markers"));
    assert!(!good(node.bole(&["bucket", "list"], "")).contains("shop"), "a trial writes nothing");
    let told = good(import(&["s3://shop/data/", "--rate", "20MiB"]));
    assert!(told.contains("copied: 5, 0 were here") && told.contains("all 5 are here"), "{told}");
    assert!(good(import(&["s3://shop"])).contains("copied: 0, 5 were here"));
    let of = |node: &Node| {
        let csv = good(node.bole(&["bucket", "inventory", "shop", "--csv", "--versions"], ""));
        // Key, size and ETag; times and ids of versions are each server's own.
        csv.lines().map(|line| line.splitn(4, ',').take(3).collect::<Vec<_>>().join(",")).collect::<Vec<_>>()
    };
    assert_eq!((of(&node), of(&node).len()), (of(&other), 6));
    let told = good(import(&["s3://shop/data/", "--to", "current", "--current-only"]));
    assert!(told.contains("source: 4 objects"), "{told}");
    good(node.bole(&["blobs", "export", "current", "--out", "out"], ""));
    same_files(&there.path().join("in"), &here.path().join("out"));
    assert!(good(node.bole(&["blobs", "export", "current", "--out", "out"], "")).contains("4 of 4 objects"));
    bad(&import(&["s3://none"]), "NoSuchBucket");
    bad(&node.bole(&["blobs", "import", "--from", "s3://shop"], ""), "--endpoint says where");
}

/// Settings of a node whose chunks are or were in a bucket of `cluster`.
fn in_cluster(cluster: &Node, home: &str) -> Vec<String> {
    let endpoint = &cluster.blobs;
    vec![
        format!("blobs.home={home}"),
        format!("blobs.s3_endpoint=http://{endpoint}"),
        "blobs.s3_bucket=chunks".to_owned(),
        "blobs.s3_prefix=node-1".to_owned(),
        "blobs.s3_credentials_file=keys".to_owned(),
    ]
}

#[test]
fn chunks_move_into_a_cluster_and_back() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cluster = Node::start(there.path());
    good(cluster.bole(&["bucket", "create", "chunks"], ""));
    let objects = || good(cluster.bole(&["bucket", "inventory", "chunks"], "")).lines().count();
    std::fs::write(
        here.path().join("keys"),
        "[default]\naws_access_key_id = bole\naws_secret_access_key = bolebole\n",
    )
    .unwrap();
    files(&here.path().join("in"));
    let import =
        |node: &Node, to: &str| good(node.bole(&["blobs", "import", "--from", "in", "--to", to], ""));
    let check = |node: &Node, bucket: &str, out: &str| {
        good(node.bole(&["blobs", "export", bucket, "--out", out], ""));
        same_files(&here.path().join("in"), &here.path().join(out));
    };
    let start = |settings: &[String]| Node::start_with(here.path(), "127.0.0.1:0", settings);

    let node = start(&[]);
    import(&node, "first");
    drop(node);
    let node = start(&in_cluster(&cluster, "s3"));
    assert_eq!(objects(), 1, "the mark");
    import(&node, "second");
    assert_eq!(objects(), 3);
    check(&node, "first", "out-1");
    check(&node, "second", "out-2");
    let told = good(node.bole(&["blobs", "migrate"], ""));
    assert!(told.contains("moved to \"s3\": 2 of 2 chunks"), "{told}");
    assert_eq!(objects(), 5);
    check(&node, "first", "out-3");
    // The walk reads what is there, too: it has begun with the node, and again by this if it is through.
    good(node.bole(&["blobs", "scrub"], ""));
    node.wait_for(&["status"], |told| {
        told.contains("Large objects  verified: ") && told.contains("; 0 damaged")
    });
    assert_eq!(good(node.bole(&["blobs", "damage"], "")), "no damage is known\n");
    drop(node);

    // Who forgets where chunks are is told so, and so is another node with the same place.
    let refused = Node::refused(here.path(), &[] as &[&str]);
    assert!(refused.contains("chunks of the blobs are in an S3 cluster"), "{refused}");
    let another = tempfile::tempdir().unwrap();
    std::fs::copy(here.path().join("keys"), another.path().join("keys")).unwrap();
    let refused = Node::refused(another.path(), &in_cluster(&cluster, "s3"));
    assert!(refused.contains("another node keeps chunks there"), "{refused}");

    let node = start(&in_cluster(&cluster, "local"));
    check(&node, "second", "out-4");
    let told = good(node.bole(&["blobs", "migrate", "--concurrency", "1", "--rate", "100MiB"], ""));
    assert!(told.contains("moved to \"local\": 4 of 4 chunks"), "{told}");
    cluster.wait_for(&["bucket", "inventory", "chunks"], |listed| listed.lines().count() == 1);
    drop(node);
    drop(cluster);
    let node = start(&[]);
    check(&node, "first", "out-5");
    check(&node, "second", "out-6");
}
