//! Pagination keys: opaque to callers, made to break whoever does not send them back as they came.
//!
//! Guarantee: a key has a letter with its accent as a character of its own, spaces within and at the end, `+`, `/` and `=`,
//! so that trimming, folding, normalising or careless encoding makes it another text, which is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEFORE: &str = "cle\u{301} ";
const AFTER: &str = " +/= ";

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongKey {
    /// No key that was ever given out.
    Malformed,
    /// The key of another organizer.
    Foreign,
}

/// The key of a place in an organizer's stream.
pub(super) fn write(organizer: &str, place: u64) -> String {
    let owner = mix(organizer.bytes());
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&owner.to_be_bytes());
    bytes[8..16].copy_from_slice(&place.to_be_bytes());
    let check = mix(bytes[..16].iter().copied());
    bytes[16..].copy_from_slice(&check.to_be_bytes());
    format!("{BEFORE}{}{AFTER}", STANDARD.encode(bytes))
}

/// The place that a key stands for.
pub(super) fn read(organizer: &str, key: &str) -> Result<u64, WrongKey> {
    let packed = key.strip_prefix(BEFORE).and_then(|key| key.strip_suffix(AFTER)).ok_or(WrongKey::Malformed)?;
    let bytes: [u8; 24] =
        STANDARD.decode(packed).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(WrongKey::Malformed)?;
    let number = |from: usize| bytes[from..from + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if number(16) != mix(bytes[..16].iter().copied()) {
        return Err(WrongKey::Malformed);
    }
    if number(0) == mix(organizer.bytes()) { Ok(number(8)) } else { Err(WrongKey::Foreign) }
}

/// FNV-1a; it only has to tell keys apart, not to keep anybody out.
fn mix(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_place_of_one_organizer() {
        let key = write("DEMO", 42);
        assert_eq!(read("DEMO", &key), Ok(42));
        assert_ne!(write("DEMO", 43), key);
        assert_eq!(read("OTHER", &key), Err(WrongKey::Foreign));
    }

    #[test]
    fn a_changed_key_is_no_key() {
        let key = write("DEMO", 42);
        let composed: String = unicode_normalization::UnicodeNormalization::nfc(key.as_str()).collect();
        for changed in [key.trim(), &key.to_lowercase(), &key.replace('+', " "), &composed, "", "x", &key[1..]] {
            assert_eq!(read("DEMO", changed), Err(WrongKey::Malformed), "{changed:?}");
        }
    }
}
