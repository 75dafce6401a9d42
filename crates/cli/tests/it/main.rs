//! End to end: the real binary as a process of its own, against a sandbox that outlives it.

mod bridge;
mod cherwell;
mod cli;
mod compare;
mod data;
mod delivery;
#[cfg(unix)]
mod disk;
#[cfg(target_os = "linux")]
mod doctor;
mod explain;
#[cfg(target_os = "linux")]
mod freeze;
mod kill;
mod mistakes;
mod mobile;
#[cfg(target_os = "linux")]
mod packaging;
mod place;
mod plan;
mod recorder;
mod reload;
mod scene;
mod token;
mod traps;
mod upgrade;
mod wire_cuts;
