//! Mail over a real socket: what the server gets to hear, and what people read where it refuses, stalls or cannot be
//! trusted.

#![expect(clippy::unwrap_used, reason = "a test whose ground is missing fails")]

mod alerts;
mod server;

use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::Mail;
use ticketbridge_config::types::EmailAddress;
use ticketbridge_engine::mail::{MailError, MailMessage, MailSettingsError, Mailer, Notify};

use server::{Behaviour, MailServer};

const PASSWORD: &str = "s3cret pass";
/// base64 of NUL, `tb`, NUL, [`PASSWORD`].
const AUTH_PLAIN: &str = "AUTH PLAIN AHRiAHMzY3JldCBwYXNz";

fn settings(more: &str) -> Mail {
    let text = format!("[mail]\nfrom = \"tb@example.org\"\n{more}\n");
    Config::parse(&text, "ticketbridge.toml", []).unwrap_or_else(|error| panic!("{error}")).config.mail
}

fn environment(name: &str) -> Option<String> {
    (name == "MAIL_PASSWORD").then(|| String::from(PASSWORD))
}

/// A mailer for the server; `more` are further settings.
fn mailer(server: &MailServer, more: &str) -> Mailer {
    let mail = settings(&format!("server = \"127.0.0.1\"\nport = {}\n{more}", server.port));
    Mailer::from_config(&mail, &environment).unwrap().unwrap()
}

const PLAIN: &str = "security = \"none\"";
const LOGIN: &str = "security = \"none\"\nusername = \"tb\"\npassword = \"env:MAIL_PASSWORD\"";

fn people(addresses: &[&str]) -> Vec<EmailAddress> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn message(subject: &str, text: &str) -> MailMessage {
    MailMessage { subject: subject.into(), text: text.into() }
}

/// Header lines of a mail with folded ones put together, and its text.
fn parts(mail: &str) -> (Vec<String>, String) {
    let (header, text) = mail.split_once("\n\n").unwrap();
    let unfolded = header.replace("\n ", " ").replace("\n\t", " ");
    (unfolded.lines().map(str::to_owned).collect(), text.to_owned())
}

#[tokio::test]
async fn a_mail_goes_to_all_recipients_in_one_transaction() {
    let server = MailServer::start(Behaviour::default()).await;
    let text = "one\n.\n..two\nFrom three\n";
    let to = people(&["noc@example.org", "ops@example.org", "noc@example.org"]);
    mailer(&server, PLAIN).send(&to, &message("Hello", text)).await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.connections, 1);
    assert_eq!(
        heard.lines[1..],
        ["MAIL FROM:<tb@example.org>", "RCPT TO:<noc@example.org>", "RCPT TO:<ops@example.org>", "DATA", "QUIT",]
    );
    let (header, body) = parts(&heard.mails[0]);
    for wanted in [
        "From: tb@example.org",
        "To: noc@example.org, ops@example.org",
        "Subject: Hello",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(header.iter().any(|line| line == wanted), "{wanted}: {header:?}");
    }
    assert!(
        header.iter().any(|line| line.starts_with("Message-ID: <") && line.ends_with("@example.org>")),
        "{header:?}"
    );
    assert!(header.iter().any(|line| line.starts_with("Date: ")), "{header:?}");
    // The end of the mail begins a line of its own.
    assert_eq!(body, format!("{text}\n"));
}

#[tokio::test]
async fn nothing_in_a_subject_or_text_becomes_a_header_or_a_command() {
    let server = MailServer::start(Behaviour::default()).await;
    let subject = "run 1\r\nBcc: evil@example.org\r\n\r\n<html>\r\n.\r\nQUIT\u{0}\u{2028}é";
    let text = "é\r\n.\r\nMAIL FROM:<evil@example.org>\r\n\u{0}\u{1b}[2J";
    mailer(&server, PLAIN).send(&people(&["noc@example.org"]), &message(subject, text)).await.unwrap();
    let heard = server.heard();
    assert_eq!((heard.mails.len(), heard.lines_with("MAIL"), heard.lines_with("QUIT")), (1, 1, 1));
    assert!(heard.mails[0].is_ascii(), "{}", heard.mails[0]);
    let (header, _) = parts(&heard.mails[0]);
    assert!(!header.iter().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{header:?}");
    let names: Vec<_> = header.iter().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert_eq!(names.len(), header.len(), "{header:?}");
    assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1);
}

#[tokio::test]
async fn a_long_mail_is_cut() {
    let server = MailServer::start(Behaviour::default()).await;
    let (subject, text) = ("s".repeat(10_000), "a line of text\n".repeat(100_000));
    mailer(&server, PLAIN).send(&people(&["noc@example.org"]), &message(&subject, &text)).await.unwrap();
    let mail = server.heard().mails.remove(0);
    assert!(mail.len() < 150_000, "{}", mail.len());
}

