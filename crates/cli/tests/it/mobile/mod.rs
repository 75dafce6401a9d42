//! Mobile tickets: the commands, the API, the demo's figures, and bad luck, by real processes over the sandbox.

mod api;
mod commands;
mod faults;
mod sample;
mod stage;
