//! TIXNGO and S-360 under a made-up time, and over real sockets.

mod box_office;
mod box_office_faults;
mod diff;
mod diff_faults;
mod over_http;
mod play;
mod sample;
mod scale;
mod support;
