//! Pools of a document: chains and answers.

use super::tree::{Node, Table};
use crate::chain::{self, Area, Options, Value};
use crate::geo::facts::CONTINENTS;
use crate::geo::{Code, Point, Prefix};
use crate::health::check::{Check, Pace};
use crate::limits;
use crate::wire::{Name, RecordType};
use crate::zone::source::{AnswerSource, PoolSource, Problems};
use toml::de::DeValue;

/// What an answer has beside its records.
const ANSWER_KEYS: [&str; 11] = [
    "name",
    "target",
    "check",
    "country",
    "continent",
    "region",
    "asn",
    "prefix",
    "at",
    "weight",
    "priority",
];

/// Reads all pools.
pub(super) fn read(root: &Table<'_>, origin: &Name, ttl: u32, problems: &mut Problems) -> Vec<PoolSource> {
    let Some(pools) = root.table("pools", problems) else { return Vec::new() };
    let tables = pools.tables(problems);
    tables.into_iter().map(|(name, line, table)| pool(name, line, &table, origin, ttl, problems)).collect()
}

fn pool(
    name: String,
    line: usize,
    table: &Table<'_>,
    origin: &Name,
    ttl: u32,
    problems: &mut Problems,
) -> PoolSource {
    table.only(&["ttl", "chain", "checks", "answers"], "a pool", problems);
    let pace = pace(table, problems);
    let mut filters = Vec::new();
    for node in table.get("chain").map_or_else(Vec::new, |chain| chain.items()) {
        filters.extend(filter(&node, problems));
    }
    for (line, name, options) in &filters {
        if let Err(problem) = chain::build(name, options) {
            problems.push(*line, problem);
        }
    }
    let mut answers = Vec::new();
    for node in table.get("answers").map_or_else(Vec::new, |answers| answers.items()) {
        match node.as_table() {
            Some(table) => answers.push(answer(node.line, &table, origin, pace, problems)),
            None => problems.push(node.line, "an answer is a table"),
        }
    }
    if answers.is_empty() || answers.len() > limits::POOL_ANSWERS_MAX {
        let max = limits::POOL_ANSWERS_MAX;
        problems.push(line, format!("the pool \"{name}\" has {} answers; it has 1 to {max}", answers.len()));
    }
    let checked = answers.iter().find(|answer| answer.check.is_some());
    if let Some(checked) = checked.filter(|_| !filters.iter().any(|(_, name, _)| name == "up")) {
        problems.push(checked.line, "`check` has no effect: the pool's chain has no filter \"up\"");
    }
    if filters.len() > limits::POOL_FILTERS_MAX {
        problems
            .push(line, format!("the pool \"{name}\" has more than {} filters", limits::POOL_FILTERS_MAX));
    }
    let ttl = table.seconds("ttl", problems).unwrap_or(ttl);
    PoolSource { line, name, ttl, filters, answers }
}

/// A filter: its name, or a table of `filter` and its options.
fn filter(node: &Node<'_>, problems: &mut Problems) -> Option<(usize, String, Options)> {
    if let Some(name) = node.value.as_str() {
        return Some((node.line, name.to_owned(), Options::new()));
    }
    let Some((table, (_, name))) =
        node.as_table().and_then(|table| table.text("filter", problems).map(|name| (table, name)))
    else {
        problems.push(node.line, "a filter is its name, or a table of `filter` and its options");
        return None;
    };
    let mut options = Options::new();
    for (key, line, value) in table.values().filter(|(key, ..)| key != "filter") {
        let value = match value.value {
            DeValue::String(text) => Some(Value::Text(text.to_string())),
            DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
            _ => value.number().map(Value::Number),
        };
        match value {
            Some(value) => drop(options.insert(key, value)),
            None => problems.push(line, format!("`{key}` is no text, number, true or false")),
        }
    }
    Some((node.line, name, options))
}

/// How often answers of a pool are checked.
fn pace(table: &Table<'_>, problems: &mut Problems) -> Pace {
    let mut pace = Pace::default();
    let Some(table) = table.table("checks", problems) else { return pace };
    table.only(&["interval", "timeout", "rise", "fall"], "`checks`", problems);
    for (key, seconds) in [("interval", &mut pace.interval), ("timeout", &mut pace.timeout)] {
        let Some(found) = table.seconds(key, problems) else { continue };
        if !(1..=3_600).contains(&found) {
            problems.push(
                table.get(key).map_or(0, |node| node.line),
                format!("`{key}` is {found} s; it is 1 s to 1 h"),
            );
        }
        *seconds = found;
    }
    for (key, times) in [("rise", &mut pace.rise), ("fall", &mut pace.fall)] {
        *times = table.whole(key, 1..=100, problems).unwrap_or(*times);
    }
    pace
}

