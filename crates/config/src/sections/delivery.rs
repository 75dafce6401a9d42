//! `[delivery]`: how tickets are carried to their platforms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Span;

/// `[delivery]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// How long a retrieval of open tickets counts; on an older one no ticket is created, it is made again first.
    pub match_ttl: Span,
    /// Count outages of a platform as attempts of its tickets: the literal counting of the original.
    pub charge_outages: bool,
    /// Kinds whose open tickets are always retrieved; the kinds of waiting tickets are added.
    pub kinds: Vec<String>,
    /// Text of a note: `{description}`, `{incidents}`, `{as_of}`, `{kind}` and `{severity}` are replaced; the marker
    /// `[ref:ORIGIN ID]` is always put at its end.
    pub note_template: String,
}

impl Delivery {
    /// What stands between braces in `note_template`.
    pub(crate) const NOTE_PLACEHOLDERS: [&str; 5] = ["as_of", "description", "incidents", "kind", "severity"];
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            match_ttl: Span::seconds(60),
            charge_outages: false,
            kinds: vec![String::from("Falla de Linea"), String::from("SNR")],
            note_template: String::from("{description}\n{incidents}\n{as_of}"),
        }
    }
}
