//! Room `engine`.

pub mod offload;
