//! Wallet and box office: the wires of the mobile-ticket job.

use std::sync::Arc;

use http::HeaderName;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use ticketbridge_config::sections::Platform as PlatformConfig;
use ticketbridge_config::sections::platforms::PlatformSettings;
use ticketbridge_core::mobile::MAX_PAGE_BYTES;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::http::{Auth, Capture, ClientSettings, ExchangeObserver, HttpClient, Secret};

use super::Environment;

/// What names the account of a wallet: SHA-256 of address and key. `None`: it is none, or its key cannot be had.
pub(crate) fn account(platform: &PlatformConfig, environment: &Environment) -> Option<[u8; 32]> {
    let PlatformSettings::Tixngo(settings) = &platform.settings else { return None };
    let key = settings.api_key.resolve(environment).ok()?;
    let address = settings.base_url.as_str().trim_end_matches('/');
    Some(Sha256::digest(format!("{address}\n{}", key.expose_secret())).into())
}

/// The secrets of a platform, to be masked.
pub(crate) fn secrets(platform: &PlatformConfig, environment: &Environment) -> Option<Secret> {
    let reference = match &platform.settings {
        PlatformSettings::Tixngo(settings) => &settings.api_key,
        PlatformSettings::S360(settings) => &settings.token,
        _ => return None,
    };
    reference.resolve(environment).ok().map(Secret::from)
}

/// The wire of one platform, or why there is none.
pub(crate) fn load(
    name: &PlatformName,
    platform: &PlatformConfig,
    environment: &Environment,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<HttpClient, String> {
    let secret = |reference: &ticketbridge_config::types::SecretReference| {
        reference.resolve(environment).map(Secret::from).map_err(|error| error.to_string())
    };
    let (base_url, auth, timeouts, max_answer) = match &platform.settings {
        PlatformSettings::Tixngo(settings) => {
            let header = HeaderName::try_from(settings.api_key_header.as_str()).map_err(|_| {
                format!(
                    "`api_key_header`: `{}` is no header name; use letters, digits and hyphens",
                    settings.api_key_header
                )
            })?;
            let auth = Auth::ApiKey { header, key: secret(&settings.api_key)? };
            (&settings.base_url, auth, &settings.timeouts, Some(MAX_PAGE_BYTES))
        }
        PlatformSettings::S360(settings) => {
            let auth = Auth::Bearer { token: secret(&settings.token)? };
            (&settings.base_url, auth, &settings.timeouts, None)
        }
        _ => return Err(format!("platform `{name}` is no wallet and no box office; use type \"tixngo\" or \"s360\"")),
    };
    let mut client = ClientSettings::new(name.as_str(), base_url.as_str());
    client.auth = auth;
    client.bypass_proxy = platform.common.bypass_proxy;
    client.connect_timeout = timeouts.connect.get();
    client.max_answer = max_answer.unwrap_or(client.max_answer);
    client.observer = observer.cloned();
    client.capture = Capture::WithoutPersonalData;
    HttpClient::new(client).map_err(|error| error.to_string())
}
