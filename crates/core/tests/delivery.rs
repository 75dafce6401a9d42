//! The lifecycle's state machine in a world under virtual time: every rule a named test, and a sweep over harsh seeds.

#[path = "delivery/remote.rs"]
mod remote;
#[path = "delivery/store.rs"]
mod store;
#[path = "delivery/world.rs"]
mod world;

#[path = "delivery/doubt.rs"]
mod doubt;
#[path = "delivery/lifecycle.rs"]
mod lifecycle;
#[path = "delivery/outcomes.rs"]
mod outcomes;
#[path = "delivery/regressions.rs"]
mod regressions;
#[path = "delivery/restriction.rs"]
mod restriction;
#[path = "delivery/sweep.rs"]
mod sweep;
