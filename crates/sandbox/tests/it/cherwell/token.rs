//! Checklist 1: tokens.

use http::Method;
use serde_json::json;
use ticketbridge_sandbox::cherwell::CherwellSettings;
use ticketbridge_sandbox::{Act, Call};

use super::support::{Cherwell, LOGIN, text};

fn token(target: &str, form: &str) -> Call {
    Call::new(Method::POST, target).with_body(form.to_owned())
}

#[test]
fn a_login_answers_a_pair_of_tokens() {
    let mut site = Cherwell::new();
    let (status, answer) = site.token_call(LOGIN);
    assert_eq!((status, &answer["token_type"], &answer["expires_in"]), (200, &json!("bearer"), &json!(1_199)));
    assert_eq!(answer["as:client_id"], "0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a");
    assert_eq!(answer["username"], "svc_noc");
    let refresh = text(&answer["refresh_token"]);
    assert!(refresh.len() == 32 && refresh.bytes().all(|byte| byte.is_ascii_hexdigit()), "{refresh}");
    assert_eq!(answer[".issued"], "Sat, 21 Nov 2026 15:31:39 GMT");
    assert_eq!(answer[".expires"], "Sat, 21 Nov 2026 15:51:38 GMT");
}

#[test]
fn logins_come_in_all_the_forms_that_clients_send() {
    let mut site = Cherwell::new();
    let without_client = LOGIN.replace("client_id=0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a&", "");
    let in_query = "/token?auth_mode=INTERNAL&site_name=&client_id=0B7C2F3E-1111-4222-8333-9A9A9A9A9A9A";
    for call in [
        token("/token", &format!("{LOGIN}&auth_mode=internal")),
        token("//api/v1/TOKEN/?auth_mode=Internal", LOGIN),
        token("/token?AUTH_MODE=auto&api_key=x", &LOGIN.replace("Cherwell%5C", "")),
        token(in_query, &without_client),
        Call {
            authorization: Some("Basic MGI3YzJmM2UtMTExMS00MjIyLTgzMzMtOWE5YTlhOWE5YTlhOg==".to_owned()),
            ..token("/token", &without_client)
        },
        token(&format!("/token?{LOGIN}"), ""),
    ] {
        let (status, answer) = site.call(&call);
        assert_eq!(status, 200, "{call:?}: {answer}");
    }
    assert_eq!(site.stats().logins, 7);
}

#[test]
fn wrong_logins_are_400_with_the_contracts_texts() {
    let mut site = Cherwell::new();
    let refused = "Could not login to system with the provided user ID and password.";
    for (form, error, description) in [
        (LOGIN.replace("sandbox-only", "wrong"), "invalid_grant", Some(refused)),
        (LOGIN.replace("svc_noc", "nobody"), "invalid_grant", Some(refused)),
        (format!("{LOGIN}&auth_mode=LDAP"), "invalid_grant", Some(refused)),
        (
            LOGIN.replace("0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a", "12345"),
            "invalid_client_id",
            Some("Client 12345 is not registered in the system."),
        ),
        (LOGIN.replace("grant_type=password", "grant_type=client_credentials"), "unsupported_grant_type", None),
        (LOGIN.replace("grant_type=password", "grant_type=refresh_token"), "invalid_grant", None),
    ] {
        let expected = match description {
            Some(description) => json!({"error": error, "error_description": description}),
            None => json!({"error": error}),
        };
        assert_eq!(site.token_call(&form), (400, expected), "{form}");
    }
    for form in ["", "\u{0}", "{", "{}", "nonsense"] {
        assert_eq!(site.token_call(form).1["error"], "invalid_client_id", "{form:?}");
    }
    assert_eq!(site.stats().refused_logins, 11);
    assert_eq!(site.stats().logins, 1);
}

#[test]
fn a_refresh_kills_both_old_tokens() {
    let mut site = Cherwell::new();
    let old = (site.token.clone(), site.refresh.clone());
    let (status, answer) = site.refresh_call(&old.1);
    assert_eq!(status, 200);
    assert_eq!(site.get("/api/V2/getteams").0, 401, "the old access token");
    assert_eq!(site.refresh_call(&old.1), (400, json!({"error": "invalid_grant"})), "the old refresh token");
    site.keep(&answer);
    assert_ne!((&site.token, &site.refresh), (&old.0, &old.1));
    assert_eq!(site.get("/api/V2/getteams").0, 200);
    let counted = site.stats();
    assert_eq!((counted.logins, counted.refreshes, counted.live_sessions), (1, 1, 1));
}

#[test]
fn tokens_die_with_time() {
    let settings = CherwellSettings { token_life_s: 60, refresh_life_s: 300, ..CherwellSettings::default() };
    let mut site = Cherwell::with(1, settings);
    let issued = Cherwell::START;
    site.now = issued + 58_999;
    assert_eq!(site.get("/api/V2/getteams").0, 200);
    site.now = issued + 59_000;
    assert_eq!(site.get("/api/V2/getteams").0, 401);
    assert_eq!(site.stats().live_sessions, 0);
    let refresh = site.refresh.clone();
    let (status, answer) = site.refresh_call(&refresh);
    assert_eq!(status, 200, "the refresh token lives longer");
    let refresh = text(&answer["refresh_token"]);
    site.now += 300_000;
    assert_eq!(site.refresh_call(&refresh), (400, json!({"error": "invalid_grant"})));
}

#[test]
fn a_logout_ends_the_session() {
    let mut site = Cherwell::new();
    let logout = site.request(Method::DELETE, "/api/V1/logout");
    assert_eq!(site.call(&logout).0, 200);
    assert_eq!(site.get("/api/V2/getteams").0, 401);
    assert_eq!(site.call(&logout).0, 401);
    let refresh = site.refresh.clone();
    assert_eq!(site.refresh_call(&refresh).0, 400);
}

#[test]
fn tokens_change_only_when_their_effect_takes_place() {
    let mut site = Cherwell::new();
    let form = format!(
        "grant_type=refresh_token&client_id=0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a&refresh_token={}",
        site.refresh
    );
    let acts = site.acts(&token("/token", &form));
    assert!(matches!(acts[0].1, Act::Commit(_)));
    assert_eq!(site.get("/api/V2/getteams").0, 200, "nothing has happened yet");
    site.perform(acts);
    assert_eq!(site.get("/api/V2/getteams").0, 401);
}

#[test]
fn everything_but_token_and_serviceinfo_needs_a_token() {
    let mut site = Cherwell::new();
    for authorization in [None, Some("Bearer"), Some("Bearer wrong"), Some("Basic x"), Some("Bearer sandbox-only")] {
        let call =
            Call { authorization: authorization.map(str::to_owned), ..Call::new(Method::GET, "/api/V2/getteams") };
        let reply = site.reply(&call);
        assert_eq!(reply.status, 401, "{authorization:?}");
        assert_eq!(reply.headers, [("www-authenticate", "Bearer".to_owned())]);
        assert_eq!(reply.body, r#"{"Message":"Authorization has been denied for this request."}"#.as_bytes());
    }
    let (status, info) = site.call(&Call::new(Method::GET, "/api/V1/serviceinfo"));
    assert_eq!((status, &info["apiVersion"], &info["systemUtcOffset"]), (200, &json!("10.5.0"), &json!("-06:00:00")));
    assert_eq!(info["systemDateTime"], "2026-11-21T09:31:39.0000000-06:00");
}
