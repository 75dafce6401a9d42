//! What a platform was made of, to tell whether a newer configuration makes another one.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_config::sections::Platform;
use ticketbridge_config::sections::platforms::PlatformSettings;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::connector::read_source;

use super::Environment;

/// Hashes of all that a platform is made of. Kept in memory only: a short secret can be guessed from its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeOf {
    /// Its settings, and whether work orders live there.
    settings: [u8; 32],
    /// The values behind its references.
    secrets: [u8; 32],
    /// The contents of its connector file.
    pub(crate) file: [u8; 32],
}

impl MadeOf {
    /// Of a platform as it would be loaded now.
    pub(crate) fn of(name: &PlatformName, platform: &Platform, config: &Config, environment: &Environment) -> Self {
        let with_work_orders = config.backends.iter().any(|backend| backend.work_orders == *name);
        // Maps with text keys and plain values only: there is nothing that JSON could refuse.
        let settings = serde_json::to_vec(&(platform, with_work_orders)).unwrap_or_default();
        Self {
            settings: Sha256::digest(settings).into(),
            secrets: secrets(platform, environment),
            file: Sha256::digest(connector_file(platform)).into(),
        }
    }
}

/// A hash of the values of all secrets; one that is missing counts as such.
fn secrets(platform: &Platform, environment: &Environment) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (_, reference) in platform.secret_references() {
        match reference.resolve(environment) {
            Ok(value) => hash.update(Sha256::digest(value.expose_secret().as_bytes())),
            Err(_missing) => hash.update([0]),
        }
    }
    hash.finalize().into()
}

/// What stands in the connector file; nothing for one that cannot be read, which loading it says.
pub(crate) fn connector_file(platform: &Platform) -> String {
    let PlatformSettings::Connector(settings) = &platform.settings else { return String::new() };
    read_source(&settings.file.to_string()).unwrap_or_default()
}
