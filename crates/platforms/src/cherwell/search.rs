//! Searches, page by page, that must add up (Cherwell contract §8).
