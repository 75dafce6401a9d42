//! `[mail]`: who is told when something goes wrong, and by which server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{EmailAddress, HostName, SecretReference, Span};

/// `[mail]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Addresses told of errors, besides those of each feedback function. The log has every error in any case.
    pub error_recipients: Vec<EmailAddress>,
    /// Host of the mail server (SMTP). Without it no mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<HostName>,
    /// Its port. Default: 587 with `starttls`, 465 with `tls`, 25 with `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How the way to the server is protected.
    pub security: MailSecurity,
    /// Account there. Without it there is no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Its password, by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// The sender's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<EmailAddress>,
    /// Longest time for one message, connection and login included.
    pub timeout: Span,
    /// A platform of trouble tickets that is away for longer (its breaker is open) is told of.
    pub outage_after: Span,
    /// What is to be told of trouble tickets goes into one mail per this time at most.
    pub collect_for: Span,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// It begins plain and becomes TLS before anything is said; a server that cannot do that gets nothing.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Plain. For a server on the same machine.
    None,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            error_recipients: Vec::new(),
            server: None,
            port: None,
            security: MailSecurity::default(),
            username: None,
            password: None,
            from: None,
            timeout: Span::seconds(30),
            outage_after: Span::seconds(15 * 60),
            collect_for: Span::seconds(5 * 60),
        }
    }
}

impl Mail {
    /// The port in force.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            MailSecurity::Starttls => 587,
            MailSecurity::Tls => 465,
            MailSecurity::None => 25,
        })
    }
}
