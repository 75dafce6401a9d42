//! The `ticketbridge` binary.

fn main() {}
