//! The document of a zone: TOML with records, and pools of answers that depend on who asks.
//!
//! ```toml
//! origin = "example.com"
//! ttl = 300
//!
//! [records]
//! "@" = { NS = ["ns1", "ns2"], MX = "10 mail", ALIAS = "www" }
//! ns1 = { A = "192.0.2.53" }
//! www = { POOL = "web", TXT = { ttl = 60, data = "hello" } }
//!
//! [pools.web]
//! ttl = 30
//! chain = ["up", "geotarget", "weighted", { filter = "first_n", n = 2 }]
//!
//! [[pools.web.answers]]
//! name = "fra"
//! A = "192.0.2.10"
//! continent = ["EU"]
//! ```

mod pools;
mod tree;

use crate::wire::{Name, RecordType};
use crate::zone::lexer::{self, Token};
use crate::zone::source::{Entry, Problems, Source, What};
use crate::zone::{master, rdata};
use std::path::Path;
use tree::{Table, Tree};

/// The SOA record of a document that says nothing of it: a refresh every two hours, a retry every half hour, expiry after two
/// weeks, and a minute for what is not there.
const SOA_NUMBERS: [(&str, u32); 4] =
    [("refresh", 7_200), ("retry", 1_800), ("expire", 1_209_600), ("minimum", 60)];

struct Reading<'a> {
    origin: Name,
    ttl: u32,
    entries: Vec<Entry>,
    problems: &'a mut Problems,
}

/// Reads a document. `folder` is where a master file that it names is; `serial` is that of a zone whose document gives none.
pub fn parse(file: &str, text: &str, folder: &Path, serial: u32) -> Result<Source, Problems> {
    parsed(file, text, Some(folder), serial)
}

/// Reads a document that was given, and may name no file.
pub fn given(name: &str, text: &str, serial: u32) -> Result<Source, Problems> {
    parsed(name, text, None, serial)
}

fn parsed(file: &str, text: &str, folder: Option<&Path>, serial: u32) -> Result<Source, Problems> {
    let mut problems = Problems::new(file);
    let source = read(file, text, folder, serial, &mut problems);
    match source {
        Some(source) if problems.is_empty() => Ok(source),
        _ => Err(problems),
    }
}

fn read(
    file: &str,
    text: &str,
    folder: Option<&Path>,
    serial: u32,
    problems: &mut Problems,
) -> Option<Source> {
    let tree = Tree::parse(text, problems)?;
    let root = tree.root();
    root.only(&["origin", "ttl", "master", "soa", "records", "pools"], "a zone's document", problems);
    let Some((line, origin)) = root.text("origin", problems) else {
        problems.push(0, "`origin`, the name of the zone, is missing");
        return None;
    };
    let origin = Name::absolute(&origin).map_err(|wrong| problems.push(line, wrong.to_string())).ok()?;
    let ttl = root.seconds("ttl", problems).unwrap_or(3_600);
    let mut reading = Reading { origin, ttl, entries: Vec::new(), problems };
    reading.master(&root, folder);
    if let Some(records) = root.table("records", reading.problems) {
        for (name, line, table) in records.tables(reading.problems) {
            reading.name(&name, line, &table);
        }
    }
    reading.soa(&root, serial);
    let pools = pools::read(&root, &reading.origin, reading.ttl, reading.problems);
    Some(Source { file: file.to_owned(), origin: reading.origin, entries: reading.entries, pools })
}

