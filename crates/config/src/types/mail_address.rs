//! An e-mail address, and the host that takes mail.

use std::fmt;
use std::str::FromStr;

use super::platform_address::is_host;
use super::written_as_text;

/// Longest e-mail address in characters (RFC 5321 §4.5.3.1.3 allows a path of 256 with its brackets).
const MAX_ADDRESS: usize = 254;
/// Longest part before the `@` (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// An e-mail address, `name@host`, without display name, quotes, comments or blanks. Part of it is all that mail
/// servers of today take; what stands here cannot break out of a header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

/// Name or IP address of a host, without scheme, port and path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostName(String);

/// Why a text is no e-mail address or no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailAddressError {
    /// More than one address.
    #[error(
        "`{0}` is more than one address; write each as an element of its own: [\"a@example.org\", \"b@example.org\"]"
    )]
    Several(String),
    /// No address.
    #[error("`{0}` is no e-mail address; write for instance \"noc@example.org\", without a name before it")]
    NoAddress(String),
    /// A user or a password before the host. The text is not repeated: it may hold a secret.
    #[error("an address must not carry a user or a password; write them under `username` and `password`")]
    Credentials,
    /// No host.
    #[error("`{0}` is no host; write a name or an IP address such as \"mail.example.org\", and the port under `port`")]
    NoHost(String),
}

impl EmailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = MailAddressError;

    fn from_str(text: &str) -> Result<Self, MailAddressError> {
        let text = text.trim();
        if text.contains([',', ';']) {
            return Err(MailAddressError::Several(beginning(text)));
        }
        let good = text.split_once('@').is_some_and(|(local, host)| is_local_part(local) && is_mail_host(host));
        if good && text.len() <= MAX_ADDRESS {
            Ok(Self(text.to_owned()))
        } else {
            Err(MailAddressError::NoAddress(beginning(text)))
        }
    }
}

/// As much of a text as helps to find it.
fn beginning(text: &str) -> String {
    text.chars().take(MAX_ADDRESS).collect()
}

/// Words of RFC 5322 `atext` with single dots between them.
fn is_local_part(text: &str) -> bool {
    let is_atom = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter);
    text.len() <= MAX_LOCAL_PART && text.split('.').all(|word| !word.is_empty() && word.chars().all(is_atom))
}

/// Labels of letters, digits and inner hyphens, at most 63 characters each.
fn is_mail_host(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    })
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostName {
    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = MailAddressError;

    fn from_str(text: &str) -> Result<Self, MailAddressError> {
        let text = text.trim();
        if text.parse::<std::net::IpAddr>().is_ok() || (!text.starts_with('[') && is_host(text)) {
            Ok(Self(text.to_owned()))
        } else if text.contains('@') {
            Err(MailAddressError::Credentials)
        } else {
            Err(MailAddressError::NoHost(beginning(text)))
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    EmailAddress,
    "EmailAddress",
    "an e-mail address such as \"noc@example.org\"",
    "^[^@\\s,;]+@[^@\\s,;]+$"
);
written_as_text!(HostName, "HostName", "a host name or IP address, without port and path", "^[^\\s/]+$");

#[cfg(test)]
mod tests {
    use super::{EmailAddress, HostName, MailAddressError};

    #[test]
    fn addresses_are_plain() {
        for good in ["noc@example.org", "a.b+c@mail-1.example.org", "root@localhost", "  x@y.z "] {
            assert_eq!(good.parse::<EmailAddress>().unwrap().as_str(), good.trim());
        }
        for bad in [
            "",
            "noc",
            "@example.org",
            "noc@",
            "a@b@c",
            "a b@c.d",
            "NOC <a@b.c>",
            "\"a b\"@c.d",
            "a..b@c.d",
            ".a@b.c",
            "a@b..c",
            "a@-b.c",
            "a@b.c\r\nBcc: x@y.z",
            "a@[127.0.0.1]",
            "ä@b.c",
            "a@b\u{0}.c",
        ] {
            assert!(matches!(bad.parse::<EmailAddress>(), Err(MailAddressError::NoAddress(_))), "{bad:?}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert!(long.parse::<EmailAddress>().is_err());
        let long = format!("a@{}", vec!["b".repeat(60); 5].join("."));
        assert!(long.parse::<EmailAddress>().is_err());
        assert!(matches!("a@b.c, d@e.f".parse::<EmailAddress>(), Err(MailAddressError::Several(_))));
    }

    #[test]
    fn hosts_have_no_port_and_no_path() {
        for good in ["mail.example.org", "127.0.0.1", "::1", "localhost"] {
            assert_eq!(good.parse::<HostName>().unwrap().as_str(), good);
        }
        for bad in ["", "mail.example.org:25", "smtp://mail", "mail/x", "a b", "[::1]", "user@mail"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        let error = "smtp://user:geheim@mail.example.org".parse::<HostName>().unwrap_err();
        assert!(!error.to_string().contains("geheim"));
    }
}
