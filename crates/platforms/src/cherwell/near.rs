//! Names that are near to one that is missing.
