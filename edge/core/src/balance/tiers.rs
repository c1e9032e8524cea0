//! Levels of priority and zones: how the traffic is divided before an algorithm chooses among members.
//!
//! A level takes what its health allows, with some over-provisioning, and the next levels take the rest. When all
//! levels together are too unwell for the traffic, those below the panic threshold stop looking at health: to overload
//! the few that look well would only fail them, too, and a checker that is itself cut off sees everybody down.

use crate::health::panics;
use std::sync::Arc;

/// What happens when too few endpoints are well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panic {
    /// Traffic goes to all of the level, well or not.
    Spread,
    /// Traffic goes to those that are well, and nowhere if there are none.
    Refuse,
}

/// How traffic is divided among levels and zones.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiers {
    /// How much more than its share a level or zone can carry: with 1.4 a level passes on nothing before less than
    /// 1/1.4 = 71 % of it is well.
    pub overprovisioning: f64,
    /// Below this share of well endpoints a level panics, if the levels together cannot carry the traffic.
    pub panic_threshold: f64,
    /// What panic means.
    pub panic: Panic,
    /// The zone of this balancer, which it prefers; `None` for no preference.
    pub zone: Option<Arc<str>>,
    /// Which share of all traffic comes from this zone, if that is known: the local endpoints are then not given more
    /// than their own share of the whole.
    pub zone_traffic: Option<f64>,
}

impl Default for Tiers {
    fn default() -> Self {
        let (overprovisioning, panic_threshold) = (1.4, 0.5);
        Self { overprovisioning, panic_threshold, panic: Panic::Spread, zone: None, zone_traffic: None }
    }
}

/// How well a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Endpoints that are well.
    pub well: usize,
    /// All that do not drain.
    pub all: usize,
}

/// What a level gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Of the traffic, 0 to 1.
    pub of_traffic: f64,
    /// Whether health is ignored in it.
    pub panics: bool,
}

impl Tiers {
    /// Divides the traffic among levels, in order of priority. The shares add up to 1 unless nobody can be picked.
    pub fn levels(&self, levels: &[Level]) -> Vec<Share> {
        let health = |level: &Level| level.well as f64 / level.all.max(1) as f64;
        let capacity = |level: &Level| (health(level) * self.overprovisioning).min(1.0);
        let total: f64 = levels.iter().map(capacity).sum();
        if total >= 1.0 {
            let mut left = 1.0;
            let take = |level: &Level| {
                let of_traffic = capacity(level).min(left);
                left -= of_traffic;
                Share { of_traffic, panics: false }
            };
            return levels.iter().map(take).collect();
        }
        let spread = self.panic == Panic::Spread;
        // With nobody well the first level that has anybody gets all.
        let first = levels.iter().position(|level| level.all > 0);
        let share = |(index, level): (usize, &Level)| {
            let alone = f64::from(u8::from(spread && first == Some(index)));
            let of_traffic = if total > 0.0 { capacity(level) / total } else { alone };
            let panics = spread && of_traffic > 0.0 && panics(level.well, level.all, self.panic_threshold);
            Share { of_traffic, panics }
        };
        levels.iter().enumerate().map(share).collect()
    }

    /// The part of a level's traffic that stays in the local zone, from weights: the well ones and all in the zone,
    /// and the well ones of the level.
    pub fn local(&self, zone_well: f64, zone_all: f64, level_well: f64) -> f64 {
        if zone_well <= 0.0 {
            return 0.0;
        }
        if level_well <= zone_well {
            return 1.0;
        }
        let capacity = (zone_well / zone_all.max(zone_well) * self.overprovisioning).min(1.0);
        match self.zone_traffic {
            Some(traffic) if traffic > 0.0 => capacity.min(zone_well / level_well / traffic),
            _ => capacity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_take_over_as_others_fail() {
        let tiers = Tiers::default();
        let refuse = Tiers { panic: Panic::Refuse, ..Tiers::default() };
        // Levels as (well, all), then shares in percent; negative: panics.
        let rows: &[(&Tiers, &[(usize, usize)], &[i32])] = &[
            (&tiers, &[(10, 10), (10, 10)], &[100, 0]),
            (&tiers, &[(8, 10), (10, 10)], &[100, 0]),
            (&tiers, &[(5, 10), (10, 10)], &[70, 30]),
            (&tiers, &[(0, 10), (10, 10)], &[0, 100]),
            (&tiers, &[(5, 10), (2, 10), (10, 10)], &[70, 28, 2]),
            // Together 56 % of what is needed: those below half of their health panic.
            (&tiers, &[(2, 10), (2, 10)], &[-50, -50]),
            (&tiers, &[(6, 10)], &[100]),
            (&tiers, &[(4, 10)], &[-100]),
            (&tiers, &[(0, 10), (0, 10)], &[-100, 0]),
            (&tiers, &[(0, 0), (0, 3)], &[0, -100]),
            (&refuse, &[(4, 10)], &[100]),
            (&refuse, &[(0, 10)], &[0]),
            (&tiers, &[], &[]),
        ];
        for (tiers, levels, expected) in rows {
            let levels: Vec<Level> = levels.iter().map(|&(well, all)| Level { well, all }).collect();
            let percent = |share: &Share| {
                let percent = (share.of_traffic * 100.0).round() as i32;
                if share.panics { -percent } else { percent }
            };
            let shares: Vec<i32> = tiers.levels(&levels).iter().map(percent).collect();
            assert_eq!(shares, *expected, "{levels:?}");
        }
    }

    #[test]
    fn traffic_leaves_the_zone_when_it_must() {
        let plain = Tiers::default();
        let third = Tiers { zone_traffic: Some(1.0 / 3.0), ..Tiers::default() };
        let most = Tiers { zone_traffic: Some(0.8), ..Tiers::default() };
        for (tiers, zone_well, zone_all, level_well, percent) in [
            (&plain, 4.0, 4.0, 12.0, 100),
            (&plain, 3.0, 4.0, 11.0, 100),
            (&plain, 2.0, 4.0, 10.0, 70),
            (&plain, 0.0, 4.0, 8.0, 0),
            (&plain, 1.0, 4.0, 1.0, 100),
            (&third, 4.0, 4.0, 12.0, 100),
            // 80 % of the traffic comes from here and a third of the endpoints stand here.
            (&most, 4.0, 4.0, 12.0, 42),
        ] {
            let kept = (tiers.local(zone_well, zone_all, level_well) * 100.0).round() as i32;
            assert_eq!(kept, percent, "{tiers:?}: {zone_well} of {zone_all}, {level_well}");
        }
    }
}
