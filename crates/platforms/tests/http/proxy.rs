//! Proxies of the environment: obeyed, loopback included, or bypassed; by requests for tickets and for tokens alike.

use ticketbridge_platforms::Transport;
use ticketbridge_platforms::http::{ClientSettings, Grant, HttpClient};

use crate::server::{Act, Server, get, logging_in, oauth, ok, send};

/// Not a test of its own: the process that `proxied` starts, since the environment is read once and belongs to all.
#[tokio::test]
async fn proxy_process() {
    if let Ok(target) = std::env::var("TICKETBRIDGE_TEST_TARGET") {
        let bypass_proxy = std::env::var_os("TICKETBRIDGE_TEST_BYPASS").is_some();
        let login = logging_in(&target, oauth(Grant::ClientCredentials));
        let client = HttpClient::new(ClientSettings { bypass_proxy, ..login }).unwrap();
        let exchange = send(&client, &get()).await;
        assert!(matches!(exchange.transport, Transport::Answered(_)), "{exchange:?}");
    }
}

async fn proxied(variables: Vec<String>) {
    let program = std::env::current_exe().unwrap();
    let run = move || {
        let unset = ["http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "REQUEST_METHOD"];
        let mut command = std::process::Command::new(program);
        for name in unset {
            command.env_remove(name);
        }
        command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
        command.args(["--exact", "proxy::proxy_process"]).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Answers every request with a token, which is good for both.
async fn server() -> Server {
    Server::start(|_, _| Act::Send(ok(r#"{"access_token":"token"}"#))).await
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_obeyed_loopback_included_or_bypassed() {
    let (origin, proxy) = (server().await, server().await);
    let target = format!("TICKETBRIDGE_TEST_TARGET={}", origin.address);
    let through = format!("HTTP_PROXY={}", proxy.address);
    proxied(vec![target.clone(), through.clone()]).await;
    assert_eq!((proxy.count(), origin.count()), (2, 0), "the token and the call");
    let heads = proxy.heads();
    assert!(heads[0].starts_with(&format!("post {}/token ", origin.address)), "{}", heads[0]);
    assert!(heads[1].starts_with(&format!("get {}/tickets?", origin.address)), "{}", heads[1]);
    proxied(vec![target.clone(), through.clone(), String::from("TICKETBRIDGE_TEST_BYPASS=1")]).await;
    assert_eq!((proxy.count(), origin.count()), (2, 2));
    proxied(vec![target, through, String::from("NO_PROXY=127.0.0.1")]).await;
    assert_eq!((proxy.count(), origin.count()), (2, 4));
}
