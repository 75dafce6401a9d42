//! The connector file that ships for SFyC, against its contract.

mod common;

use common::{answer, item, items, loaded};
use ticketbridge_core::effect::{CallClass, Operation, Outcome};
use ticketbridge_platforms::Platform;

#[test]
fn the_built_in_file_loads_and_supports_everything() {
    let sfyc = loaded();
    assert!(Operation::ALL.into_iter().all(|operation| sfyc.supports(operation)));
    let capabilities = sfyc.capabilities();
    assert_eq!((capabilities.max_batch, capabilities.max_in_flight, capabilities.max_keys), (500, 32, 200));
    assert!(capabilities.finds_tickets && capabilities.finds_notes && capabilities.finds_work_orders);
    assert!(capabilities.has_health_read);
}
