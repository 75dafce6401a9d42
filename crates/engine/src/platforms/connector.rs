//! Platforms that are described by a connector file.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use ticketbridge_config::sections::Platform as PlatformConfig;
use ticketbridge_config::sections::platforms::{Auth as AuthConfig, ConnectorSettings as ConnectorConfig};
use ticketbridge_config::types::SecretReference;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::http::{
    Auth, ClientSettings, ExchangeObserver, Grant, HttpClient, OAuth2, Secret, usual_refusals,
};

use super::{Environment, PlatformHandle};

/// Loads one.
pub(super) fn load(
    name: &PlatformName,
    platform: &PlatformConfig,
    settings: &ConnectorConfig,
    environment: &Environment,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<PlatformHandle, String> {
    let request = settings.timeouts.request.get();
    let of_connector = ConnectorSettings {
        request_timeout: request,
        max_in_flight: Some(settings.max_in_flight as usize),
        open_states: (!settings.ticket.open_states.is_empty()).then(|| settings.ticket.open_states.clone()),
        adopt: settings.ticket.adopt.clone(),
        constants: settings.ticket.constants.clone().into_iter().collect(),
        kinds: settings.ticket.kinds.clone(),
    };
    let loaded =
        Connector::load(&settings.file.to_string(), &of_connector).map_err(|error| format!("TB0204: {error}"))?;
    let mut of_client = ClientSettings::new(name.as_str(), &settings.base_url());
    of_client.auth = auth(settings, environment)?;
    of_client.bypass_proxy = platform.common.bypass_proxy;
    of_client.connect_timeout = settings.timeouts.connect.get();
    of_client.observer = observer.cloned();
    let client = HttpClient::new(of_client).map_err(|error| error.to_string())?;
    Ok(PlatformHandle::new(Arc::new(loaded), client, request, request))
}

fn auth(settings: &ConnectorConfig, environment: &Environment) -> Result<Auth, String> {
    let secret = |reference: &Option<SecretReference>, key: &str| -> Result<Secret, String> {
        let Some(reference) = reference else {
            return Err(format!("TB0002: `{key}` is missing; write `{key} = \"env:NAME\"` or \"file:PATH\""));
        };
        let value = reference.resolve(environment).map_err(|error| error.to_string())?;
        Ok(Secret::from(value))
    };
    let text = |value: &Option<String>, key: &str| -> Result<String, String> {
        value.clone().ok_or_else(|| format!("`{key}` is missing for this kind of `auth`"))
    };
    let oauth = |grant: Grant| -> Result<Auth, String> {
        Ok(Auth::OAuth2(OAuth2 {
            token_url: text(&settings.token_url, "token_url")?,
            grant,
            client_id: text(&settings.client_id, "client_id")?,
            client_secret: match &settings.client_secret {
                Some(_) => Some(secret(&settings.client_secret, "client_secret")?),
                None => None,
            },
            client_in_header: false,
            scope: settings.scope.clone(),
            parameters: BTreeMap::new(),
            refusals: usual_refusals,
        }))
    };
    Ok(match settings.auth {
        AuthConfig::None => Auth::None,
        AuthConfig::Basic => Auth::Basic {
            username: text(&settings.username, "username")?,
            password: secret(&settings.password, "password")?,
        },
        AuthConfig::Bearer => Auth::Bearer { token: secret(&settings.token, "token")? },
        AuthConfig::ApiKey => {
            let name = settings.api_key_header.as_deref().unwrap_or("X-API-Key");
            let header = HeaderName::try_from(name).map_err(|_| {
                format!("`api_key_header`: `{name}` is no header name; use letters, digits and hyphens")
            })?;
            Auth::ApiKey { header, key: secret(&settings.api_key, "api_key")? }
        }
        AuthConfig::Oauth2ClientCredentials => oauth(Grant::ClientCredentials)?,
        AuthConfig::Oauth2Password => oauth(Grant::Password {
            username: text(&settings.username, "username")?,
            password: secret(&settings.password, "password")?,
        })?,
    })
}
