//! Where a platform is found.

use std::fmt;
use std::str::FromStr;

use super::written_as_text;

/// The address of a web service, `http://host[:port][/path]` or `https://…`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebAddress(String);

/// An IP address or host name, with or without `http://` or `https://` before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostAddress {
    secure: bool,
    written_scheme: bool,
    host: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `http://` or `https://` and a host.
    #[error("`{0}` is no address; write for instance \"https://tickets.example.org/CherwellAPI\"")]
    NoWebAddress(String),
    /// A user or password before the host. The text is not repeated: it holds a secret.
    #[error("an address must not carry a user or a password; use the settings made for them")]
    Credentials,
    /// A `?` or `#`.
    #[error("`{0}` has a `?` or `#`; write the address only up to the path")]
    Query(String),
    /// No host name.
    #[error(
        "`{0}` is no host; write an IP address or host name, for instance \"10.0.0.5\" or \"https://sfyc.example.org\""
    )]
    NoHost(String),
    /// A port inside the host.
    #[error("the host `{0}` carries a port; write the port under `port`")]
    PortInHost(String),
    /// A path inside the host.
    #[error("the host `{0}` carries a path; write the path under `base_path`")]
    PathInHost(String),
}

/// Whether a text is a host name or an IP address, with brackets around one of version 6.
pub(super) fn is_host(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(inside) = bracketed {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.len() <= 253
        && !text.starts_with(['-', '.'])
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_'))
}

impl WebAddress {
    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both lead to the same place: host names know no case, and a port that is left out is the usual one.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }

    /// Scheme, host in lower case, port, path.
    fn parts(&self) -> (&str, String, &str, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let usual = if scheme == "https" { "443" } else { "80" };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.trim_start_matches('0')),
            _ => (authority, usual),
        };
        (scheme, host.to_ascii_lowercase(), port, path)
    }
}

impl FromStr for WebAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let bad = || AddressError::NoWebAddress(text.to_owned());
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| if text.contains('@') { AddressError::Credentials } else { bad() })?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        if !matches!(scheme, "http" | "https")
            || text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
        {
            return Err(bad());
        }
        if text.contains(['?', '#']) {
            return Err(AddressError::Query(text.to_owned()));
        }
        let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = port_at.map_or((authority, None), |at| (&authority[..at], Some(&authority[at + 1..])));
        if !is_host(host) || port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
            return Err(bad());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostAddress {
    /// `http://host:port`. Without a port: 443 if the host was written with `https://`, else 80.
    pub fn origin(&self, port: Option<u16>) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let port = port.unwrap_or(if self.secure { 443 } else { 80 });
        format!("{scheme}://{}:{port}", self.host)
    }
}

impl FromStr for HostAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains('@') {
            return Err(AddressError::Credentials);
        }
        let (secure, written_scheme, host) = match text.split_once("://") {
            Some(("http", host)) => (false, true, host),
            Some(("https", host)) => (true, true, host),
            Some(_) => return Err(AddressError::NoHost(text.to_owned())),
            None => (false, false, text),
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.parse::<std::net::Ipv6Addr>().is_ok() {
            return Ok(Self { secure, written_scheme, host: format!("[{host}]") });
        }
        if host.contains(['/', '?', '#']) {
            return Err(AddressError::PathInHost(text.to_owned()));
        }
        if is_host(host) {
            return Ok(Self { secure, written_scheme, host: host.to_owned() });
        }
        match host.rsplit_once(':') {
            Some((name, port)) if is_host(name) && port.parse::<u16>().is_ok() => {
                Err(AddressError::PortInHost(text.to_owned()))
            }
            _ => Err(AddressError::NoHost(text.to_owned())),
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.written_scheme, self.secure) {
            (false, _) => f.write_str(&self.host),
            (true, false) => write!(f, "http://{}", self.host),
            (true, true) => write!(f, "https://{}", self.host),
        }
    }
}

written_as_text!(WebAddress, "WebAddress", "an address such as \"https://tickets.example.org/api\"", "^https?://.+$");
written_as_text!(HostAddress, "HostAddress", "an IP address or host name, with or without http:// or https://", ".+");

#[cfg(test)]
mod tests {
    use super::{AddressError, HostAddress, WebAddress};

    fn origin(text: &str, port: Option<u16>) -> String {
        text.parse::<HostAddress>().map_or_else(|error| error.to_string(), |host| host.origin(port))
    }

    #[test]
    fn hosts_with_and_without_scheme() {
        assert_eq!(origin("127.0.0.1", Some(9400)), "http://127.0.0.1:9400");
        assert_eq!(origin("sfyc.example.org", None), "http://sfyc.example.org:80");
        assert_eq!(origin("https://sfyc.example.org/", None), "https://sfyc.example.org:443");
        assert_eq!(origin("::1", Some(1)), "http://[::1]:1");
        assert!(origin("sfyc:9400", None).contains("write the port under `port`"));
        assert!(origin("http://sfyc/api", None).contains("write the path under `base_path`"));
        assert!(origin("", None).contains("is no host"));
        assert!(origin("ftp://x", None).contains("is no host"));
    }

    #[test]
    fn web_addresses_carry_no_credentials_and_no_query() {
        let read = |text: &str| text.parse::<WebAddress>();
        assert_eq!(read("http://127.0.0.1:9400/CherwellAPI/").unwrap().as_str(), "http://127.0.0.1:9400/CherwellAPI");
        assert!(read("https://[::1]:8443/x").is_ok());
        assert_eq!(read("https://u:p@h/x").unwrap_err(), AddressError::Credentials);
        assert!(matches!(read("https://h/x?key=1").unwrap_err(), AddressError::Query(_)));
        for text in ["", "host", "http://", "http://a b", "http://h:0", "http://h:99999", "ftp://h"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_place_may_be_written_in_several_ways() {
        let same = |one: &str, two: &str| {
            let read = |text: &str| text.parse::<WebAddress>().unwrap();
            read(one).is_same_place(&read(two))
        };
        assert!(same("https://t.example.org/v3/organizer/tickets", "https://T.Example.org:443/v3/organizer/tickets/"));
        assert!(same("http://[::1]/x", "http://[::1]:80/x"));
        assert!(!same("https://t.example.org/a", "https://t.example.org/A"));
        assert!(!same("https://t.example.org/a", "http://t.example.org/a"));
        assert!(!same("https://t.example.org/a", "https://t.example.org:8443/a"));
    }
}