#[tokio::test]
async fn a_login_is_made_before_the_mail() {
    let offers = vec!["AUTH LOGIN PLAIN"];
    let server = MailServer::start(Behaviour { offers, ..Behaviour::default() }).await;
    mailer(&server, LOGIN).send(&people(&["noc@example.org"]), &message("Hello", "x")).await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.lines[1], AUTH_PLAIN);
    assert_eq!(heard.mails.len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_never_shown() {
    let offers = vec!["AUTH PLAIN"];
    let answers = vec![("AUTH", "535 5.7.8 s3cret pass is wrong (AHRiAHMzY3JldCBwYXNz)")];
    let server = MailServer::start(Behaviour { offers, answers, ..Behaviour::default() }).await;
    let mailer = mailer(&server, LOGIN);
    let error = mailer.send(&people(&["a@example.org", "b@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(matches!(&error, MailError::LoginRefused { code, .. } if code == "535"), "{error:?}");
    for shown in [error.to_string(), format!("{error:?}"), format!("{mailer:?}")] {
        assert!(!shown.contains("s3cret") && !shown.contains("AHRi"), "{shown}");
    }
    let heard = server.heard();
    assert_eq!((heard.lines_with("AUTH"), heard.lines_with("MAIL"), heard.mails.len()), (1, 0, 0));
}

#[tokio::test]
async fn a_server_without_a_login_we_know_is_told_of() {
    let server = MailServer::start(Behaviour { offers: vec!["AUTH GSSAPI"], ..Behaviour::default() }).await;
    let error = mailer(&server, LOGIN).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(matches!(error, MailError::LoginRefused { .. }), "{error:?}");
    assert_eq!(server.heard().lines_with("AUTH"), 0);
}

#[tokio::test]
async fn a_refused_recipient_keeps_the_mail_from_no_other() {
    let answers = vec![("RCPT TO:<gone@", "550 5.1.1 no such user s3cret pass")];
    let server = MailServer::start(Behaviour { offers: vec!["AUTH PLAIN"], answers, ..Behaviour::default() }).await;
    let to = people(&["a@example.org", "gone@example.org", "b@example.org"]);
    let error = mailer(&server, LOGIN).send(&to, &message("Hello", "x")).await.unwrap_err();
    let MailError::RecipientsRefused { refused, accepted, .. } = &error else { panic!("{error:?}") };
    assert_eq!((refused[0].0.as_str(), refused.len(), *accepted), ("gone@example.org", 1, 2));
    assert!(error.to_string().contains("no such user ***"), "{error}");
    assert_eq!(server.heard().mails.len(), 1);
}

#[tokio::test]
async fn with_no_recipient_left_no_mail_is_sent() {
    let answers = vec![("RCPT", "550 5.1.1 no such user")];
    let server = MailServer::start(Behaviour { answers, ..Behaviour::default() }).await;
    let error = mailer(&server, PLAIN).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(matches!(error, MailError::RecipientsRefused { accepted: 0, .. }), "{error:?}");
    assert_eq!((server.heard().lines_with("DATA"), server.heard().mails.len()), (0, 0));
}

#[tokio::test]
async fn refusals_of_sender_and_mail_are_told_in_the_servers_words() {
    for place in ["MAIL", "DATA", "(end of mail)"] {
        let answers = vec![(place, "554 5.7.1 not\u{1b} from you")];
        let server = MailServer::start(Behaviour { answers, ..Behaviour::default() }).await;
        let error = mailer(&server, PLAIN).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
        let MailError::Refused { why, .. } = &error else { panic!("{place}: {error:?}") };
        assert!(why.contains("554") && why.contains("not  from you"), "{place}: {why}");
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let offers = vec!["AUTH PLAIN"];
    let server = MailServer::start(Behaviour { offers, ..Behaviour::default() }).await;
    let login = LOGIN.replace("\"none\"", "\"starttls\"");
    let error = mailer(&server, &login).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(error.to_string().contains("does not offer STARTTLS"), "{error}");
    let heard = server.heard();
    assert_eq!((heard.lines_with("AUTH"), heard.lines_with("MAIL")), (0, 0));
}

#[tokio::test]
async fn a_starttls_that_is_refused_or_fake_gets_nothing() {
    for answer in ["454 not now", "220 go on\r\n250 this is no TLS"] {
        let (offers, answers) = (vec!["AUTH PLAIN", "STARTTLS"], vec![("STARTTLS", answer)]);
        let hangs_up_at = Some("\u{16}");
        let server = MailServer::start(Behaviour { offers, answers, hangs_up_at, ..Behaviour::default() }).await;
        let login = LOGIN.replace("\"none\"", "\"starttls\"");
        let error =
            mailer(&server, &login).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
        assert!(matches!(error, MailError::NotProtected { .. }), "{answer}: {error:?}");
        let heard = server.heard();
        assert_eq!((heard.lines_with("AUTH"), heard.lines_with("MAIL")), (0, 0));
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_gets_nothing() {
    let server = MailServer::start(Behaviour { offers: vec!["AUTH PLAIN"], ..Behaviour::default() }).await;
    let login = LOGIN.replace("\"none\"", "\"tls\"");
    let error = mailer(&server, &login).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(matches!(error, MailError::NotProtected { .. }), "{error:?}");
    let heard = server.heard();
    assert_eq!((heard.lines_with("EHLO"), heard.lines_with("AUTH"), heard.mails.len()), (0, 0, 0));
}

#[tokio::test]
async fn a_server_that_stalls_anywhere_ends_with_the_time_out() {
    for place in ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"] {
        let behaviour = Behaviour { offers: vec!["AUTH PLAIN"], silent_at: Some(place), ..Behaviour::default() };
        let server = MailServer::start(behaviour).await;
        let login = format!("{LOGIN}\ntimeout = \"150ms\"");
        let error =
            mailer(&server, &login).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
        let timeout = Duration::from_millis(150);
        assert!(
            matches!(&error, MailError::TimedOut { timeout: after, .. } if *after == timeout),
            "{place}: {error:?}"
        );
        assert!(error.to_string().contains("(0.15 s)"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_or_is_not_there_is_unreachable() {
    for place in ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"] {
        let behaviour = Behaviour { offers: vec!["AUTH PLAIN"], hangs_up_at: Some(place), ..Behaviour::default() };
        let server = MailServer::start(behaviour).await;
        let error = mailer(&server, LOGIN).send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
        assert!(matches!(error, MailError::Unreachable { .. }), "{place}: {error:?}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mail = settings(&format!("server = \"127.0.0.1\"\nport = {port}\n{PLAIN}"));
    let mailer = Mailer::from_config(&mail, &environment).unwrap().unwrap();
    let error = mailer.send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("the mail server 127.0.0.1:{port} cannot be reached")), "{error}");
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_an_error() {
    for nonsense in ["hello", "250", "99999 x", "250-never ends", "\u{0}\u{ff}", "abc\r\n250 def"] {
        let server = MailServer::start(Behaviour { answers: vec![("MAIL", nonsense)], ..Behaviour::default() }).await;
        let mailer = mailer(&server, &format!("{PLAIN}\ntimeout = \"300ms\""));
        let error = mailer.send(&people(&["a@example.org"]), &message("Hello", "x")).await.unwrap_err();
        let is_told = matches!(error, MailError::Unreachable { .. } | MailError::TimedOut { .. });
        assert!(is_told && server.heard().mails.is_empty(), "{nonsense:?}: {error:?}");
    }
}

#[tokio::test]
async fn nobody_is_told_without_recipients() {
    let server = MailServer::start(Behaviour::default()).await;
    mailer(&server, PLAIN).send(&[], &message("Hello", "x")).await.unwrap();
    assert_eq!(server.heard().connections, 0);
}

#[test]
fn settings_make_a_mailer_or_say_what_is_wrong() {
    assert!(Mailer::from_config(&settings(""), &environment).unwrap().is_none());
    let with =
        |more: &str| Mailer::from_config(&settings(&format!("server = \"mail.example.org\"\n{more}")), &environment);
    assert_eq!(format!("{:?}", with("").unwrap().unwrap()), "Mailer(mail.example.org:587)");
    let login = "username = \"tb\"\npassword = \"env:NOT_THERE\"";
    let error = with(login).unwrap_err();
    assert!(error.to_string().contains("NOT_THERE is not set"), "{error}");
    let no_sender = Mail { from: None, ..settings("server = \"::1\"") };
    assert_eq!(Mailer::from_config(&no_sender, &environment).unwrap_err(), MailSettingsError::NoSender);
}

/// An address that the configuration takes and the mail library does not would be found only when something is wrong.
#[test]
fn the_mail_library_takes_every_address_that_the_configuration_takes() {
    for address in
        ["noc@example.org", "!#$%&'*+-/=?^_`{|}~@a.b", "root@localhost", "a.b@1.2", "A@xn--bcher-kva.example"]
    {
        let mail = settings(&format!("server = \"::1\"\n{PLAIN}"));
        let mail = Mail { from: Some(address.parse().unwrap()), ..mail };
        let made = Mailer::from_config(&mail, &environment);
        assert!(made.is_ok(), "{address}: {made:?}");
    }
}
