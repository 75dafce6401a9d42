//! Notes of a ticket, found again by their marker (Cherwell contract §9).
