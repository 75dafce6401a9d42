//! The network as the topology files tell it: service groups and their channels (telecom contract §4.1, §4.2).
//!
//! Guarantee: every channel of a [`Topology`] belongs to a service group of its direction; both lists are in byte
//! order of their ids, so the order of an index is the order of the ids. Size: about 90 bytes per channel and 400 per
//! service group, so 60 MB for 500,000 channels in 24,000 groups.

mod index;
mod plant;
mod read;
mod service_group;
mod shrink;

pub use plant::{BadTopology, Channel, ChannelIndex, GroupIndex, Topology};
pub use read::{Channels, ServiceGroups};
pub use service_group::{Direction, ServiceGroup};
pub use shrink::Shrink;