impl Reading<'_> {
    /// Records of a master file beside the document. Their problems are told with the line that names the file.
    fn master(&mut self, root: &Table<'_>, folder: Option<&Path>) {
        let Some((line, name)) = root.text("master", self.problems) else { return };
        let Some(folder) = folder else {
            let text = "`master` names a file, and this document is not in one: give the master file itself";
            return self.problems.push(line, text);
        };
        match std::fs::read_to_string(folder.join(&name)) {
            Ok(text) => {
                let mut inner = Problems::new(&name);
                self.entries = master::entries(&text, Some(&self.origin), &mut inner);
                self.entries.iter_mut().for_each(|entry| entry.line = line);
                for problem in inner.list {
                    self.problems.push(line, format!("{name}:{}: {}", problem.line, problem.text));
                }
            }
            Err(error) => self.problems.push(line, format!("the master file {name} cannot be read: {error}")),
        }
    }

    /// All records of a name.
    fn name(&mut self, text: &str, line: usize, table: &Table<'_>) {
        let owner = match Name::parse(text, &self.origin) {
            Ok(owner) => owner,
            Err(wrong) => return self.problems.push(line, wrong.to_string()),
        };
        for (kind, line, value) in table.values() {
            let (ttl, values) = value.records(self.ttl, self.problems);
            for (line, text) in values {
                match what(&kind, &text, &self.origin) {
                    Ok(what) => self.entries.push(Entry { line, owner: owner.clone(), ttl, what }),
                    Err(problem) => self.problems.push(line, problem),
                }
            }
            if kind.chars().any(|character| character.is_ascii_lowercase()) {
                self.problems.push(line, format!("\"{kind}\" is no type: types are written in capitals"));
            }
        }
    }

    /// The SOA record, unless it is among the records.
    fn soa(&mut self, root: &Table<'_>, serial: u32) {
        let given = self.entries.iter().any(|entry| matches!(entry.what, What::Record(RecordType::SOA, _)));
        let table = root.table("soa", self.problems);
        if given {
            if table.is_some() {
                self.problems.push(0, "`soa` and an SOA record exclude each other");
            }
            return;
        }
        let table = table.unwrap_or_default();
        table.only(
            &["primary", "mail", "serial", "refresh", "retry", "expire", "minimum", "ttl"],
            "`soa`",
            self.problems,
        );
        let first_server = self.entries.iter().find_map(|entry| match &entry.what {
            What::Record(RecordType::NS, data) if entry.owner == self.origin => Name::from_wire(data),
            _ => None,
        });
        let primary =
            self.soa_name(&table, "primary").or(first_server).unwrap_or_else(|| self.origin.clone());
        let fallback = Name::parse("hostmaster", &self.origin).unwrap_or_else(|_| self.origin.clone());
        let mail = self.soa_name(&table, "mail").unwrap_or(fallback);
        let mut data = [primary.wire(), mail.wire()].concat();
        let serial = table.whole("serial", 0..=u32::MAX, self.problems).unwrap_or(serial);
        data.extend(serial.to_be_bytes());
        for (name, default) in SOA_NUMBERS {
            data.extend(table.seconds(name, self.problems).unwrap_or(default).to_be_bytes());
        }
        let ttl = table.seconds("ttl", self.problems).unwrap_or(self.ttl);
        let what = What::Record(RecordType::SOA, data.into());
        self.entries.push(Entry { line: 0, owner: self.origin.clone(), ttl, what });
    }

    fn soa_name(&mut self, table: &Table<'_>, key: &str) -> Option<Name> {
        let (line, text) = table.text(key, self.problems)?;
        // A mail address is written with its first dot for the @ (RFC 1035 section 3.3.13).
        let text = match text.split_once('@').filter(|_| text.len() > 1) {
            Some((local, domain)) => {
                format!("{}.{}.", local.replace('.', "\\."), domain.trim_end_matches('.'))
            }
            None => text,
        };
        Name::parse(&text, &self.origin).map_err(|wrong| self.problems.push(line, wrong.to_string())).ok()
    }
}

fn what(kind: &str, text: &str, origin: &Name) -> Result<What, String> {
    match kind {
        "ALIAS" => Name::parse(text, origin).map(What::Alias).map_err(|wrong| wrong.to_string()),
        "POOL" => Ok(What::Pool(text.to_owned())),
        _ => {
            let kind = RecordType::parse(kind).ok_or_else(|| format!("there is no type \"{kind}\""))?;
            record(kind, text, origin).map(|data| What::Record(kind, data))
        }
    }
}

/// A record's data. Where it is a text, all of it is the text, in as many pieces as it needs: nobody quotes twice.
fn record(kind: RecordType, text: &str, origin: &Name) -> Result<Box<[u8]>, String> {
    if kind == RecordType::TXT && !text.starts_with('"') {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(255).collect();
        let pieces = if pieces.is_empty() { vec![&b""[..]] } else { pieces };
        let data: Vec<u8> = pieces.iter().flat_map(|piece| [&[piece.len() as u8], *piece].concat()).collect();
        return Ok(data.into());
    }
    let tokens: Vec<Token> = lexer::tokens(text)?;
    rdata::parse(kind, &tokens, origin)
}
