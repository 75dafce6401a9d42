//! Whether the mail server would take a mail: connection, protection, login. No mail is sent.

use super::{Area, Finding, Subject};
use crate::mail::Mailer;

pub(super) async fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mail = &subject.config.mail;
    let Some(server) = &mail.server else {
        return vec![Finding::ok(Area::Mail, "mail server", "none is configured; errors stand in the log alone")];
    };
    let server = format!("{}:{}", server.as_str(), mail.port());
    let checked = match Mailer::from_config(mail, subject.environment) {
        Ok(Some(mailer)) => mailer.check().await.map_err(|error| error.to_string()),
        Ok(None) => return Vec::new(),
        Err(error) => Err(error.to_string()),
    };
    vec![judge(&server, mail.username.is_some(), checked)]
}

fn judge(server: &str, login: bool, checked: Result<(), String>) -> Finding {
    match checked {
        Ok(()) if login => Finding::ok(Area::Mail, "mail server", format!("{server} answers and takes the login")),
        Ok(()) => Finding::ok(Area::Mail, "mail server", format!("{server} answers; without login")),
        Err(why) => {
            let next = "Until then nobody is told of errors by mail; the log has them.";
            Finding::failed(Area::Mail, "mail server", why, next)
        }
    }
}
