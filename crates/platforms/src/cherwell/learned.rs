//! What was learned, in lines for people.
