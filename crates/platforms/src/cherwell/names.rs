//! Configured names become ids; what is missing is gathered.
