//! Mobile tickets: the commands, the API and the demo's figures, by real processes over the sandbox.

mod api;
mod commands;
mod sample;
mod stage;
