//! One session with the mail server: connection, protection, login, one transaction with all recipients.

use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use ticketbridge_config::types::EmailAddress;

use super::{MailError, MailMessage, Mailer, Security, address, clean};
use crate::identity;

/// Longest subject in characters.
const MAX_SUBJECT: usize = 200;
/// Longest text in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Most characters of what a server says.
const MAX_WORDS: usize = 300;

impl Mailer {
    pub(super) async fn deliver(&self, to: &[EmailAddress], message: &MailMessage) -> Result<(), MailError> {
        let mut recipients: Vec<lettre::Address> = Vec::with_capacity(to.len());
        for one in to {
            let one = address(one).map_err(|error| MailError::Unwritable { why: error.to_string() })?;
            if !recipients.contains(&one) {
                recipients.push(one);
            }
        }
        let mail = self.written(&recipients, message)?;
        let mut connection = self.connect().await?;
        let told = self.transact(&mut connection, &recipients, &mail).await;
        // A farewell that is not answered changes nothing.
        let _farewell = connection.quit().await;
        told
    }

    /// Connection, protection and login, and a farewell.
    pub(super) async fn greet(&self) -> Result<(), MailError> {
        let mut connection = self.connect().await?;
        let _farewell = connection.quit().await;
        Ok(())
    }

    /// The whole mail in the form of RFC 5322, ASCII only.
    fn written(&self, to: &[lettre::Address], message: &MailMessage) -> Result<Vec<u8>, MailError> {
        let mailbox = |address: &lettre::Address| Mailbox::new(None, address.clone());
        let id = format!("<{}@{}>", identity::holder().simple(), self.from.domain());
        let mut builder = MessageBuilder::new().from(mailbox(&self.from)).message_id(Some(id));
        for one in to {
            builder = builder.to(mailbox(one));
        }
        let mut mail = builder
            .subject(clean::line(&message.subject, MAX_SUBJECT))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(clean::lines(&message.text, MAX_TEXT))
            .map_err(|error| MailError::Unwritable { why: error.to_string() })?;
        // RFC 3834: so that absence notes and the like do not answer.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        mail.headers_mut().insert_raw(HeaderValue::new(name, String::from("auto-generated")));
        Ok(mail.formatted())
    }

    /// A connection that is protected and logged in, as the settings want it.
    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let hello = ClientId::default();
        let tls = if let Security::Tls(parameters) = &self.security { Some(parameters.clone()) } else { None };
        let server = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, None, &hello, tls, None)
            .await
            .map_err(|error| self.no_connection(&error))?;
        if let Security::Starttls(parameters) = &self.security {
            if !connection.can_starttls() {
                let why = String::from("it does not offer STARTTLS");
                return Err(MailError::NotProtected { server: self.server(), why });
            }
            let upgraded = connection.starttls(parameters.clone(), &hello).await;
            upgraded.map_err(|error| MailError::NotProtected { server: self.server(), why: self.words(&error) })?;
        }
        if let Some((username, credentials)) = self.credentials() {
            let refused =
                |code: String| MailError::LoginRefused { server: self.server(), username: username.to_owned(), code };
            if let Err(error) = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await {
                return Err(match error.status() {
                    Some(code) => refused(code.to_string()),
                    None if error.is_client() => refused(String::from("it takes neither PLAIN nor LOGIN")),
                    None => self.no_connection(&error),
                });
            }
        }
        Ok(connection)
    }

    /// One mail to all recipients that the server takes.
    async fn transact(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: &[lettre::Address],
        mail: &[u8],
    ) -> Result<(), MailError> {
        let failed = |error: Error| match error.status() {
            Some(_) => MailError::Refused { server: self.server(), why: self.words(&error) },
            None => self.no_connection(&error),
        };
        connection.command(Mail::new(Some(self.from.clone()), Vec::new())).await.map_err(failed)?;
        let mut refused = Vec::new();
        for one in to {
            match connection.command(Rcpt::new(one.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(error) if error.status().is_some() => refused.push((one.to_string(), self.words(&error))),
                Err(error) => return Err(self.no_connection(&error)),
            }
        }
        let accepted = to.len() - refused.len();
        if accepted > 0 {
            connection.command(Data).await.map_err(failed)?;
            connection.message(mail).await.map_err(failed)?;
        }
        if refused.is_empty() {
            Ok(())
        } else {
            Err(MailError::RecipientsRefused { server: self.server(), refused, accepted })
        }
    }

    fn no_connection(&self, error: &Error) -> MailError {
        let (server, why) = (self.server(), self.words(error));
        if is_of_tls(error) { MailError::NotProtected { server, why } } else { MailError::Unreachable { server, why } }
    }

    /// What the server or the system says, without secrets.
    fn words(&self, error: &Error) -> String {
        clean::line(&self.redactor.redact(&error.to_string()), MAX_WORDS)
    }
}

/// Whether it was TLS that failed: its library reports what it cannot accept as invalid data.
fn is_of_tls(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let by_kind = error.downcast_ref::<Error>().is_some_and(Error::is_tls);
        let by_data = error.downcast_ref::<std::io::Error>();
        if by_kind || by_data.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        next = error.source();
    }
    false
}
