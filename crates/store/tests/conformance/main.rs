//! One suite over every store: what the contract promises, and a random walk that compares all of them step by step.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected is to panic.

mod access;
mod feedback;
mod fixture;
mod intake;
mod journal;
mod lanes;
mod listing;
mod operators;
mod purging;
mod random;
mod sqlite;
mod transactions;
mod workflow;
