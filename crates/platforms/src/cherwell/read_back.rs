//! New records, read back before they count (Cherwell contract §7).
