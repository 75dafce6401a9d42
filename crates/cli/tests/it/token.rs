//! `token` and `audit`, beside a running service.

use reqwest::Method;
use serde_json::json;

use crate::bridge::{Bridge, client};
use crate::place::{PATIENCE, Place, Settings, sandbox, until};

/// The status of an answer to a caller with this token.
async fn status(bridge: &Bridge, token: Option<&str>) -> u16 {
    let mut request =
        client().request(Method::GET, format!("http://{}/api/v1/tickets", bridge.address)).timeout(PATIENCE);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_made_listed_and_revoked_beside_a_service_and_audited() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    assert_eq!(status(&bridge, None).await, 200, "no token was ever made");

    let made = place.good(&["token", "create", "noc", "--role", "viewer", "--expires", "90d"]).await;
    let token = made.stdout.trim_end();
    assert!(token.starts_with("tb_") && token.len() == 67 && made.stdout.lines().count() == 1, "{made:#?}");
    assert!(made.stderr.contains("`noc` (viewer, valid until 20") && !made.stderr.contains(token), "{made:#?}");
    until("it is asked for a token", async || (status(&bridge, None).await == 401).then_some(())).await;
    assert_eq!(status(&bridge, Some(token)).await, 200);

    let second = place.good(&["--json", "token", "create", "head", "--role", "admin"]).await.json();
    assert_eq!(
        (&second["name"], &second["role"], &second["expires_at"]),
        (&json!("head"), &json!("admin"), &json!(null))
    );
    place.run(&["token", "create", "noc", "--role", "admin"]).await.says(1, &["noc", "another name"]);
    place.run(&["token", "create", "a b", "--role", "admin"]).await.says(1, &["`a b`", "letters"]);
    place.run(&["token", "create", "x", "--role", "boss"]).await.says(2, &["viewer", "operator", "admin"]);
    place.run(&["token", "create", "x", "--role", "admin", "--expires", "soon"]).await.says(1, &["--expires soon"]);
    place.run(&["token", "revoke", "nobody"]).await.says(1, &["nobody", "token list"]);

    place.good(&["token", "revoke", "noc"]).await.says(0, &["revoked"]);
    until("it is refused", async || (status(&bridge, Some(token)).await == 401).then_some(())).await;
    let second = second["token"].as_str().expect("the token");
    until("the other one is good", async || (status(&bridge, Some(second)).await == 200).then_some(())).await;

    let list = place.good(&["--json", "token", "list"]).await;
    let states: Vec<_> = list.json().as_array().expect("a list").iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["valid", "revoked"]);
    place.good(&["token", "list"]).await.says(0, &[]);
    let audit = place.good(&["--json", "audit", "list"]).await;
    let lines: Vec<_> = audit.json()["items"].as_array().expect("lines").clone();
    let told: Vec<_> =
        lines.iter().map(|line| format!("{} {} {}", line["who"], line["act"], line["subject"])).collect();
    assert_eq!(
        told,
        [r#""cli" "token.revoke" "noc""#, r#""cli" "token.create" "head""#, r#""cli" "token.create" "noc""#,]
    );
    place.good(&["audit", "list", "--limit", "1"]).await.says(0, &["--cursor"]);
    for shown in [&list.stdout, &audit.stdout, &bridge.log()] {
        assert!(!shown.contains(token) && !shown.contains(second), "no token is shown twice");
    }
    bridge.stop().await;
}
