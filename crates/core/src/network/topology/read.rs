//! The two topology files to rows (telecom contract §4.1, §4.2).

use std::collections::{BTreeMap, btree_map};
use std::io::{BufRead, Read};

use super::plant::{Channel, GroupIndex};
use super::service_group::{Direction, ServiceGroup};
use crate::network::Modulation;
use crate::network::load::{
    Counters, Decimal, Fields, FileFault, FileKind, Reject, RejectReason, Table, optional_integer, parse_decimal,
};

/// The rows of one load of `topology_service_group.csv`, by id. Several files of one scan are one load: read them into
/// the same value, in byte order of their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceGroups {
    rows: BTreeMap<Box<str>, ServiceGroup>,
}

impl ServiceGroups {
    /// Reads one file. A later row replaces the whole earlier row of the same id. After an error, drop the value.
    pub fn read(&mut self, input: impl Read, rejects: &mut dyn FnMut(Reject)) -> Result<Counters, FileFault> {
        let mut table = Table::new(FileKind::TopologyServiceGroup, input)?;
        let columns = GroupColumns::new(&table)?;
        let decimal = table.decimal();
        let mut counters = Counters::default();
        while let Some((line, fields)) = table.next_row()? {
            match fields.and_then(|fields| columns.service_group(&fields, decimal)) {
                Ok(group) => {
                    counters.take(true);
                    if self.rows.insert(group.id.clone(), group).is_some() {
                        counters.duplicates += 1;
                    }
                }
                Err(reason) => {
                    counters.refuse(reason);
                    rejects(Reject { line, reason });
                }
            }
        }
        Ok(counters)
    }

    /// Number of service groups.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn into_values(self) -> btree_map::IntoValues<Box<str>, ServiceGroup> {
        self.rows.into_values()
    }
}

impl FromIterator<ServiceGroup> for ServiceGroups {
    fn from_iter<I: IntoIterator<Item = ServiceGroup>>(groups: I) -> Self {
        Self { rows: groups.into_iter().map(|group| (group.id.clone(), group)).collect() }
    }
}

/// A channel before it is joined: the id and direction of its group, and the channel without its group's place.
pub(super) type LooseChannel = (Box<str>, Direction, Channel);

/// The rows of one load of `topology_channel.csv`, by id. Several files of one scan are one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    rows: BTreeMap<Box<str>, LooseChannel>,
}

impl Channels {
    /// Reads one file against the complete service-group load. A later row replaces the whole earlier row of the same
    /// id. After an error, drop the value.
    pub fn read(
        &mut self,
        input: impl Read,
        groups: &ServiceGroups,
        rejects: &mut dyn FnMut(Reject),
    ) -> Result<Counters, FileFault> {
        let mut table = Table::new(FileKind::TopologyChannel, input)?;
        let columns = ChannelColumns::new(&table)?;
        let mut counters = Counters::default();
        while let Some((line, fields)) = table.next_row()? {
            match fields.and_then(|fields| columns.channel(&fields, groups)) {
                Ok(loose) => {
                    counters.take(true);
                    if self.rows.insert(loose.2.id.clone(), loose).is_some() {
                        counters.duplicates += 1;
                    }
                }
                Err(reason) => {
                    counters.refuse(reason);
                    rejects(Reject { line, reason });
                }
            }
        }
        Ok(counters)
    }

    /// Number of channels.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn into_values(self) -> btree_map::IntoValues<Box<str>, LooseChannel> {
        self.rows.into_values()
    }
}

impl FromIterator<LooseChannel> for Channels {
    fn from_iter<I: IntoIterator<Item = LooseChannel>>(channels: I) -> Self {
        Self { rows: channels.into_iter().map(|loose| (loose.2.id.clone(), loose)).collect() }
    }
}

struct GroupColumns {
    id: Option<usize>,
    direction: Option<usize>,
    name: Option<usize>,
    ccap: Option<usize>,
    hub: Option<usize>,
    market: Option<usize>,
    network: Option<usize>,
    line_card: Option<usize>,
    port: Option<usize>,
    fiber_node: Option<usize>,
    cm_total: Option<usize>,
    address: Option<usize>,
    latitude: Option<usize>,
    longitude: Option<usize>,
}

