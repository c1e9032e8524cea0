//! Which family a case belongs to and whether it is in scope, from the table in `conformance/keyspace/families.json`.

use super::cases::Case;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::HashMap;

/// The table, by command.
pub(super) struct Families {
    by_command: HashMap<String, (String, bool)>,
}

/// Where a case stands in the report.
pub(super) struct Place {
    pub(super) family: String,
    pub(super) in_scope: bool,
}

impl Families {
    pub(super) fn load() -> Result<Self> {
        let path = crate::process::repository().join("conformance/keyspace/families.json");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not understood", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Value = serde_json::from_str(text)?;
        let mut by_command = HashMap::new();
        for family in table["families"].as_array().context("no list `families`")? {
            let name = family["name"].as_str().context("a family without a name")?;
            let in_scope = family["in_scope"].as_bool().with_context(|| format!("{name}: no `in_scope`"))?;
            let commands = family["commands"].as_str().with_context(|| format!("{name}: no `commands`"))?;
            for command in commands.split_whitespace() {
                by_command.insert(command.to_owned(), (name.to_owned(), in_scope));
            }
        }
        Ok(Self { by_command })
    }

    pub(super) fn place(&self, case: &Case) -> Result<Place> {
        let (family, mut in_scope) = self.find(&case.subject())?.clone();
        for command in case.commands() {
            in_scope &= self.find(&command)?.1;
        }
        Ok(Place { family, in_scope })
    }

    fn find(&self, command: &str) -> Result<&(String, bool)> {
        self.by_command
            .get(command)
            .with_context(|| format!("command {command:?} has no family in families.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, commands: &[&str]) -> Case {
        let steps = commands.iter().map(|&command| (command.to_owned(), Value::Null)).collect();
        Case { name: name.into(), steps, binary: false, any_order: false }
    }

    #[test]
    fn a_case_is_in_scope_when_all_its_commands_are() {
        let families = Families::load().unwrap();
        let rows = [
            ("get command", &["set k v", "GET k"][..], "strings", true),
            ("scan with TYPE", &["geoadd g 0 0 v", "scan 0"], "scans", false),
            ("xlen command", &["xlen s"], "streams", false),
        ];
        for (name, commands, family, in_scope) in rows {
            let place = families.place(&case(name, commands)).unwrap();
            assert_eq!((place.family.as_str(), place.in_scope), (family, in_scope), "{name}");
        }
        assert!(families.place(&case("nosuch command", &["nosuch"])).is_err());
    }
}
