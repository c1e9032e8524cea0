//! Who may have a zone whole (AXFR).

use crate::geo::Prefix;
use crate::wire::Name;
use std::net::IpAddr;

/// A permission. Each part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// The zones; empty: all.
    pub zones: Vec<Name>,
    /// From where; empty: from anywhere, which needs a key.
    pub from: Vec<Prefix>,
    /// The TSIG key that the request is signed with.
    pub key: Option<Name>,
}

impl Permission {
    /// Whether it permits anything at all without naming anybody.
    pub fn is_too_wide(&self) -> bool {
        self.from.is_empty() && self.key.is_none()
    }

    fn holds(&self, zone: &Name, client: IpAddr, key: Option<&Name>) -> bool {
        (self.zones.is_empty() || self.zones.contains(zone))
            && (self.from.is_empty() || self.from.iter().any(|prefix| prefix.contains(client)))
            && self.key.as_ref().is_none_or(|wanted| key == Some(wanted))
            && !self.is_too_wide()
    }
}

/// Whether `client`, whose request was signed with `key`, may have `zone`. Nobody may, by default.
pub fn is_allowed(permissions: &[Permission], zone: &Name, client: IpAddr, key: Option<&Name>) -> bool {
    permissions.iter().any(|permission| permission.holds(zone, client, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_permission_must_hold() {
        let name = |text: &str| Name::absolute(text).unwrap();
        let all = [
            Permission {
                zones: vec![name("a.example")],
                from: vec![Prefix::parse("192.0.2.0/24").unwrap()],
                key: None,
            },
            Permission { key: Some(name("k")), ..Permission::default() },
            Permission::default(),
        ];
        let rows = [
            ("a.example", "192.0.2.1", None, true),
            ("a.example", "192.0.3.1", None, false),
            ("b.example", "192.0.2.1", None, false),
            ("b.example", "192.0.3.1", Some("k"), true),
            ("b.example", "192.0.3.1", Some("l"), false),
        ];
        for (zone, client, key, expected) in rows {
            let key = key.map(name);
            assert_eq!(
                is_allowed(&all, &name(zone), client.parse().unwrap(), key.as_ref()),
                expected,
                "{zone} {client}"
            );
        }
    }
}
