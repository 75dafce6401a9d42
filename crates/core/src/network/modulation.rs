//! Modulations and how they are recognised (telecom contract §5.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A modulation that has thresholds. The number is the code kept in [`super::Sample::modulation`]; 0 there: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Modulation {
    /// `QPSK`
    #[serde(rename = "QPSK")]
    Qpsk = 1,
    /// `8QAM`
    #[serde(rename = "8QAM")]
    Qam8 = 2,
    /// `16QAM`
    #[serde(rename = "16QAM")]
    Qam16 = 3,
    /// `32QAM`
    #[serde(rename = "32QAM")]
    Qam32 = 4,
    /// `64QAM`; also the one assumed where none is recognised.
    #[serde(rename = "64QAM")]
    Qam64 = 5,
    /// `128QAM`
    #[serde(rename = "128QAM")]
    Qam128 = 6,
    /// `256QAM`
    #[serde(rename = "256QAM")]
    Qam256 = 7,
    /// `OFDMA`
    #[serde(rename = "OFDMA")]
    Ofdma = 8,
    /// `OFDM`
    #[serde(rename = "OFDM")]
    Ofdm = 9,
}

impl Modulation {
    /// All modulations, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Qpsk,
        Self::Qam8,
        Self::Qam16,
        Self::Qam32,
        Self::Qam64,
        Self::Qam128,
        Self::Qam256,
        Self::Ofdma,
        Self::Ofdm,
    ];

    /// The modulation's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qpsk => "QPSK",
            Self::Qam8 => "8QAM",
            Self::Qam16 => "16QAM",
            Self::Qam32 => "32QAM",
            Self::Qam64 => "64QAM",
            Self::Qam128 => "128QAM",
            Self::Qam256 => "256QAM",
            Self::Ofdma => "OFDMA",
            Self::Ofdm => "OFDM",
        }
    }

    /// Upper case, everything but A–Z 0–9 dropped, `QAM64` read as `64QAM`. `None`: not one that has thresholds.
    pub fn recognise(text: &str) -> Option<Self> {
        const LONGEST: usize = 6;
        // As most equipment spells them, without a look at each letter.
        match text {
            "64QAM" => return Some(Self::Qam64),
            "16QAM" => return Some(Self::Qam16),
            "QPSK" => return Some(Self::Qpsk),
            "32QAM" => return Some(Self::Qam32),
            "" => return None,
            _ => {}
        }
        let mut letters = [0_u8; LONGEST];
        let mut length = 0;
        for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
            *letters.get_mut(length)? = byte.to_ascii_uppercase();
            length += 1;
        }
        let name = &letters[..length];
        Self::ALL.into_iter().find(|modulation| {
            let own = modulation.as_str().as_bytes();
            let order = own.strip_suffix(b"QAM");
            own == name || (order.is_some() && name.strip_prefix(b"QAM") == order)
        })
    }

    /// The code kept with a sample: never 0.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Back from the code. `None`: 0, or a code that no version of this program wrote.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

impl fmt::Display for Modulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Modulation;

    #[test]
    fn spellings_are_recognised() {
        for (text, expected) in [
            ("64QAM", Modulation::Qam64),
            ("qam64", Modulation::Qam64),
            ("64-QAM", Modulation::Qam64),
            (" QAM 16 ", Modulation::Qam16),
            ("16_qam", Modulation::Qam16),
            ("qpsk", Modulation::Qpsk),
            ("QAM-256", Modulation::Qam256),
            ("ofdma", Modulation::Ofdma),
        ] {
            assert_eq!(Modulation::recognise(text), Some(expected), "{text}");
        }
        for text in ["", "QAM", "unknown", "512QAM", "64QAMX", "QAM64QAM", "TDMA64QAM", "QAMQPSK"] {
            assert_eq!(Modulation::recognise(text), None, "{text}");
        }
    }

    #[test]
    fn codes_come_back() {
        for modulation in Modulation::ALL {
            assert_eq!(Modulation::from_code(modulation.code()), Some(modulation));
        }
        assert_eq!(Modulation::from_code(0), None);
        assert_eq!(Modulation::from_code(10), None);
    }
}
