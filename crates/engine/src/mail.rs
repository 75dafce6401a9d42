//! Telling people by e-mail: one plain-text message to several recipients, by SMTP.
//!
//! Guarantees:
//! * [`Mailer::send`] ends within `mail.timeout`, connection and login included, and never panics. A recipient that the
//!   server refuses keeps the mail from no other.
//! * With `security = "starttls"` or `"tls"` nothing, neither login nor mail, goes over a connection that is not protected
//!   or whose certificate does not hold.
//! * No header can be added by what stands in a subject or text: control characters are taken out, and addresses are the
//!   plain ones of the configuration.
//! * No secret is in an error, a log or a `Debug` output.
//!
//! Limits: subject 200 characters, text 64 KiB, 300 characters of what a server says. Sent once: whoever wants a mail to be
//! sent again says so. After a time-out it is unknown whether the mail went out.

pub(crate) mod clean;
mod feedback;
mod smtp;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::TlsParameters;
use secrecy::{ExposeSecret, SecretString};
use ticketbridge_config::sections::{Mail, MailSecurity};
use ticketbridge_config::types::EmailAddress;
use ticketbridge_platforms::http::{Redactor, Secret};

use crate::platforms::Environment;

pub use feedback::{FailedItem, FeedbackNews, MAX_NAMED_ITEMS, feedback_message};

/// A mail, but for its recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailMessage {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// Why a mail did not reach everybody. Ends with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// There is no connection, or it broke.
    #[error("the mail server {server} cannot be reached ({why}); check `mail.server`, `mail.port` and `mail.security`")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        why: String,
    },
    /// It took too long.
    #[error("the mail server {server} took longer than `mail.timeout` ({} s); whether the mail went out is not known. \
             Check the server, or set a longer time", timeout.as_secs_f64())]
    TimedOut {
        /// Host and port.
        server: String,
        /// The limit.
        timeout: Duration,
    },
    /// The connection cannot be protected. Nothing was sent.
    #[error(
        "the connection to the mail server {server} cannot be protected ({why}), so nothing was sent; check \
             `mail.security`, and that the server has a certificate for the name in `mail.server`"
    )]
    NotProtected {
        /// Host and port.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The login was refused.
    #[error(
        "the mail server {server} refuses the login of `{username}` ({code}); check `mail.username` and `mail.password`"
    )]
    LoginRefused {
        /// Host and port.
        server: String,
        /// The account.
        username: String,
        /// Its code; its words are not repeated, since they may hold what was sent.
        code: String,
    },
    /// The sender or the whole mail was refused.
    #[error("the mail server {server} refuses the mail ({why}); check `mail.from` and what the account may send")]
    Refused {
        /// Host and port.
        server: String,
        /// What the server says.
        why: String,
    },
    /// Some recipients were refused; the others have the mail.
    #[error(
        "the mail server {server} refuses {}, and {accepted} others have the mail; check the `error_recipients`",
        list(refused)
    )]
    RecipientsRefused {
        /// Host and port.
        server: String,
        /// Who, and what the server says.
        refused: Vec<(String, String)>,
        /// Number of those that have the mail.
        accepted: usize,
    },
    /// The mail cannot be written.
    #[error("the mail cannot be written: {why}")]
    Unwritable {
        /// What is wrong.
        why: String,
    },
}

fn list(refused: &[(String, String)]) -> String {
    refused.iter().map(|(address, why)| format!("{address} ({why})")).collect::<Vec<_>>().join(", ")
}

/// Why no mail can be sent with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailSettingsError {
    /// The sender is missing.
    #[error("`mail.from` is missing; write the sender's address")]
    NoSender,
    /// The password cannot be had.
    #[error("`mail.password`: {0}")]
    Password(String),
    /// An address that mail cannot be sent with.
    #[error("`{address}` cannot be used in mail ({why}); write another address")]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// No certificates to check a server by, for instance.
    #[error("connections to `mail.server` cannot be protected here ({0}); install the system's CA certificates")]
    Tls(String),
}

/// Whoever can tell people. The engine is tested with others than [`Mailer`].
#[async_trait]
pub trait Notify: Send + Sync {
    /// Tells these people, each once.
    async fn send(&self, to: &[EmailAddress], message: &MailMessage) -> Result<(), MailError>;
}

/// Sends mail by one server.
pub struct Mailer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
    from: lettre::Address,
    timeout: Duration,
    redactor: Redactor,
}

enum Security {
    None,
    Starttls(TlsParameters),
    Tls(TlsParameters),
}

impl Mailer {
    /// The mailer of these settings; `None` without a server. Reads the password, asks nobody.
    pub fn from_config(mail: &Mail, environment: &Environment) -> Result<Option<Self>, MailSettingsError> {
        let Some(server) = &mail.server else { return Ok(None) };
        let from = address(mail.from.as_ref().ok_or(MailSettingsError::NoSender)?)?;
        let login = match (&mail.username, &mail.password) {
            (Some(username), Some(password)) => {
                let password =
                    password.resolve(environment).map_err(|error| MailSettingsError::Password(error.to_string()))?;
                Some((username.clone(), password))
            }
            _ => None,
        };
        let parameters = || {
            TlsParameters::new(server.as_str().to_owned()).map_err(|error| MailSettingsError::Tls(error.to_string()))
        };
        let security = match mail.security {
            MailSecurity::None => Security::None,
            MailSecurity::Starttls => Security::Starttls(parameters()?),
            MailSecurity::Tls => Security::Tls(parameters()?),
        };
        let secrets: Vec<Secret> = login.iter().map(|(_, password)| Secret::from(password.clone())).collect();
        Ok(Some(Self {
            host: server.as_str().to_owned(),
            port: mail.port(),
            security,
            login,
            from,
            timeout: mail.timeout.get(),
            redactor: Redactor::new(&secrets),
        }))
    }

    /// Whether the server would take a mail: connects, protects the connection, logs in and leaves. Sends none. Ends within
    /// `mail.timeout`.
    pub async fn check(&self) -> Result<(), MailError> {
        let timed_out = || MailError::TimedOut { server: self.server(), timeout: self.timeout };
        tokio::time::timeout(self.timeout, self.greet()).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Host and port, for people.
    fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn credentials(&self) -> Option<(&str, Credentials)> {
        let (username, password) = self.login.as_ref()?;
        Some((username, Credentials::new(username.clone(), password.expose_secret().to_owned())))
    }
}

/// The address as the mail library has it. What the configuration takes, it takes, too, as a test shows.
fn address(address: &EmailAddress) -> Result<lettre::Address, MailSettingsError> {
    address.as_str().parse().map_err(|error: lettre::address::AddressError| MailSettingsError::Address {
        address: address.to_string(),
        why: error.to_string(),
    })
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({})", self.server())
    }
}

#[async_trait]
impl Notify for Mailer {
    async fn send(&self, to: &[EmailAddress], message: &MailMessage) -> Result<(), MailError> {
        if to.is_empty() {
            return Ok(());
        }
        let timed_out = || MailError::TimedOut { server: self.server(), timeout: self.timeout };
        let told = tokio::time::timeout(self.timeout, self.deliver(to, message)).await;
        let told = told.unwrap_or_else(|_| Err(timed_out()));
        crate::telemetry::mailed(told.is_ok());
        told
    }
}
