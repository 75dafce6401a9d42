//! The configuration file. Input: the file; the word [`SECRET`] in it is a secret.

use ticketbridge_config::Config;

/// Stands in corpus files where a secret would be written out.
const SECRET: &str = "hunter2-canary";
/// Keys that hold references to secrets: a value of theirs is never shown.
const SECRET_KEYS: [&str; 6] = ["token", "password", "client_secret", "secret", "api_key", "tokens"];
/// Longest error that people could still read: 100 problems.
const MAX_ERROR: usize = 512 * 1024;

/// Words of the file.
pub const DICTIONARY: &[&str] = &[
    "[server]\n",
    "[store]\n",
    "[delivery]\n",
    "[workflow]\n",
    "[[backends]]\n",
    "[[feedback]]\n",
    "[platforms.a]\n",
    "[offload.us_channel_snr]\n",
    "name = ",
    "kind = ",
    "file = ",
    "url = ",
    "base_url = ",
    "token = ",
    "password = ",
    "\"env:A\"",
    "\"file:/x\"",
    "\"hunter2-canary\"",
    "\"10 MiB\"",
    "\"5 min\"",
    "\"1000000 h\"",
    "0x7fffffffffffffff",
    "1e400",
    "nan",
    "inf",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    "'''",
    "\"\"\"",
    "#",
    "\n",
    "2026-11-20T10:00:00Z",
    "\\u0000",
    "\"sfyc\"",
    "\"https://user:hunter2-canary@host/\"",
    "\"cherwell\"",
    "a.b.c.d.e.f.",
    "\"*/15 * * * *\"",
];

/// An error that says something and shows no secret, or a configuration that, shown and read again, is the same.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(text, "fuzz.toml", std::iter::empty()) {
        Err(error) => {
            let shown = error.to_string();
            assert!(!error.problems().is_empty() && shown.len() < MAX_ERROR, "{} bytes", shown.len());
            assert!(error.problems().len() <= 100);
            if is_secret_only(text) {
                assert!(!shown.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{shown}");
            }
        }
        Ok(loaded) => {
            let shown = loaded.to_toml();
            let again = Config::parse(&shown, "shown.toml", std::iter::empty());
            let Ok(again) = again else { panic!("what is shown can't be read: {again:?}\n{shown}") };
            assert_eq!(again.config, loaded.config, "{shown}");
            assert!(!is_secret_only(text) || !shown.contains(SECRET), "{shown}");
        }
    }
}

/// Whether [`SECRET`] stands in `text` only as a whole value of a key that holds a secret.
fn is_secret_only(text: &str) -> bool {
    let lines = text.lines().filter(|line| line.contains(SECRET));
    lines.into_iter().all(|line| {
        let Some((key, value)) = line.split_once('=') else { return false };
        SECRET_KEYS.contains(&key.trim()) && value.trim() == format!("\"{SECRET}\"")
    }) && !text.contains("'''")
        && !text.contains("\"\"\"")
}
