//! Whether a reader's schema reads what a writer's wrote (specification, "Schema Resolution").

use std::collections::HashMap;

use super::{Enum, Fixed, Named, Primitive, Record, Schema, Type, TypeId};
use crate::schema::difference::{Difference, Differences, Effort};

/// Why `reader` cannot read what `writer` wrote; empty if it can.
pub fn compare(reader: &Schema, writer: &Schema) -> Differences {
    let mut comparison = Comparison { reader, writer, known: HashMap::new(), effort: Effort::default() };
    let found = comparison.types(reader.root(), writer.root(), "");
    found.after(&comparison.effort)
}

struct Comparison<'a> {
    reader: &'a Schema,
    writer: &'a Schema,
    /// Pairs of types that were compared, or are being compared: those are taken as compatible, as recursion asks for.
    known: HashMap<(TypeId, TypeId), Differences>,
    effort: Effort,
}

impl Comparison<'_> {
    fn types(&mut self, reader: TypeId, writer: TypeId, path: &str) -> Differences {
        if let Some(known) = self.known.get(&(reader, writer)) {
            return known.clone();
        }
        if let Err(given_up) = self.effort.enter(1, path) {
            return given_up;
        }
        self.known.insert((reader, writer), Differences::default());
        let found = self.compare(reader, writer, path);
        self.effort.leave();
        self.known.insert((reader, writer), found.clone());
        found
    }

    fn compare(&mut self, reader: TypeId, writer: TypeId, path: &str) -> Differences {
        let (read, written) = (self.reader.get(reader), self.writer.get(writer));
        if let Type::Union(branches) = written {
            let mut found = Differences::default();
            for (index, branch) in branches.iter().enumerate() {
                found.extend(self.types(reader, *branch, &format!("{path}/{index}")));
            }
            return found;
        }
        match (read, written) {
            (Type::Union(branches), _) => {
                if branches.iter().any(|branch| self.types(*branch, writer, path).is_empty()) {
                    return Differences::default();
                }
                let text = format!("the new union has no branch that reads the old {}", described(written));
                Differences::one(Difference::new("MISSING_UNION_BRANCH", or_root(path), text))
            }
            (Type::Array(read), Type::Array(written)) => {
                self.types(*read, *written, &format!("{path}/items"))
            }
            (Type::Map(read), Type::Map(written)) => self.types(*read, *written, &format!("{path}/values")),
            (Type::Record(read), Type::Record(written)) => self.records(read, written, path),
            (Type::Enum(read), Type::Enum(written)) => enums(read, written, path),
            (Type::Fixed(read), Type::Fixed(written)) => fixed(read, written, path),
            (Type::Primitive(read), Type::Primitive(written)) if promotes(*written, *read) => {
                Differences::default()
            }
            _ => mismatch(path, read, written),
        }
    }

    fn records(&mut self, read: &Record, written: &Record, path: &str) -> Differences {
        let mut found = names(&read.named, &written.named, path);
        if !found.is_empty() {
            return found;
        }
        let by_name: HashMap<&str, TypeId> =
            written.fields.iter().map(|field| (field.name.as_str(), field.of)).collect();
        for (index, field) in read.fields.iter().enumerate() {
            let path = format!("{path}/fields/{index}");
            let mut names = std::iter::once(&field.name).chain(&field.aliases);
            match names.find_map(|name| by_name.get(name.as_str())) {
                Some(of) => found.extend(self.types(field.of, *of, &format!("{path}/type"))),
                None if field.default.is_some() => {}
                None => found.push(Difference::new(
                    "READER_FIELD_MISSING_DEFAULT_VALUE",
                    path,
                    format!(
                        "the field \"{}\" of the new record \"{}\" has no default and the old one lacks it",
                        field.name, read.named.full
                    ),
                )),
            }
        }
        found
    }
}

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn described(found: &Type) -> String {
    match found.named() {
        Some(named) => format!("{} \"{}\"", found.word(), named.full),
        None => found.word().to_owned(),
    }
}

fn mismatch(path: &str, read: &Type, written: &Type) -> Differences {
    let text = format!("the new {} does not read the old {}", described(read), described(written));
    Differences::one(Difference::new("TYPE_MISMATCH", or_root(path), text))
}

/// Named types fit when their names without namespaces are equal, or an alias of the reader is the writer's full name.
fn names(read: &Named, written: &Named, path: &str) -> Differences {
    if read.short() == written.short() || read.aliases.contains(&written.full) {
        return Differences::default();
    }
    let text = format!(
        "the new name \"{}\" is neither the old one, \"{}\", nor has it as an alias",
        read.full, written.full
    );
    Differences::one(Difference::new("NAME_MISMATCH", format!("{path}/name"), text))
}

fn enums(read: &Enum, written: &Enum, path: &str) -> Differences {
    let mut found = names(&read.named, &written.named, path);
    if found.is_empty() && read.default.is_none() {
        let missing: Vec<&str> = written
            .symbols
            .iter()
            .filter(|symbol| !read.symbols.contains(symbol))
            .map(String::as_str)
            .take(10)
            .collect();
        if !missing.is_empty() {
            let text = format!(
                "the new enum \"{}\" has no default and lacks symbols: {}",
                read.named.full,
                missing.join(", ")
            );
            found.push(Difference::new("MISSING_ENUM_SYMBOLS", format!("{path}/symbols"), text));
        }
    }
    found
}

fn fixed(read: &Fixed, written: &Fixed, path: &str) -> Differences {
    let mut found = names(&read.named, &written.named, path);
    if found.is_empty() && read.size != written.size {
        let text = format!("the new size is {}, the old {}", read.size, written.size);
        found.push(Difference::new("FIXED_SIZE_MISMATCH", format!("{path}/size"), text));
    }
    found
}

/// Whether a value of the written type can be read as the other one.
const fn promotes(written: Primitive, read: Primitive) -> bool {
    use Primitive::{Boolean, Bytes, Double, Float, Int, Long, Null, String};
    matches!(
        (written, read),
        (Null, Null)
            | (Boolean, Boolean)
            | (Int, Int | Long | Float | Double)
            | (Long, Long | Float | Double)
            | (Float, Float | Double)
            | (Double, Double)
            | (String | Bytes, String | Bytes)
    )
}
