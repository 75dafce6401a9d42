//! Which service groups a row stands for: `group_by` and roll-ups (telecom contract §6).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::network::settings::GroupBy;
use crate::network::topology::{Direction, GroupIndex, ServiceGroup, Topology};

/// Level of a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollUp {
    /// Per CCAP.
    Ccap,
    /// Per hub.
    Hub,
    /// Per market.
    Market,
    /// Per network.
    Network,
}

impl RollUp {
    /// All levels, from below.
    pub const ALL: [Self; 4] = [Self::Ccap, Self::Hub, Self::Market, Self::Network];

    /// The level's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ccap => "ccap",
            Self::Hub => "hub",
            Self::Market => "market",
            Self::Network => "network",
        }
    }

    fn name_of(self, group: &ServiceGroup) -> Option<&str> {
        match self {
            Self::Ccap => group.ccap.as_deref(),
            Self::Hub => group.hub.as_deref(),
            Self::Market => group.market.as_deref(),
            Self::Network => group.network.as_deref(),
        }
    }
}

impl fmt::Display for RollUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level of a roll-up; the levels are ccap, hub, market and network")]
pub struct UnknownRollUp(pub String);

impl FromStr for RollUp {
    type Err = UnknownRollUp;

    fn from_str(text: &str) -> Result<Self, UnknownRollUp> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| UnknownRollUp(text.to_owned()))
    }
}

/// The rows of a table, in byte order of their ids: `None` for a plain service group, else the id of the union.
pub(super) fn members(
    topology: &Topology,
    direction: Direction,
    group_by: GroupBy,
) -> Vec<(Option<String>, Vec<GroupIndex>)> {
    let groups = of_direction(topology, direction);
    if group_by == GroupBy::UsServiceGroup {
        return groups.map(|(group, _)| (None, vec![group])).collect();
    }
    let mut unions: BTreeMap<String, Vec<GroupIndex>> = BTreeMap::new();
    for (group, about) in groups {
        let mut keys: Vec<String> = match group_by {
            GroupBy::UsServiceGroup => Vec::new(),
            GroupBy::FiberNode => about.fiber_nodes.iter().map(ToString::to_string).collect(),
            GroupBy::UsPort => about
                .port
                .iter()
                .map(|port| about.ccap.as_ref().map_or_else(|| port.to_string(), |ccap| format!("{ccap}/{port}")))
                .collect(),
            GroupBy::Ccap => about.ccap.iter().map(ToString::to_string).collect(),
        };
        if keys.is_empty() {
            // What cannot be grouped stands for itself: nothing is hidden.
            keys.push(about.id.to_string());
        }
        for key in keys {
            unions.entry(key).or_default().push(group);
        }
    }
    unions.into_iter().map(|(key, members)| (Some(key), members)).collect()
}

/// The groups of each name of a level.
pub(super) fn roll_up(topology: &Topology, direction: Direction, level: RollUp) -> BTreeMap<String, Vec<GroupIndex>> {
    let mut unions: BTreeMap<String, Vec<GroupIndex>> = BTreeMap::new();
    for (group, about) in of_direction(topology, direction) {
        if let Some(name) = level.name_of(about) {
            unions.entry(name.to_owned()).or_default().push(group);
        }
    }
    unions
}

fn of_direction(topology: &Topology, direction: Direction) -> impl Iterator<Item = (GroupIndex, &ServiceGroup)> {
    topology
        .groups()
        .iter()
        .enumerate()
        .filter(move |(_, group)| group.direction == direction)
        .map(|(place, group)| (GroupIndex(place as u32), group))
}
