//! One service group, with all that enriches a ticket.

use serde::{Deserialize, Serialize};

/// Upstream or downstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// From the homes to the network.
    #[serde(rename = "US")]
    Upstream,
    /// From the network to the homes.
    #[serde(rename = "DS")]
    Downstream,
}

impl Direction {
    /// `US` or `DS`, any case. `None`: anything else.
    pub fn recognise(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("US") {
            Some(Self::Upstream)
        } else if text.eq_ignore_ascii_case("DS") {
            Some(Self::Downstream)
        } else {
            None
        }
    }
}

/// One row of `topology_service_group.csv`. Empty texts are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceGroup {
    /// Unique over both directions; opaque.
    pub id: Box<str>,
    /// Direction of all its channels.
    pub direction: Direction,
    /// Shown name; the id where the file has none.
    pub name: Box<str>,
    /// The CCAP (CMTS) that serves it.
    pub ccap: Option<Box<str>>,
    /// The hub the CCAP stands in.
    pub hub: Option<Box<str>>,
    /// The market of the hub.
    pub market: Option<Box<str>>,
    /// The network of the market.
    pub network: Option<Box<str>>,
    /// Line card of the CCAP.
    pub line_card: Option<Box<str>>,
    /// Port of the line card.
    pub port: Option<Box<str>>,
    /// Optical nodes behind it, without empties and repeats, in the order of the file.
    pub fiber_nodes: Vec<Box<str>>,
    /// Modems that belong to it.
    pub cm_total: Option<u64>,
    /// Street address.
    pub address: Option<Box<str>>,
    /// Degrees north, −90 to 90.
    pub latitude: Option<f64>,
    /// Degrees east, −180 to 180.
    pub longitude: Option<f64>,
}
