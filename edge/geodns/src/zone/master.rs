//! Master files (RFC 1035 section 5, RFC 2308 section 4): records, `$ORIGIN`, `$TTL`. `$INCLUDE` and `$GENERATE` are
//! refused: a zone is one text. `ALIAS` is understood as a type of its own.

use crate::wire::{Name, RecordType};
use crate::zone::lexer::{self, Line, Token};
use crate::zone::rdata::seconds;
use crate::zone::source::{Entry, Problems, Source, What};
use crate::zone::{Dynamic, Zone, rdata};
use std::fmt::Write;

struct Reading<'a> {
    origin: Name,
    ttl: Option<u32>,
    last_ttl: Option<u32>,
    owner: Option<Name>,
    entries: Vec<Entry>,
    problems: &'a mut Problems,
}

/// Reads a master file. Its zone is `origin`, or else the owner of its SOA record.
pub fn parse(file: &str, text: &str, origin: Option<&Name>) -> Result<Source, Problems> {
    let mut problems = Problems::new(file);
    let entries = entries(text, origin, &mut problems);
    let soa = entries.iter().find(|entry| matches!(entry.what, What::Record(RecordType::SOA, _)));
    let origin = origin.cloned().or_else(|| soa.map(|soa| soa.owner.clone()));
    match origin {
        Some(origin) if problems.is_empty() => {
            Ok(Source { file: file.to_owned(), origin, entries, pools: Vec::new() })
        }
        Some(_) => Err(problems),
        None => {
            problems.push(0, "there is no SOA record, so that the zone has no name");
            Err(problems)
        }
    }
}

/// Reads the records of a master file. Without `origin` relative names need `$ORIGIN` before them.
pub(super) fn entries(text: &str, origin: Option<&Name>, problems: &mut Problems) -> Vec<Entry> {
    let (lines, wrong) = lexer::lines(text);
    wrong.into_iter().for_each(|(line, text)| problems.push(line, text));
    let mut reading = Reading {
        origin: origin.cloned().unwrap_or_else(Name::root),
        ttl: None,
        last_ttl: None,
        owner: None,
        entries: Vec::new(),
        problems,
    };
    for line in lines {
        if let Err(problem) = reading.line(&line) {
            reading.problems.push(line.number, problem);
        }
    }
    reading.entries
}

impl Reading<'_> {
    fn line(&mut self, line: &Line) -> Result<(), String> {
        let first = &line.tokens[0];
        if first.text.starts_with('$') && !line.continues && !first.quoted {
            return self.directive(&first.text.to_ascii_uppercase(), &line.tokens[1..]);
        }
        let mut rest = &line.tokens[..];
        if !line.continues {
            self.owner = None;
            self.owner = Some(Name::parse(&first.text, &self.origin).map_err(|wrong| wrong.to_string())?);
            rest = &rest[1..];
        }
        let owner = self.owner.clone().ok_or("the line before has no owner that this one could share")?;
        let (mut ttl, mut class) = (None, false);
        // TTL and class come in either order.
        while let Some(token) = rest.first() {
            if !class && token.text.eq_ignore_ascii_case("IN") {
                class = true;
            } else if ["CH", "HS", "CS"].iter().any(|other| token.text.eq_ignore_ascii_case(other)) {
                return Err(format!(
                    "the class {} is not served; only IN is",
                    token.text.to_ascii_uppercase()
                ));
            } else if let (None, Some(found)) = (ttl, ttl_of(token)) {
                ttl = Some(found);
            } else {
                break;
            }
            rest = &rest[1..];
        }
        let kind = rest.first().ok_or("the type is missing")?;
        self.record(line.number, owner, ttl, &kind.text, &rest[1..])
    }

    fn record(
        &mut self,
        line: usize,
        owner: Name,
        ttl: Option<u32>,
        kind: &str,
        rest: &[Token],
    ) -> Result<(), String> {
        let what = if kind.eq_ignore_ascii_case("ALIAS") {
            let [target] = rest else { return Err("ALIAS wants one name".to_owned()) };
            What::Alias(Name::parse(&target.text, &self.origin).map_err(|wrong| wrong.to_string())?)
        } else {
            let kind = RecordType::parse(kind).ok_or_else(|| format!("there is no type \"{kind}\""))?;
            What::Record(kind, rdata::parse(kind, rest, &self.origin)?)
        };
        // Without $TTL a record without a TTL has that of the record before; the first, if it is the SOA, its minimum.
        let minimum = match &what {
            What::Record(RecordType::SOA, data) => {
                data.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
            }
            _ => None,
        };
        let ttl = ttl.or(self.ttl).or(self.last_ttl).or(minimum);
        let ttl = ttl.ok_or("the TTL is missing: give one, or $TTL before")?;
        self.last_ttl = Some(ttl);
        self.entries.push(Entry { line, owner, ttl, what });
        Ok(())
    }

    fn directive(&mut self, name: &str, rest: &[Token]) -> Result<(), String> {
        match (name, rest) {
            ("$ORIGIN", [origin]) => {
                self.origin = Name::parse(&origin.text, &self.origin).map_err(|wrong| wrong.to_string())?;
                Ok(())
            }
            ("$TTL", [ttl]) => {
                let wrong = || format!("\"{}\" is no TTL: seconds, or as 1h30m", ttl.text);
                self.ttl = Some(ttl_of(ttl).ok_or_else(wrong)?);
                Ok(())
            }
            ("$ORIGIN" | "$TTL", _) => Err(format!("{name} wants one value")),
            _ => Err(format!("{name} is not supported; $ORIGIN and $TTL are")),
        }
    }
}

fn ttl_of(token: &Token) -> Option<u32> {
    token.text.starts_with(|first: char| first.is_ascii_digit()).then(|| seconds(&token.text)).flatten()
}

/// Writes a zone's records as a master file; aliases as `ALIAS`. Uses of pools have no form there.
pub fn show(source: &Source) -> String {
    let mut text = format!("$ORIGIN {}\n", source.origin);
    for entry in &source.entries {
        let (kind, data) = match &entry.what {
            What::Record(kind, data) => (kind.to_string(), rdata::show(*kind, data).unwrap_or_default()),
            What::Alias(target) => ("ALIAS".to_owned(), target.to_string()),
            What::Pool(_) => continue,
        };
        let _ = writeln!(text, "{} {} IN {kind} {data}", entry.owner, entry.ttl);
    }
    text
}

/// Writes a zone that is served as a master file: its records, and aliases as `ALIAS`. A use of a pool is a remark.
pub fn show_zone(zone: &Zone) -> String {
    let mut text = format!("$ORIGIN {}\n", zone.origin);
    for (name, node) in zone.nodes() {
        for set in &node.sets {
            for data in &set.data {
                let data = rdata::show(set.kind, data).unwrap_or_default();
                let _ = writeln!(text, "{name} {} IN {} {data}", set.ttl, set.kind);
            }
        }
        let _ = match &node.dynamic {
            Some(Dynamic::Alias { target, ttl }) => writeln!(text, "{name} {ttl} IN ALIAS {target}"),
            Some(Dynamic::Pool(pool)) => {
                writeln!(text, "; {name} has the answers of the pool \"{}\"", pool.name)
            }
            None => Ok(()),
        };
    }
    text
}
