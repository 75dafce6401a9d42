//! What a site says about a platform, beside its connector file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings of one platform that is spoken to through a connector file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorSettings {
    /// Longest time that a write request may take (`timeouts.request`).
    pub request_timeout: Duration,
    /// Largest number of requests in flight; `None`: as the file says.
    pub max_in_flight: Option<usize>,
    /// Remote states that count as open; `None`: as the file says.
    pub open_states: Option<Vec<String>>,
    /// jq over a remote ticket, answering a dedupe key or null; `None`: as the file says.
    pub adopt: Option<String>,
    /// Values for `.constants`, put over those of the file.
    pub constants: Map<String, Value>,
    /// Our kinds in the platform's words, where they differ.
    pub kinds: BTreeMap<String, String>,
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(60),
            max_in_flight: None,
            open_states: None,
            adopt: None,
            constants: Map::new(),
            kinds: BTreeMap::new(),
        }
    }
}

/// The base address of a platform given as host, port and path: `host` with or without scheme, an IPv6 address with or
/// without brackets. A port inside `host` wins over `port`.
pub fn base_url(host: &str, port: u16, base_path: &str) -> String {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.trim_end_matches('/');
    let bare_v6 = rest.parse::<std::net::Ipv6Addr>().is_ok();
    let has_port = !bare_v6 && rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = match (bare_v6, has_port) {
        (true, _) => format!("[{rest}]:{port}"),
        (false, true) => rest.to_owned(),
        (false, false) => format!("{rest}:{port}"),
    };
    let path = base_path.trim_matches('/');
    if path.is_empty() { format!("{scheme}://{authority}") } else { format!("{scheme}://{authority}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn host_port_and_path_make_an_address() {
        assert_eq!(base_url("127.0.0.1", 9400, "/sfyc"), "http://127.0.0.1:9400/sfyc");
        assert_eq!(base_url("https://sfyc.example/", 443, ""), "https://sfyc.example:443");
        assert_eq!(base_url("::1", 80, "a/b/"), "http://[::1]:80/a/b");
        assert_eq!(base_url("http://[::1]", 80, ""), "http://[::1]:80");
        assert_eq!(base_url("sfyc.example:8443", 80, ""), "http://sfyc.example:8443");
    }
}
