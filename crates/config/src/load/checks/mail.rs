//! `[mail]`: a server that can be used, and recipients that something can be sent to.

use super::Checker;
use crate::Config;
use crate::sections::{Feedback, MailSecurity};

impl Checker<'_> {
    pub(super) fn mail(&mut self, config: &Config) {
        let mail = &config.mail;
        if mail.port == Some(0) {
            self.refuse("mail.port", "`0` is no port; write 1 to 65535");
        }
        if mail.username.is_some() != mail.password.is_some() {
            let (given, missing) =
                if mail.username.is_some() { ("username", "password") } else { ("password", "username") };
            self.refuse_missing(
                &format!("mail.{missing}"),
                &format!("is missing; a login needs both, so add it or remove `{given}`"),
            );
        }
        let Some(server) = &mail.server else {
            let told = |function: &Feedback| function.active && !function.error_recipients.is_empty();
            if !mail.error_recipients.is_empty() || config.feedback.iter().any(told) {
                let text =
                    "is not set, so the `error_recipients` are told nothing; the log has every error in any case";
                self.warn("mail.server", text);
            }
            return;
        };
        if mail.from.is_none() {
            let text = format!("is missing; `{server}` needs a sender, for instance \"ticketbridge@example.org\"");
            self.refuse_missing("mail.from", &text);
        }
        if mail.security == MailSecurity::None && mail.password.is_some() {
            let text = "is \"none\", so the password goes over the network as it is; write \"starttls\" or \"tls\" if the \
                        server can do that";
            self.warn("mail.security", text);
        }
    }
}
