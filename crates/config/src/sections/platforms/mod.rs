//! `[platforms.NAME]`: the remote systems. Each has the settings of its type and those that all have.

mod cherwell;
mod common;
mod connector;
mod s360;
mod tixngo;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use cherwell::{
    AuthMode, CherwellFields, CherwellNote, CherwellSettings, CherwellTicket, CherwellTimeouts, CherwellWorkOrder,
    NoteFields, NoteWay, PageMode, ParentType, WorkOrderFields, WorkOrderWay,
};
pub use common::{Common, OnUnresolved, Retry, Timeouts};
pub use connector::{Auth, ConnectorFile, ConnectorSettings, ConnectorTicket};
pub use s360::S360Settings;
pub use tixngo::TixngoSettings;

/// One platform.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
pub struct Platform {
    /// Settings of its type.
    #[serde(flatten)]
    pub settings: PlatformSettings,
    /// Settings that every platform has.
    #[serde(flatten)]
    pub common: Common,
}

/// Settings by type.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlatformSettings {
    /// A REST platform described by a connector file.
    Connector(Box<ConnectorSettings>),
    /// Cherwell Service Management.
    Cherwell(Box<CherwellSettings>),
    /// TIXNGO, read only.
    Tixngo(Box<TixngoSettings>),
    /// S-360 box office.
    S360(Box<S360Settings>),
}

/// The types of platforms. The parser knows all of them; whether this version carries one is the engine's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformKind {
    /// `type = "connector"`
    Connector,
    /// `type = "cherwell"`
    Cherwell,
    /// `type = "tixngo"`
    Tixngo,
    /// `type = "s360"`
    S360,
}

impl PlatformKind {
    /// All types.
    pub const ALL: [Self; 4] = [Self::Connector, Self::Cherwell, Self::Tixngo, Self::S360];

    /// The word behind `type =`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Cherwell => "cherwell",
            Self::Tixngo => "tixngo",
            Self::S360 => "s360",
        }
    }

    /// Whether trouble tickets and work orders can live there.
    pub const fn carries_tickets(self) -> bool {
        matches!(self, Self::Connector | Self::Cherwell)
    }
}

impl Platform {
    /// Its type.
    pub const fn kind(&self) -> PlatformKind {
        match self.settings {
            PlatformSettings::Connector(_) => PlatformKind::Connector,
            PlatformSettings::Cherwell(_) => PlatformKind::Cherwell,
            PlatformSettings::Tixngo(_) => PlatformKind::Tixngo,
            PlatformSettings::S360(_) => PlatformKind::S360,
        }
    }

    /// Most requests in flight; connectors 32, Cherwell 4, S-360 8, TIXNGO always 1.
    pub fn max_in_flight(&self) -> u32 {
        match &self.settings {
            PlatformSettings::Connector(settings) => settings.max_in_flight,
            PlatformSettings::Cherwell(settings) => settings.max_in_flight,
            PlatformSettings::S360(settings) => settings.max_in_flight,
            PlatformSettings::Tixngo(_) => 1,
        }
    }
}
