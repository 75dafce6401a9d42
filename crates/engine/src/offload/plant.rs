//! The active topology with the ordinals of its channels, kept until another becomes active.

use std::sync::{Arc, Mutex, PoisonError};

use ticketbridge_core::network::ChannelOrdinal;
use ticketbridge_core::network::topology::{ChannelIndex, GroupIndex, Topology};
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{SampleStore, StoredTopology, TopologyState, TopologyVersion};

/// The network as it is now.
#[derive(Debug)]
pub struct Plant {
    /// Which topology this is.
    pub version: TopologyVersion,
    /// Service groups and channels.
    pub topology: Topology,
    ordinals: Vec<ChannelOrdinal>,
}

impl Plant {
    /// The channel's place in the sample store.
    pub fn ordinal(&self, channel: ChannelIndex) -> ChannelOrdinal {
        self.ordinals[channel.0 as usize]
    }

    /// All ordinals, in the order of the topology's channels.
    pub fn ordinals(&self) -> &[ChannelOrdinal] {
        &self.ordinals
    }
}

/// The plant that was used last. At the design limit reading one anew takes about two seconds.
#[derive(Debug, Default)]
pub struct PlantCache(Mutex<Option<Arc<Plant>>>);

impl PlantCache {
    /// The active plant; `None`: no topology was loaded yet. Blocks.
    pub fn active(&self, store: &SampleStore) -> Result<Option<Arc<Plant>>, StoreError> {
        let Some(version) = store.topology_version(TopologyState::Active)? else {
            return Ok(None);
        };
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plant) = cached.as_ref().filter(|plant| plant.version == version) {
            return Ok(Some(Arc::clone(plant)));
        }
        // Another version may have become active since the look above; what counts is what is read now.
        let Some(stored) = store.topology(TopologyState::Active)? else {
            return Ok(None);
        };
        let topology = parse(&stored)?;
        let ordinals = ordinals(store, &topology)?;
        let plant = Arc::new(Plant { version: stored.version, topology, ordinals });
        *cached = Some(Arc::clone(&plant));
        Ok(Some(plant))
    }
}

/// Ordinals are given group by group, so that a reader that walks over them has one group after the other in hand.
fn ordinals(store: &SampleStore, topology: &Topology) -> Result<Vec<ChannelOrdinal>, StoreError> {
    let order: Vec<ChannelIndex> = (0..topology.groups().len())
        .flat_map(|group| topology.channels_of(GroupIndex(group as u32)).iter().copied())
        .collect();
    let given = store.ordinals(order.iter().map(|channel| &*topology.channel(*channel).id))?;
    let mut ordinals = vec![ChannelOrdinal(0); topology.channels().len()];
    for (channel, ordinal) in order.iter().zip(given) {
        ordinals[channel.0 as usize] = ordinal;
    }
    Ok(ordinals)
}

/// A stored topology as a value.
pub(super) fn parse(stored: &StoredTopology) -> Result<Topology, StoreError> {
    serde_json::from_slice(&stored.body).map_err(|error| {
        StoreError::Refused(format!(
            "topology {} in the sample store can't be read: {error}; load both topology files again",
            stored.version.0
        ))
    })
}
