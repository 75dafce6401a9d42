//! Cherwell, by the lines of the contract's checklist.

mod counting;
mod describing;
mod faults;
mod hostile;
mod manners;
mod over_http;
mod relating;
mod saving;
mod searching;
mod support;
mod token;
