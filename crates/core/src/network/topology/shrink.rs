//! How much a new topology drops of the active one (`max_topology_shrink_pct`, telecom contract §4.2).

use super::Topology;

/// What a load would drop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shrink {
    /// Service groups of the active topology.
    pub groups_active: usize,
    /// Those of them whose id the new one lacks.
    pub groups_dropped: usize,
    /// Channels of the active topology.
    pub channels_active: usize,
    /// Those of them whose id the new one lacks.
    pub channels_dropped: usize,
}

impl Shrink {
    /// Compares a new topology with the active one.
    pub fn between(active: &Topology, new: &Topology) -> Self {
        let groups_dropped = active.groups().iter().filter(|group| new.find_group(&group.id).is_none()).count();
        let channels_dropped =
            active.channels().iter().filter(|channel| new.find_channel(&channel.id).is_none()).count();
        Self {
            groups_active: active.groups().len(),
            groups_dropped,
            channels_active: active.channels().len(),
            channels_dropped,
        }
    }

    /// Whether more than `percent` of the groups or of the channels would go: such a load waits for a confirmation.
    pub fn exceeds(&self, percent: u8) -> bool {
        let beyond = |dropped: usize, active: usize| dropped * 100 > active * usize::from(percent);
        beyond(self.groups_dropped, self.groups_active) || beyond(self.channels_dropped, self.channels_active)
    }
}
