//! A small study gives the same figures again, the page shows what the study has, and the tiers' way is not far from the best.

use bole_study::caching::{Args, all, kinds, tables};

fn small(trace: &str) -> Args {
    Args { requests: 50_000, seeds: 1, trace: Some(trace.to_owned()), write: None }
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    for trace in ["scans", "sizes"] {
        assert_eq!(tables(&small(trace)), tables(&small(trace)), "{trace}");
    }
}

/// What the choice of the tiers' way rests on.
#[test]
fn the_tiers_keep_more_than_lru_does() {
    for trace in ["zipf-0.7", "one-hit", "scans", "loop"] {
        let table = tables(&small(trace)).remove(0);
        let of = |name: &str| {
            table.cells.iter().find(|cell| cell.name == name).map(|cell| cell.hits).unwrap_or_default()
        };
        let (own, lru) = (of("CLOCK-PRO (Bole)"), of("LRU"));
        assert!(own.iter().zip(lru).all(|(own, lru)| *own > lru), "{trace}: {own:?} {lru:?}");
    }
}

#[test]
fn the_page_has_every_trace_and_way() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/internals");
    let page = std::fs::read_to_string(format!("{docs}/hit-ratio.md")).unwrap_or_default();
    for kind in kinds() {
        assert!(page.contains(&format!("### {}\n", kind.title)), "{}", kind.name);
        assert!(page.contains(&format!("(hit-ratio/{}.svg)", kind.name)), "{}", kind.name);
        assert!(
            std::path::Path::new(&format!("{docs}/hit-ratio/{}.svg", kind.name)).exists(),
            "{}",
            kind.name
        );
    }
    for (name, _) in all() {
        assert!(page.matches(&format!("| {name} |")).count() > kinds().len(), "{name}");
    }
}
