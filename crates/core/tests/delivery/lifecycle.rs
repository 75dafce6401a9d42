//! The lifecycle without faults: note, create, work order, link.

use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::State;

use crate::world::World;

#[test]
fn a_new_key_gets_a_ticket_a_work_order_and_its_number() {
    let mut world = World::new(1);
    let id = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    assert_eq!(world.state(id), State::Completed);
    assert!(world.row(id).created);
    assert_eq!(world.remote('A').of_key("SNR|1").len(), 1);
    assert_eq!(world.remote('B').work_orders.len(), 1);
    assert_eq!(world.remote('A').count(Operation::AddNote), 0);
}
