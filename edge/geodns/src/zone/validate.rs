//! What must hold of a zone as a whole.

use crate::wire::{Name, RecordType};
use crate::zone::Dynamic;
use crate::zone::compile::{Gathered, Names};
use crate::zone::rdata;
use crate::zone::source::{AnswerSource, Problems};

/// Types that this server makes itself.
const MADE_HERE: [RecordType; 4] =
    [RecordType::RRSIG, RecordType::NSEC, RecordType::DNSKEY, RecordType::NSEC3PARAM];

/// Checks all names of a zone.
pub(super) fn check(origin: &Name, names: &Names, problems: &mut Problems) {
    apex(origin, names, problems);
    for (name, gathered) in names {
        kinds(name, origin, gathered, problems);
        alone(name, gathered, problems);
        if let Some(cut) = cut_above(name, origin, names) {
            below_cut(name, cut, gathered, problems);
        } else {
            targets(name, origin, gathered, names, problems);
        }
    }
}

fn apex(origin: &Name, names: &Names, problems: &mut Problems) {
    let gathered = names.get(origin.wire());
    let set = |kind| gathered.and_then(|gathered| gathered.sets.get(&kind));
    match set(RecordType::SOA) {
        None => problems.push(0, format!("the zone {origin} has no SOA record")),
        Some((line, _, data)) if data.len() > 1 => {
            problems.push(*line, format!("the zone {origin} has {} SOA records", data.len()));
        }
        Some(_) => {}
    }
    if set(RecordType::NS).is_none() {
        problems.push(0, format!("the zone {origin} has no NS records"));
    }
}

/// Whether a name's types may stand in a zone, and where they do.
fn kinds(name: &Name, origin: &Name, gathered: &Gathered, problems: &mut Problems) {
    for (kind, (line, _, _)) in &gathered.sets {
        if kind.is_meta() {
            problems.push(*line, format!("{kind} is no type of records"));
        } else if MADE_HERE.contains(kind) {
            problems.push(
                *line,
                format!(
                    "{name} {kind}: signed zones are not taken; give the zone a key, and it is signed here"
                ),
            );
        } else if *kind == RecordType::SOA && name != origin {
            problems.push(*line, format!("{name} has an SOA record and is not the apex {origin}"));
        } else if *kind == RecordType::DS && !(gathered.sets.contains_key(&RecordType::NS) && name != origin)
        {
            problems.push(*line, format!("{name} has a DS record and is not delegated"));
        }
    }
}

/// What may not have company.
fn alone(name: &Name, gathered: &Gathered, problems: &mut Problems) {
    if let Some((line, _, data)) = gathered.sets.get(&RecordType::CNAME) {
        if gathered.sets.len() > 1 || gathered.dynamic.is_some() {
            let hint = if gathered.sets.contains_key(&RecordType::SOA) { "; use ALIAS" } else { "" };
            problems.push(*line, format!("{name} has a CNAME record and other records{hint}"));
        }
        if data.len() > 1 {
            problems.push(*line, format!("{name} has {} CNAME records", data.len()));
        }
    }
    let Some((line, dynamic)) = &gathered.dynamic else { return };
    let kinds: Vec<RecordType> = match dynamic {
        Dynamic::Pool(pool) => pool.kinds().collect(),
        Dynamic::Alias { .. } => vec![RecordType::A, RecordType::AAAA],
    };
    for kind in &kinds {
        if gathered.sets.contains_key(kind) {
            problems.push(
                *line,
                format!("{name} has {kind} records of its own beside those of its ALIAS or POOL"),
            );
        }
    }
    if kinds.contains(&RecordType::CNAME) && (!gathered.sets.is_empty() || kinds.len() > 1) {
        problems.push(*line, format!("{name} has a pool with CNAME records, and other records"));
    }
}

/// The delegation above a name, itself not counted.
fn cut_above<'n>(name: &Name, origin: &Name, names: &'n Names) -> Option<&'n Name> {
    let mut above = name.parent()?;
    while above.is_within(origin) && above != *origin {
        if let Some((cut, _)) =
            names.get_key_value(above.wire()).filter(|(_, found)| found.sets.contains_key(&RecordType::NS))
        {
            return Some(cut);
        }
        above = above.parent()?;
    }
    None
}

fn below_cut(name: &Name, cut: &Name, gathered: &Gathered, problems: &mut Problems) {
    for (kind, (line, _, _)) in &gathered.sets {
        if !matches!(*kind, RecordType::A | RecordType::AAAA) {
            problems.push(*line, format!("{name} {kind} would never be served: {cut} is delegated"));
        }
    }
    if let Some((line, _)) = &gathered.dynamic {
        problems.push(*line, format!("{name} would never be served: {cut} is delegated"));
    }
}

/// Whether names within the zone to which others point are there.
fn targets(name: &Name, origin: &Name, gathered: &Gathered, names: &Names, problems: &mut Problems) {
    for (kind, (line, _, data)) in &gathered.sets {
        if !matches!(*kind, RecordType::NS | RecordType::MX | RecordType::SRV) {
            continue;
        }
        for target in data.iter().filter_map(|data| rdata::target(*kind, data)) {
            if target == Name::root() || !target.is_within(origin) {
                continue;
            }
            let found = names.get(target.wire());
            let below = cut_above(&target, origin, names).is_some();
            let wildcard = found.is_none() && has_wildcard(&target, names);
            let addresses = found.is_some_and(has_addresses);
            if found.is_some_and(|found| found.sets.contains_key(&RecordType::CNAME)) {
                problems.push(*line, format!("{name} {kind} points to {target}, which is a CNAME"));
            } else if *kind == RecordType::NS && !addresses && !wildcard {
                problems
                    .push(*line, format!("{name} NS points to {target}, which has no address in the zone"));
            } else if found.is_none() && !wildcard && !below {
                problems.push(*line, format!("{name} {kind} points to {target}, which is not in the zone"));
            }
        }
    }
}

fn has_addresses(gathered: &Gathered) -> bool {
    let own = [RecordType::A, RecordType::AAAA].iter().any(|kind| gathered.sets.contains_key(kind));
    own || gathered.dynamic.is_some()
}

fn has_wildcard(name: &Name, names: &Names) -> bool {
    let mut above = name.parent();
    while let Some(parent) = above {
        if parent.wildcard().is_some_and(|wildcard| names.contains_key(wildcard.wire())) {
            return true;
        }
        above = parent.parent();
    }
    false
}

/// Whether an answer of a pool may be one.
pub(super) fn answer(answer: &AnswerSource, problems: &mut Problems) {
    for (kind, _) in &answer.records {
        let refused = kind.is_meta()
            || MADE_HERE.contains(kind)
            || matches!(*kind, RecordType::NS | RecordType::SOA | RecordType::DS);
        if refused {
            problems.push(
                answer.line,
                format!("the answer \"{}\" has a {kind} record, which no pool can have", answer.name),
            );
        }
    }
    let cname = answer.records.iter().filter(|(kind, _)| *kind == RecordType::CNAME).count();
    if cname > 1 || (cname == 1 && answer.records.len() > 1) {
        problems.push(
            answer.line,
            format!("the answer \"{}\" has a CNAME record and other records", answer.name),
        );
    }
}
