//! What is under way on one platform: what has to be over before it may be talked to in another way.

use super::Delivery;
use super::probe::ProbeKind;
use crate::effect::Operation;
use crate::ticket::{OperationSet, OriginId, PlatformName, State};

/// What is under way on one platform, of all rows in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Rows of which it is not clear whether an effect of theirs came about there.
    pub unclear: Vec<OriginId>,
    /// Rows that were matched there, have a ticket there, or may have something there; the unclear ones among them.
    pub begun: Vec<OriginId>,
}

impl Delivery {
    /// Requests to a platform that are on the wire or about to be, and look-ups without an answer yet. A look at the
    /// platform's health does not count: it tells nothing of any row.
    pub fn requests_under_way(&self, platform: &PlatformName) -> usize {
        let batches = self.batches.values().filter(|batch| batch.platform == *platform);
        let batches = batches.filter(|batch| batch.on_wire || batch.counted).count();
        let probes = self.probes.values().filter(|probe| probe.platform == *platform);
        let probes = probes.filter(|probe| !matches!(probe.kind, ProbeKind::Health)).count();
        batches + probes
    }

    /// What is under way on a platform; decides nothing.
    pub fn under_way(&self, platform: &PlatformName) -> UnderWay {
        let mut under_way = UnderWay::default();
        for entry in self.rows.values() {
            let row = &entry.row;
            let orders_here = self.work_order_platform(&row.backend).is_some_and(|name| name == *platform);
            let unclear_order = orders_here && row.sent.contains(Operation::CreateWorkOrder);
            let tickets_here = entry.platform == *platform;
            let mut of_tickets = row.sent;
            of_tickets.remove(Operation::CreateWorkOrder);
            // A link is sent again without a look-up: twice is the same as once, on the same system.
            let linking = of_tickets.contains(Operation::LinkWorkOrder);
            of_tickets.remove(Operation::LinkWorkOrder);
            let unclear_ticket = tickets_here && of_tickets != OperationSet::default();
            if unclear_order || unclear_ticket {
                under_way.unclear.push(row.origin);
            }
            let is_placed = !matches!(row.state, State::Received | State::Matching) || row.ticket.is_some() || linking;
            if unclear_order || unclear_ticket || (tickets_here && is_placed && row.state.is_open()) {
                under_way.begun.push(row.origin);
            }
        }
        under_way
    }
}
