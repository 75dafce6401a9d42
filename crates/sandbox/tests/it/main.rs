//! What the stand-ins promise, tried from outside: the model under a made-up time, and the shell over real sockets.

mod cherwell;
mod control;
mod counters;
mod determinism;
mod faults_in_time;
mod faults_over_http;
mod login;
mod mobile;
mod operator;
mod reading;
mod shell;
mod support;
mod writing;
