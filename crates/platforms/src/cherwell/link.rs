//! The relationship between a ticket and its work order (Cherwell contract §9, §10).