impl GroupColumns {
    fn new<B: BufRead>(table: &Table<B>) -> Result<Self, FileFault> {
        Ok(Self {
            id: table.required("service_group_id")?,
            direction: table.required("direction")?,
            name: table.required("service_group_name")?,
            ccap: table.required("ccap")?,
            hub: table.required("hub")?,
            market: table.required("market")?,
            network: table.required("network")?,
            line_card: table.optional("line_card"),
            port: table.optional("port"),
            fiber_node: table.optional("fiber_node"),
            cm_total: table.optional("cm_total"),
            address: table.optional("address"),
            latitude: table.optional("latitude"),
            longitude: table.optional("longitude"),
        })
    }

    fn service_group(&self, fields: &Fields<'_>, decimal: Decimal) -> Result<ServiceGroup, RejectReason> {
        let id = fields.get(self.id);
        if id.is_empty() {
            return Err(RejectReason::MissingId);
        }
        let direction = Direction::recognise(fields.get(self.direction)).ok_or(RejectReason::BadDirection)?;
        let text = |column| {
            let text = fields.get(column);
            (!text.is_empty()).then(|| Box::from(text))
        };
        let mut fiber_nodes: Vec<Box<str>> = Vec::new();
        for node in fields.get(self.fiber_node).split('|') {
            let node = node.trim_matches([' ', '\t', '\r', '\n']);
            if !node.is_empty() && !fiber_nodes.iter().any(|known| **known == *node) {
                fiber_nodes.push(node.into());
            }
        }
        Ok(ServiceGroup {
            id: id.into(),
            direction,
            name: text(self.name).unwrap_or_else(|| id.into()),
            ccap: text(self.ccap),
            hub: text(self.hub),
            market: text(self.market),
            network: text(self.network),
            line_card: text(self.line_card),
            port: text(self.port),
            fiber_nodes,
            cm_total: optional_integer(fields.get(self.cm_total)),
            address: text(self.address),
            latitude: degrees(fields.get(self.latitude), 90.0, decimal),
            longitude: degrees(fields.get(self.longitude), 180.0, decimal),
        })
    }
}

/// Degrees between −`limit` and `limit`, at the precision of the file.
fn degrees(text: &str, limit: f64, decimal: Decimal) -> Option<f64> {
    parse_decimal(text, 0, decimal)?;
    let value: f64 = text.replace(',', ".").parse().ok()?;
    (-limit..=limit).contains(&value).then_some(value)
}

struct ChannelColumns {
    id: Option<usize>,
    direction: Option<usize>,
    group: Option<usize>,
    frequency_hz: Option<usize>,
    modulation: Option<usize>,
}

impl ChannelColumns {
    fn new<B: BufRead>(table: &Table<B>) -> Result<Self, FileFault> {
        let columns = Self {
            id: table.required("channel_id")?,
            direction: table.required("direction")?,
            group: table.required("service_group_id")?,
            frequency_hz: table.optional("frequency_hz"),
            modulation: table.optional("modulation"),
        };
        // Part of the contract of the file, though the group's CCAP is the one that counts.
        table.required("ccap")?;
        Ok(columns)
    }

    fn channel(&self, fields: &Fields<'_>, groups: &ServiceGroups) -> Result<LooseChannel, RejectReason> {
        let id = fields.get(self.id);
        if id.is_empty() {
            return Err(RejectReason::MissingId);
        }
        let direction = Direction::recognise(fields.get(self.direction)).ok_or(RejectReason::BadDirection)?;
        let group = groups.rows.get(fields.get(self.group)).ok_or(RejectReason::Orphan)?;
        if group.direction != direction {
            return Err(RejectReason::DirectionMismatch);
        }
        let channel = Channel {
            id: id.into(),
            group: GroupIndex(0),
            frequency_hz: optional_integer(fields.get(self.frequency_hz)),
            modulation: Modulation::recognise(fields.get(self.modulation)),
        };
        Ok((group.id.clone(), direction, channel))
    }
}
