//! The repository keeps its own rules: layers, a map that names what exists, a short README.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    order: Vec<String>,
    kernel: Vec<String>,
    parts: Vec<String>,
    edge: Vec<String>,
    test_friends: Vec<String>,
    crates: BTreeMap<String, Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    folder: String,
    layer: String,
    may_use: Vec<String>,
}

/// A member of the workspace with its dependencies inside it, and which of them are for tests only.
struct Member {
    folder: String,
    uses: Vec<(String, bool)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn layers() -> Layers {
    toml::from_str(&read("layers.toml")).unwrap()
}

fn members() -> BTreeMap<String, Member> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let member = |package: &serde_json::Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap().display().to_string();
        let ours = package["dependencies"].as_array().unwrap().iter().filter(|used| used["path"].is_string());
        let uses =
            ours.map(|used| (used["name"].as_str().unwrap().to_owned(), used["kind"] == "dev")).collect();
        (package["name"].as_str().unwrap().to_owned(), Member { folder, uses })
    };
    metadata["packages"].as_array().unwrap().iter().map(member).collect()
}

/// Every way in which the members break the rules.
fn broken_edges(layers: &Layers, members: &BTreeMap<String, Member>) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, member) in members {
        let Some(place) = layers.crates.get(name) else {
            broken.push(format!("{name} is not in layers.toml"));
            continue;
        };
        if place.folder != member.folder {
            broken.push(format!("{name} is in {}; layers.toml says {}", member.folder, place.folder));
        }
        for (used, for_tests) in &member.uses {
            let allowed = place.may_use.contains(used) || (*for_tests && layers.test_friends.contains(used));
            if !allowed && used != name {
                broken.push(format!("{name} depends on {used}, which layers.toml does not allow"));
            }
        }
    }
    broken
}

#[test]
fn crates_use_only_their_friends() {
    let broken = broken_edges(&layers(), &members());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_forbidden_edge_is_found() {
    let member = Member {
        folder: "base".to_owned(),
        uses: vec![("bole-wal".to_owned(), false), ("bole-testing".to_owned(), true)],
    };
    let stranger = Member { folder: "x".to_owned(), uses: Vec::new() };
    let members = BTreeMap::from([("bole-base".to_owned(), member), ("bole-x".to_owned(), stranger)]);
    let expected =
        ["bole-base depends on bole-wal, which layers.toml does not allow", "bole-x is not in layers.toml"];
    assert_eq!(broken_edges(&layers(), &members), expected);
}

#[test]
fn what_is_allowed_points_down() {
    let layers = layers();
    let rank = |name: &str| {
        let place = layers.crates.get(name).unwrap_or_else(|| panic!("{name} is not in layers.toml"));
        let layer = layers.order.iter().position(|layer| *layer == place.layer).unwrap();
        // Neighbours share a rank, except where a layer has an order of its own; tools may use each other.
        let within = [&layers.kernel, &layers.parts, &layers.edge];
        let within =
            within.iter().find_map(|order| order.iter().position(|known| known == name)).unwrap_or(0);
        (layer, within)
    };
    for (name, place) in &layers.crates {
        for used in &place.may_use {
            let tools = place.layer == "tools" && layers.crates[used].layer == "tools";
            assert!(tools || rank(used) < rank(name), "{name} may use {used}, which is not below it");
        }
    }
}

/// Paths in backticks: those with a slash, and the files at the top.
fn paths(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let plain = |path: &&str| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_path = |path: &&str| {
        let file = [".md", ".toml", ".rs"].iter().any(|ending| path.ends_with(ending));
        (path.contains('/') || file) && !path.starts_with(['/', '.']) || path.starts_with(".ci/")
    };
    quoted.filter(plain).filter(is_path).collect()
}

#[test]
fn the_map_names_every_crate_and_no_dead_path() {
    let map = read("ARCHITECTURE.md");
    let named = paths(&map);
    for (name, member) in members() {
        assert!(
            named.contains(member.folder.as_str()) || map.contains(&format!("`{}/`", member.folder)),
            "{name}"
        );
    }
    let layers = layers();
    // Folders of crates that are planned but not there yet.
    let planned: Vec<&str> = layers
        .crates
        .values()
        .map(|place| place.folder.as_str())
        .filter(|folder| !root().join(folder).exists())
        .collect();
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = read(document);
        for path in paths(&text) {
            let awaited = planned.iter().any(|folder| path.starts_with(folder));
            assert!(awaited || root().join(path).exists(), "{document} names {path}, which does not exist");
        }
    }
}

#[test]
fn the_readme_is_short_and_its_links_lead_somewhere() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 150, "README.md has {} lines", readme.lines().count());
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = link.split('#').next().unwrap();
        assert!(path.starts_with("http") || root().join(path).exists(), "README.md links to {link}");
    }
}

#[test]
fn every_dependency_has_its_line() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let reasons = read("docs/decisions/0002-dependencies.md");
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
    let foreign = dependencies.iter().filter(|(_, choice)| choice.get("path").is_none());
    for (name, _) in foreign {
        assert!(reasons.contains(&format!("| `{name}` |")), "0002-dependencies.md says nothing of {name}");
    }
}

#[test]
fn the_guide_documents_every_option() {
    let guide = read("docs/guide/configure.md");
    for spec in bole::config::OPTIONS {
        assert!(
            guide.contains(&format!("`{}`", spec.name())),
            "configure.md says nothing of {}",
            spec.name()
        );
    }
}
