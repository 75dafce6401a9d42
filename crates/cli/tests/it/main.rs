//! End to end: the real binary as a process of its own, against a sandbox that outlives it.

mod bridge;
mod cherwell;
mod cli;
mod compare;
mod data;
mod delivery;
mod kill;
mod mistakes;
mod place;
mod recorder;
mod traps;
