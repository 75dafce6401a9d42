//! What typical mistakes look like to the person who made them.

use ticketbridge_config::Config;

fn report(text: &str, environment: &[(&str, &str)]) -> String {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Config::parse(text, "ticketbridge.toml", environment) {
        Ok(_) => String::from("no problem"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn several_mistakes_are_reported_at_once() {
    let text = r#"
[server]
lisen = "127.0.0.1:8080"
shutdown_grace = 25

[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "my-secret-token"
settlingtime = "5s"
timeouts = { connect = "5 seconds", reqest = "60s" }
"#;
    insta::assert_snapshot!(report(text, &[]), @"");
}

#[test]
fn the_defaults_alone_are_fine() {
    insta::assert_snapshot!(report("", &[]), @"no problem");
}
