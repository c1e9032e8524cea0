//! What geography knows of a client.

use std::fmt;

/// A code of two letters, upper case: a country (ISO 3166-1) or a continent (AF, AN, AS, EU, NA, OC, SA).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; 2]);

impl Code {
    /// Two ASCII letters, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.0[0] as char, self.0[1] as char)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The continents' codes.
pub const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// A place on earth, in ten-thousandths of a degree (11 m), so that places can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    latitude: i32,
    longitude: i32,
}

impl Point {
    /// Degrees north and east; `None` beyond 90 and 180.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let fits = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        let scaled = |degrees: f64| (degrees * 10_000.0).round() as i32;
        fits.then(|| Self { latitude: scaled(latitude), longitude: scaled(longitude) })
    }

    /// Kilometres between two places on a sphere (the haversine formula).
    pub fn distance_km(self, other: Self) -> f64 {
        let radians = |scaled: i32| (f64::from(scaled) / 10_000.0).to_radians();
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let (north, east) = (to - from, radians(other.longitude) - radians(self.longitude));
        let half = (north / 2.0).sin().powi(2) + from.cos() * to.cos() * (east / 2.0).sin().powi(2);
        2.0 * 6_371.0 * half.sqrt().clamp(0.0, 1.0).asin()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", f64::from(self.latitude) / 10_000.0, f64::from(self.longitude) / 10_000.0)
    }
}

/// What is known of all addresses of a network. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Its country.
    pub country: Option<Code>,
    /// Its continent.
    pub continent: Option<Code>,
    /// Its subdivisions, largest first, as `US-CA` (ISO 3166-2).
    pub regions: Vec<String>,
    /// The autonomous system that announces it.
    pub asn: Option<u32>,
    /// Where it is.
    pub at: Option<Point>,
}

impl Facts {
    /// These facts, and those of `other` where there are none.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.country = self.country.or(other.country);
        self.continent = self.continent.or(other.continent);
        if self.regions.is_empty() {
            self.regions.clone_from(&other.regions);
        }
        self.asn = self.asn.or(other.asn);
        self.at = self.at.or(other.at);
        self
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("country", self.country.map(|code| code.to_string())),
            ("continent", self.continent.map(|code| code.to_string())),
            ("region", (!self.regions.is_empty()).then(|| self.regions.join(" "))),
            ("asn", self.asn.map(|asn| asn.to_string())),
            ("at", self.at.map(|at| at.to_string())),
        ];
        let known: Vec<String> = rows
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name} {value}")))
            .collect();
        if known.is_empty() {
            formatter.write_str("nothing known")
        } else {
            formatter.write_str(&known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let frankfurt = Point::new(50.11, 8.68).unwrap();
        let rows = [
            (frankfurt, 0.0),
            (Point::new(51.51, -0.13).unwrap(), 638.0),
            (Point::new(-33.87, 151.21).unwrap(), 16_494.0),
            (Point::new(-50.11, -171.32).unwrap(), 20_015.0),
        ];
        for (place, expected) in rows {
            let found = frankfurt.distance_km(place);
            assert!((found - expected).abs() <= expected * 0.01, "{place}: {found} and not {expected}");
        }
        assert_eq!(Point::new(91.0, 0.0), None);
        assert_eq!(Point::new(f64::NAN, 0.0), None);
    }

    #[test]
    fn codes_are_two_letters() {
        assert_eq!(Code::parse("de").unwrap().to_string(), "DE");
        for text in ["", "D", "DEU", "D1", "Ä"] {
            assert_eq!(Code::parse(text), None);
        }
    }
}
