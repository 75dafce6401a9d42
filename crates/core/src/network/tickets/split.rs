//! Which backend takes a key: rendezvous hash (telecom contract §7.6).
//!
//! Guarantee: a backend that comes or goes moves only the keys it takes or had.

use std::cmp::Reverse;

use sha2::{Digest, Sha256};

/// First 8 bytes, big-endian, of SHA-256 over `backend` LF `dedupe_key`.
pub fn backend_score(backend: &str, dedupe_key: &str) -> u64 {
    let digest: [u8; 32] =
        Sha256::new().chain_update(backend).chain_update("\n").chain_update(dedupe_key).finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// The backends for a key, best first: highest score, of equals the smallest name.
pub fn backend_order<'a>(backends: impl IntoIterator<Item = &'a str>, dedupe_key: &str) -> Vec<&'a str> {
    let mut order: Vec<&str> = backends.into_iter().collect();
    order.sort_by_cached_key(|backend| (Reverse(backend_score(backend, dedupe_key)), *backend));
    order
}

#[cfg(test)]
mod tests {
    use super::{backend_order, backend_score};

    #[test]
    fn check_values_of_the_contract() {
        for (key, order, best) in [
            ("SNR|USSG-1041", ["be-2", "be-3", "be-1"], 0xaebd_9e68_99f3_8771),
            ("FALLA_DE_LINEA|USSG-1041", ["be-2", "be-3", "be-1"], 0xab1e_ff85_5090_5a66),
            ("SNR|USSG-1042", ["be-3", "be-1", "be-2"], 0x49a8_be3b_7fd1_eaaf),
            ("FALLA_DE_LINEA|DSSG-0521", ["be-3", "be-1", "be-2"], 0xfab2_9c27_d4e4_ec85),
            ("SNR|USSG-01007", ["be-1", "be-2", "be-3"], 0xdbed_c004_9491_59ea),
        ] {
            for given in [["be-1", "be-2", "be-3"], ["be-3", "be-2", "be-1"]] {
                assert_eq!(backend_order(given, key), order, "{key}");
            }
            assert_eq!(backend_score(order[0], key), best, "{key}");
        }
    }

    #[test]
    fn a_backend_that_leaves_moves_only_its_own_keys() {
        for number in 0..200 {
            let key = format!("SNR|USSG-{number}");
            let all = backend_order(["be-1", "be-2", "be-3"], &key);
            let fewer = backend_order(["be-1", "be-3"], &key);
            assert_eq!(fewer, all.into_iter().filter(|name| *name != "be-2").collect::<Vec<_>>(), "{key}");
        }
    }
}
