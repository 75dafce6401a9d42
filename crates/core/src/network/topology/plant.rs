//! The joined topology: what every sample and every evaluation is read against.

use std::io;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::index::Index;
use super::read::{Channels, ServiceGroups};
use super::service_group::{Direction, ServiceGroup};
use crate::network::Modulation;

/// A channel's place in a topology. Channels are in byte order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelIndex(pub u32);

/// A service group's place in a topology. Groups are in byte order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupIndex(pub u32);

/// One row of `topology_channel.csv`, joined with its service group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Unique in the network; opaque.
    pub id: Box<str>,
    /// The service group it belongs to.
    pub group: GroupIndex,
    /// Centre frequency. 0: out of service; `None`: not told, in service.
    pub frequency_hz: Option<u64>,
    /// Modulation, where it is told and recognised.
    pub modulation: Option<Modulation>,
}

impl Channel {
    /// All samples of such a channel are no data (telecom contract §4.2).
    pub fn is_out_of_service(&self) -> bool {
        self.frequency_hz == Some(0)
    }
}

/// Service groups and channels, joined. Equal topologies are equal values with equal [`Topology::fingerprint`]s.
///
/// (De)serialises as its two lists, so that the store can keep it as one blob; a damaged blob is an error, not a panic.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Lists")]
pub struct Topology {
    groups: Vec<ServiceGroup>,
    channels: Vec<Channel>,
    /// Channels of group `g`: `members[starts[g]..starts[g + 1]]`, in byte order of their ids.
    starts: Vec<u32>,
    members: Vec<ChannelIndex>,
    index: Index,
}

#[derive(Deserialize)]
struct Lists {
    service_groups: Vec<ServiceGroup>,
    channels: Vec<Channel>,
}

/// [`Lists`] to be written: at the design limit a copy would take 100 MB.
#[derive(Serialize)]
struct ListsToWrite<'a> {
    service_groups: &'a [ServiceGroup],
    channels: &'a [Channel],
}

/// A stored topology that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored topology is damaged: {0}; load both topology files again")]
pub struct BadTopology(&'static str);

impl Topology {
    /// Joins the channels with the groups. A channel whose group is not there, or is of the other direction, is left
    /// out: that happens only if one list is new and the other is the active one (telecom contract §4.2).
    ///
    /// Also answers how many channels were left out.
    pub fn join(groups: ServiceGroups, channels: Channels) -> (Self, usize) {
        let groups: Vec<ServiceGroup> = groups.into_values().collect();
        let total = channels.len();
        let channels: Vec<Channel> = channels
            .into_values()
            .filter_map(|(group, direction, channel)| {
                let place = groups.binary_search_by(|known| known.id.as_bytes().cmp(group.as_bytes())).ok()?;
                let is_joined = groups[place].direction == direction;
                is_joined.then_some(Channel { group: GroupIndex(place as u32), ..channel })
            })
            .collect();
        let left_out = total - channels.len();
        (Self::assemble(groups, channels), left_out)
    }

    /// Both lists must be sorted and consistent.
    fn assemble(groups: Vec<ServiceGroup>, channels: Vec<Channel>) -> Self {
        let mut starts = vec![0_u32; groups.len() + 1];
        for channel in &channels {
            starts[channel.group.0 as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut members = vec![ChannelIndex(0); channels.len()];
        for (place, channel) in channels.iter().enumerate() {
            let slot = &mut next[channel.group.0 as usize];
            members[*slot as usize] = ChannelIndex(place as u32);
            *slot += 1;
        }
        let index = Index::new(channels.iter().map(|channel| &*channel.id));
        Self { groups, channels, starts, members, index }
    }

    /// All service groups, in byte order of their ids.
    pub fn groups(&self) -> &[ServiceGroup] {
        &self.groups
    }

    /// All channels, in byte order of their ids.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// One service group. Panics if `index` is from another, larger topology.
    pub fn group(&self, index: GroupIndex) -> &ServiceGroup {
        &self.groups[index.0 as usize]
    }

    /// One channel. Panics if `index` is from another, larger topology.
    pub fn channel(&self, index: ChannelIndex) -> &Channel {
        &self.channels[index.0 as usize]
    }

    /// The channels of a service group, in byte order of their ids.
    pub fn channels_of(&self, group: GroupIndex) -> &[ChannelIndex] {
        let place = group.0 as usize;
        &self.members[self.starts[place] as usize..self.starts[place + 1] as usize]
    }

    /// The channel with exactly this id.
    pub fn find_channel(&self, id: &str) -> Option<ChannelIndex> {
        self.index.find(id, |place| &*self.channels[place].id == id).map(ChannelIndex)
    }

    /// The service group with exactly this id.
    pub fn find_group(&self, id: &str) -> Option<GroupIndex> {
        let place = self.groups.binary_search_by(|group| group.id.as_bytes().cmp(id.as_bytes())).ok()?;
        Some(GroupIndex(place as u32))
    }

    /// Direction of a channel: that of its service group.
    pub fn direction_of(&self, channel: ChannelIndex) -> Direction {
        self.group(self.channel(channel).group).direction
    }

    /// The service groups alone, to join them with newly loaded channels.
    pub fn to_service_groups(&self) -> ServiceGroups {
        self.groups.iter().cloned().collect()
    }

    /// The channels alone, to join them with newly loaded service groups.
    pub fn to_channels(&self) -> Channels {
        let entry = |channel: &Channel| {
            let group = self.group(channel.group);
            (group.id.clone(), group.direction, channel.clone())
        };
        self.channels.iter().map(entry).collect()
    }

    /// SHA-256 over everything it holds: equal topologies have equal ones, so an equal load can be skipped.
    pub fn fingerprint(&self) -> [u8; 32] {
        struct Sink(Sha256);
        impl io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink(Sha256::new());
        // Neither the sink nor these types can fail to serialise.
        let written = serde_json::to_writer(&mut sink, &(&self.groups, &self.channels));
        debug_assert!(written.is_ok(), "a topology always serialises");
        sink.0.finalize().into()
    }
}

impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        self.groups == other.groups && self.channels == other.channels
    }
}

impl Serialize for Topology {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ListsToWrite { service_groups: &self.groups, channels: &self.channels }.serialize(serializer)
    }
}

impl TryFrom<Lists> for Topology {
    type Error = BadTopology;

    fn try_from(lists: Lists) -> Result<Self, BadTopology> {
        let Lists { service_groups, channels } = lists;
        if !service_groups.is_sorted_by(|a, b| a.id.as_bytes() < b.id.as_bytes()) {
            return Err(BadTopology("its service groups are not in order"));
        }
        if !channels.is_sorted_by(|a, b| a.id.as_bytes() < b.id.as_bytes()) {
            return Err(BadTopology("its channels are not in order"));
        }
        if channels.iter().any(|channel| channel.group.0 as usize >= service_groups.len()) {
            return Err(BadTopology("a channel's service group is missing"));
        }
        Ok(Self::assemble(service_groups, channels))
    }
}
