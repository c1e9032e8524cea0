//! Where an answer is meant to be used: countries, continents, regions, autonomous systems, networks.

use crate::geo::{Code, Facts, Prefix};
use std::net::IpAddr;

/// Where an answer is meant to be used. Empty: anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Countries.
    pub countries: Vec<Code>,
    /// Continents.
    pub continents: Vec<Code>,
    /// Regions, as `US-CA`.
    pub regions: Vec<String>,
    /// Autonomous systems.
    pub asns: Vec<u32>,
    /// Networks.
    pub prefixes: Vec<Prefix>,
}

/// Where a client is: what is known of it, and the smallest network of interest that it is in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What is known of it.
    pub facts: &'a Facts,
    /// A network that the client is in, with all other clients that are meant.
    pub within: Option<Prefix>,
}

impl<'a> Place<'a> {
    /// The place of one address.
    pub fn of(address: IpAddr, facts: &'a Facts) -> Self {
        Self { facts, within: Prefix::new(address, if address.is_ipv4() { 32 } else { 128 }) }
    }
}

/// How exactly an area names a place, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Match {
    /// It names others.
    Elsewhere = 0,
    /// It names none.
    Anywhere = 1,
    /// By continent.
    Continent = 2,
    /// By country.
    Country = 3,
    /// By region.
    Region = 4,
    /// By autonomous system.
    Asn = 5,
    /// By network.
    Network = 6,
}

impl Area {
    /// Whether it names nothing.
    pub fn is_anywhere(&self) -> bool {
        *self == Self::default()
    }

    /// How exactly it names `place`.
    pub fn matches(&self, place: &Place<'_>) -> Match {
        let Place { facts, within } = place;
        let covers = |prefix: &Prefix| {
            within.is_some_and(|within| prefix.length <= within.length && prefix.contains(within.address))
        };
        let rows = [
            (Match::Network, self.prefixes.iter().any(covers)),
            (Match::Asn, facts.asn.is_some_and(|asn| self.asns.contains(&asn))),
            (Match::Region, facts.regions.iter().any(|region| self.regions.contains(region))),
            (Match::Country, facts.country.is_some_and(|country| self.countries.contains(&country))),
            (Match::Continent, facts.continent.is_some_and(|continent| self.continents.contains(&continent))),
        ];
        let found = rows.into_iter().find_map(|(found, holds)| holds.then_some(found));
        found.unwrap_or(if self.is_anywhere() { Match::Anywhere } else { Match::Elsewhere })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_name_counts() {
        let facts = Facts {
            country: Code::parse("US"),
            continent: Code::parse("NA"),
            regions: vec!["US-CA".to_owned()],
            asn: Some(64_500),
            at: None,
        };
        let address: IpAddr = "192.0.2.9".parse().unwrap();
        let place = Place::of(address, &facts);
        let area = |change: fn(&mut Area)| {
            let mut area = Area { countries: vec![Code::parse("DE").unwrap()], ..Area::default() };
            change(&mut area);
            area.matches(&place)
        };
        assert_eq!(Area::default().matches(&place), Match::Anywhere);
        assert_eq!(area(|_| ()), Match::Elsewhere);
        assert_eq!(area(|area| area.continents = vec![Code::parse("NA").unwrap()]), Match::Continent);
        assert_eq!(area(|area| area.countries.push(Code::parse("us").unwrap())), Match::Country);
        assert_eq!(area(|area| area.regions = vec!["US-CA".to_owned()]), Match::Region);
        assert_eq!(area(|area| area.asns = vec![1, 64_500]), Match::Asn);
        assert_eq!(area(|area| area.prefixes = vec![Prefix::parse("192.0.0.0/16").unwrap()]), Match::Network);
        assert_eq!(area(|area| area.prefixes = vec![Prefix::parse("::/0").unwrap()]), Match::Elsewhere);
    }
}