/// How an answer is checked: by name, or as it says itself.
fn checked(table: &Table<'_>, pace: Pace, problems: &mut Problems) -> (Option<String>, Option<Check>) {
    let target = table.text("target", problems).map(|(_, target)| target);
    let Some((line, text)) = table.text("check", problems) else { return (target, None) };
    if target.is_some() {
        problems.push(line, "`check` and `target` exclude each other: a target is checked by others");
    }
    let check = Check::parse(&text, pace).map_err(|problem| problems.push(line, problem)).ok();
    (target, check)
}

fn answer(
    line: usize,
    table: &Table<'_>,
    origin: &Name,
    pace: Pace,
    problems: &mut Problems,
) -> AnswerSource {
    let (target, check) = checked(table, pace, problems);
    let name = table.text("name", problems).map(|(_, name)| name);
    let mut records = Vec::new();
    for (key, line, value) in
        table.values().filter(|(key, ..)| !ANSWER_KEYS.contains(&key.as_str()) && key != "load")
    {
        let kind =
            RecordType::parse(&key).filter(|_| key.chars().all(|character| !character.is_ascii_lowercase()));
        let Some(kind) = kind else {
            problems.push(
                line,
                format!(
                    "an answer has no `{key}`; it has {}, load, and records by type",
                    ANSWER_KEYS.join(", ")
                ),
            );
            continue;
        };
        for (line, text) in value.texts(problems) {
            match super::record(kind, &text, origin) {
                Ok(data) => records.push((kind, data)),
                Err(problem) => problems.push(line, problem),
            }
        }
    }
    if records.is_empty() {
        problems.push(line, "an answer without records");
    }
    if name.is_none() {
        problems.push(line, "an answer without `name`");
    }
    AnswerSource {
        line,
        name: name.unwrap_or_default(),
        target,
        check,
        area: area(table, problems),
        at: at(table, problems),
        weight: table.whole("weight", 0..=65_535, problems).unwrap_or(1),
        priority: table.whole("priority", 0..=65_535, problems).unwrap_or(0),
        load: load(table, problems),
        records,
    }
}

fn area(table: &Table<'_>, problems: &mut Problems) -> Area {
    let mut each = |key: &str, read: &mut dyn FnMut(&str) -> Result<(), String>| {
        for (line, text) in table.texts(key, problems) {
            if let Err(problem) = read(&text) {
                problems.push(line, problem);
            }
        }
    };
    let mut area = Area::default();
    each("country", &mut |text| {
        area.countries
            .push(Code::parse(text).ok_or_else(|| format!("\"{text}\" is no country: two letters, as DE"))?);
        Ok(())
    });
    each("continent", &mut |text| {
        let code = Code::parse(text).filter(|code| CONTINENTS.contains(&code.to_string().as_str()));
        area.continents.push(
            code.ok_or_else(|| format!("\"{text}\" is no continent: one of {}", CONTINENTS.join(", ")))?,
        );
        Ok(())
    });
    each("region", &mut |text| {
        let fits = text
            .split_once('-')
            .is_some_and(|(country, part)| Code::parse(country).is_some() && !part.is_empty());
        area.regions.push(
            fits.then(|| text.to_ascii_uppercase())
                .ok_or_else(|| format!("\"{text}\" is no region: as US-CA"))?,
        );
        Ok(())
    });
    each("prefix", &mut |text| Prefix::parse(text).map(|prefix| area.prefixes.push(prefix)));
    for node in table.get("asn").map_or_else(Vec::new, |node| node.items()) {
        match node
            .number()
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number))
        {
            Some(number) => area.asns.push(number as u32),
            None => problems.push(node.line, "`asn` is a number of an autonomous system, or a list of them"),
        }
    }
    area
}

fn at(table: &Table<'_>, problems: &mut Problems) -> Option<Point> {
    let node = table.get("at")?;
    let point = match node.items().as_slice() {
        [latitude, longitude] => latitude
            .number()
            .zip(longitude.number())
            .and_then(|(latitude, longitude)| Point::new(latitude, longitude)),
        _ => None,
    };
    if point.is_none() {
        problems.push(node.line, "`at` is degrees north and east, as [50.11, 8.68]");
    }
    point
}

fn load(table: &Table<'_>, problems: &mut Problems) -> Option<(f32, f32)> {
    let line = table.get("load")?.line;
    let bounds = table.table("load", problems)?;
    bounds.only(&["low", "high"], "`load`", problems);
    let number = |key: &str| bounds.get(key).and_then(|node| node.number()).map(|number| number as f32);
    let found = number("low").zip(number("high")).filter(|(low, high)| 0.0 <= *low && low <= high);
    if found.is_none() {
        problems.push(line, "`load` has `low` and `high`, numbers with 0 ≤ low ≤ high");
    }
    found
}
