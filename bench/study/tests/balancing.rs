//! A small study gives the same figures again, and the page shows what the study has.

use bole_study::balancing::{Args, Scenario, Table, contenders, scenarios, simulate, tables};

fn small(scenario: &str) -> Args {
    Args { seconds: 12, seeds: 1, scenario: Some(scenario.to_owned()), write: None }
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    for scenario in ["failing-ejected", "churn-slow-start"] {
        let first = tables(&small(scenario));
        assert_eq!(first.len(), 1);
        assert_eq!(first, tables(&small(scenario)), "{scenario}");
    }
    let scenario = &scenarios()[0];
    let contender = &contenders()[0];
    assert_ne!(simulate(scenario, contender, 1, 12), simulate(scenario, contender, 2, 12));
}

/// What the choice of the default rests on.
#[test]
fn the_default_bears_a_slow_and_a_failing_host() {
    let row = |table: &Table, name: &str| table.cells.iter().find(|cell| cell.name == name).cloned().unwrap();
    let of = |name: &str| tables(&Args { seconds: 20, ..small(name) }).remove(0);
    let slow = of("slow");
    let (default, turns) = (row(&slow, "peak-ewma"), row(&slow, "round-robin"));
    assert!(default.latency[1] * 4.0 < turns.latency[1], "{default:?} {turns:?}");
    let failing = of("failing");
    let (default, two) = (row(&failing, "peak-ewma"), row(&failing, "random-of-two"));
    assert!(default.failed * 10.0 < two.failed, "{default:?} {two:?}");
}

#[test]
fn the_page_has_every_scenario_and_contender() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/internals");
    let page = std::fs::read_to_string(format!("{docs}/balancing.md")).unwrap();
    for Scenario { name, title, .. } in scenarios() {
        assert!(page.contains(&format!("### {title}\n")), "{name}");
        assert!(page.contains(&format!("(balancing/{name}.svg)")), "{name}");
        assert!(std::path::Path::new(&format!("{docs}/balancing/{name}.svg")).exists(), "{name}");
    }
    for contender in contenders() {
        let rows = page.matches(&format!("| {} |", contender.name)).count();
        assert!(rows > scenarios().len(), "{}: {rows} rows", contender.name);
    }
}
