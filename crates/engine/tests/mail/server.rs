//! A mail server on loopback that keeps what it is told, and misbehaves on demand.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// What follows the name in its answer to EHLO, such as `AUTH PLAIN LOGIN`.
    pub(crate) offers: Vec<&'static str>,
    /// What it answers instead of the usual to a line that begins so.
    pub(crate) answers: Vec<(&'static str, &'static str)>,
    /// It never answers a line that begins so. Empty text: it does not even greet.
    pub(crate) silent_at: Option<&'static str>,
    /// It hangs up instead of answering a line that begins so.
    pub(crate) hangs_up_at: Option<&'static str>,
}

/// What the server was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// Connections so far.
    pub(crate) connections: usize,
    /// Every line outside of mails.
    pub(crate) lines: Vec<String>,
    /// Every mail, header and text, without the doubled dots.
    pub(crate) mails: Vec<String>,
}

impl Heard {
    pub(crate) fn lines_with(&self, beginning: &str) -> usize {
        self.lines.iter().filter(|line| line.starts_with(beginning)).count()
    }
}

/// A server that runs as long as this value lives.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    heard: Arc<Mutex<Heard>>,
    running: JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let behaviour = Arc::new(behaviour);
        let shared = Arc::clone(&heard);
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&behaviour), Arc::clone(&shared)));
            }
        });
        Self { port, heard, running }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// One connection; an error is its end.
async fn serve(stream: TcpStream, behaviour: Arc<Behaviour>, heard: Arc<Mutex<Heard>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    if behaviour.silent_at == Some("") {
        return std::future::pending().await;
    }
    stream.write_all(b"220 sink.example.org ESMTP\r\n").await.ok()?;
    loop {
        let line = read_line(&mut stream).await?;
        heard.lock().unwrap().lines.push(line.clone());
        if behaviour.silent_at.is_some_and(|beginning| line.starts_with(beginning)) {
            return std::future::pending().await;
        }
        if behaviour.hangs_up_at.is_some_and(|beginning| line.starts_with(beginning)) {
            return None;
        }
        let special = behaviour.answers.iter().find(|(beginning, _)| line.starts_with(beginning));
        let answer = match special {
            Some((_, answer)) => format!("{answer}\r\n"),
            None => usual(&line, &behaviour),
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        if line == "DATA" && answer.starts_with("354") {
            let mut mail = String::new();
            loop {
                let line = read_line(&mut stream).await?;
                if line == "." {
                    break;
                }
                mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                mail.push('\n');
            }
            heard.lock().unwrap().mails.push(mail);
            let special = behaviour.answers.iter().find(|(beginning, _)| *beginning == "(end of mail)");
            let answer = special.map_or("250 kept", |(_, answer)| answer);
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
        if line == "QUIT" {
            return None;
        }
    }
}

fn usual(line: &str, behaviour: &Behaviour) -> String {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "EHLO" => {
            let offers: Vec<String> = behaviour.offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
            let answer = offers.concat();
            format!("250-sink.example.org\r\n{answer}250 HELP\r\n")
        }
        "AUTH" => String::from("235 welcome\r\n"),
        "STARTTLS" => String::from("220 go on\r\n"),
        "MAIL" | "RCPT" => String::from("250 fine\r\n"),
        "DATA" => String::from("354 go on\r\n"),
        "QUIT" => String::from("221 bye\r\n"),
        _ => String::from("502 unknown\r\n"),
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    let read = stream.read_until(b'\n', &mut line).await.ok()?;
    if read == 0 {
        return None;
    }
    let line = String::from_utf8_lossy(&line).into_owned();
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}
