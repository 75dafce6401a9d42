//! Every route of the router, with each role, by token and by cookie, and without any.
//!
//! The table is held against the source: a route that is added to the router and not here fails the test.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::access::TOKENS;
use crate::place::{CONFIG, Delivery, Place, json_body};
use crate::session::Browser;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Nothing,
    Viewer,
    Operator,
    Admin,
}
use Need::{Admin, Nothing, Operator, Viewer};

const ROLES: [(&str, Need); 3] = [("viewer", Viewer), ("operator", Operator), ("admin", Admin)];

/// Method, pattern and who may call it. A part in braces is tried with something that is not there.
const ROUTES: &[(&str, &str, Need)] = &[
    ("GET", "/api/v1/tickets", Viewer),
    ("POST", "/api/v1/tickets", Operator),
    ("POST", "/api/v1/tickets/redrive", Operator),
    ("GET", "/api/v1/tickets/{id}", Viewer),
    ("GET", "/api/v1/tickets/{id}/timeline", Viewer),
    ("GET", "/api/v1/tickets/{id}/explain", Viewer),
    ("POST", "/api/v1/tickets/{id}/retry", Operator),
    ("POST", "/api/v1/tickets/{id}/dismiss", Operator),
    ("GET", "/api/v1/backends", Viewer),
    ("GET", "/api/v1/backends/{name}", Viewer),
    ("PATCH", "/api/v1/backends/{name}", Operator),
    ("GET", "/api/v1/platforms", Viewer),
    ("GET", "/api/v1/problems", Viewer),
    ("GET", "/api/v1/events", Viewer),
    ("GET", "/api/v1/exchanges", Viewer),
    ("GET", "/api/v1/exchanges/{id}", Viewer),
    ("GET", "/api/v1/history", Viewer),
    ("GET", "/api/v1/aggregations", Viewer),
    ("GET", "/api/v1/aggregations/{name}", Viewer),
    ("GET", "/api/v1/aggregations/{name}/{group}", Viewer),
    ("GET", "/api/v1/offloads", Viewer),
    ("POST", "/api/v1/offloads/{kind}", Operator),
    ("POST", "/api/v1/offloads/{kind}/now", Operator),
    ("POST", "/api/v1/topology/confirm", Operator),
    ("POST", "/api/v1/topology/refuse", Operator),
    ("GET", "/api/v1/workflow/runs", Viewer),
    ("POST", "/api/v1/workflow/run", Operator),
    ("GET", "/api/v1/feedback", Viewer),
    ("GET", "/api/v1/feedback/{organizer}", Viewer),
    ("POST", "/api/v1/feedback/{organizer}/run", Operator),
    ("POST", "/api/v1/feedback/{organizer}/replay", Operator),
    ("GET", "/api/v1/feedback/{organizer}/runs", Viewer),
    ("GET", "/api/v1/feedback/{organizer}/runs/{run}", Viewer),
    ("GET", "/api/v1/feedback/{organizer}/key", Viewer),
    ("GET", "/api/v1/feedback/{organizer}/key/history", Viewer),
    ("POST", "/api/v1/feedback/{organizer}/key/rewind", Operator),
    ("GET", "/api/v1/feedback/{organizer}/skip", Viewer),
    ("POST", "/api/v1/feedback/{organizer}/skip", Operator),
    ("DELETE", "/api/v1/feedback/{organizer}/skip", Operator),
    ("GET", "/api/v1/feedback/{organizer}/failed", Viewer),
    ("POST", "/api/v1/feedback/{organizer}/failed/retry", Operator),
    ("POST", "/api/v1/feedback/{organizer}/failed/dismiss", Operator),
    ("GET", "/api/v1/mobile-tickets", Viewer),
    ("GET", "/api/v1/contacts", Viewer),
    ("GET", "/api/v1/distributions", Viewer),
    ("POST", "/api/v1/persons/erase", Admin),
    ("GET", "/api/v1/audit", Admin),
    ("GET", "/api/v1/config", Admin),
    ("POST", "/api/v1/config/reload", Admin),
    ("GET", "/", Viewer),
    ("GET", "/login", Nothing),
    ("POST", "/login", Nothing),
    ("POST", "/logout", Viewer),
    ("POST", "/console/language", Viewer),
    ("GET", "/console/assets/{version}/{name}", Nothing),
    ("GET", "/console", Viewer),
    ("GET", "/console/aggregations", Viewer),
    ("GET", "/console/aggregations/{name}", Viewer),
    ("GET", "/console/aggregations/{name}/{group}", Viewer),
    ("GET", "/console/offloads", Viewer),
    ("POST", "/console/offloads/{kind}/now", Operator),
    ("POST", "/console/offloads/topology/{act}", Operator),
    ("GET", "/console/audit", Admin),
    ("GET", "/console/backends", Viewer),
    ("POST", "/console/backends/{name}", Operator),
    ("GET", "/console/errors", Viewer),
    ("GET", "/console/errors/{group}", Viewer),
    ("POST", "/console/errors/{group}/redrive", Operator),
    ("GET", "/console/tickets", Viewer),
    ("GET", "/console/tickets.csv", Viewer),
    ("GET", "/console/tickets/{id}", Viewer),
    ("POST", "/console/tickets/{id}/retry", Operator),
    ("POST", "/console/tickets/{id}/dismiss", Operator),
    ("GET", "/console/stream", Viewer),
    ("GET", "/console/stream/text", Viewer),
    ("GET", "/console/stream/{id}", Viewer),
    ("GET", "/console/feedback", Viewer),
    ("GET", "/console/feedback/mobile-tickets", Viewer),
    ("GET", "/console/feedback/{organizer}", Viewer),
    ("POST", "/console/feedback/{organizer}/run", Operator),
    ("GET", "/console/feedback/{organizer}/runs", Viewer),
    ("GET", "/console/feedback/{organizer}/runs/{run}", Viewer),
    ("GET", "/console/feedback/{organizer}/key", Viewer),
    ("POST", "/console/feedback/{organizer}/key/preview", Operator),
    ("POST", "/console/feedback/{organizer}/key/rewind", Operator),
    ("GET", "/console/feedback/{organizer}/failed", Viewer),
    ("POST", "/console/feedback/{organizer}/failed/retry", Operator),
    ("POST", "/console/feedback/{organizer}/failed/retry-all", Operator),
    ("POST", "/console/feedback/{organizer}/failed/dismiss", Operator),
    ("GET", "/console/feedback/{organizer}/skip", Viewer),
    ("POST", "/console/feedback/{organizer}/skip/add", Operator),
    ("POST", "/console/feedback/{organizer}/skip/remove", Operator),
    ("GET", "/openapi.json", Viewer),
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", Viewer),
    ("GET", "/errors/{code}", Nothing),
];

/// Where the routes of a file, or of a part of it, stand.
fn routes_in(source: &str, prefix: &str, found: &mut BTreeSet<(String, String)>) {
    for part in source.split(".route(").skip(1) {
        let path = part.split('"').nth(1).unwrap();
        let call = part.split(".nest(").next().unwrap();
        let path = format!("{prefix}{path}");
        let path = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path };
        let mut methods = 0;
        for method in ["get", "post", "patch", "delete", "put"] {
            if call
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(')
                .any(|word| word.starts_with(&format!("{method}(")))
            {
                found.insert((method.to_uppercase(), path.clone()));
                methods += 1;
            }
        }
        assert!(methods > 0, "{path}: no method is recognised in `{call}`");
    }
}

#[test]
fn the_table_has_every_route() {
    let mut found = BTreeSet::new();
    let api = include_str!("../../src/routes/mod.rs");
    let (top, api) = api.split_once("fn api()").expect("the routes of the API");
    routes_in(top, "", &mut found);
    routes_in(api, "/api/v1", &mut found);
    // Whatever else the API has is described, and the description is held to the server by a test of its own.
    let document: serde_json::Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        found.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let console = include_str!("../../src/console/mod.rs");
    let (top, nested) = console.split_once("            \"/console\",").expect("where the console is nested");
    routes_in(top, "", &mut found);
    routes_in(nested, "/console", &mut found);
    routes_in(include_str!("../../src/console/pages/mod.rs"), "/console", &mut found);
    routes_in(include_str!("../../src/console/pages/feedback/mod.rs"), "/console/feedback", &mut found);
    routes_in(include_str!("../../src/console/pages/login.rs"), "", &mut found);

    let table: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(found.difference(&table).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the table");
    assert_eq!(table.difference(&found).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the router");
}

#[test]
fn routes_stand_only_where_the_table_looks() {
    let known = [
        "routes/mod.rs",
        "console/mod.rs",
        "console/pages/mod.rs",
        "console/pages/feedback/mod.rs",
        "console/pages/login.rs",
    ];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                assert!(!source.contains(".route(") || known.contains(&name.as_str()), "{name} has routes of its own");
            }
        }
    }
}

/// Something that is not there.
fn concrete(pattern: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { String::from("nobody") } else { part.to_owned() };
    let path = pattern.split('/').map(part).collect::<Vec<_>>().join("/");
    // An endless stream, were it let through.
    if path == "/api/v1/events" { format!("{path}?limit=0") } else { path }
}

fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/login" | "/logout") || path.starts_with("/console")
}

struct Trial<'p> {
    stranger: Browser<'p>,
    /// With the seal of each.
    browsers: Vec<(Need, Browser<'p>, String)>,
}

impl<'p> Trial<'p> {
    async fn in_place(place: &'p Place) -> Self {
        let mut browsers = Vec::new();
        for (role, may) in ROLES {
            let browser = Browser::log_in(place, &format!("token-of-{role}")).await;
            let seal = browser.seal().await;
            browsers.push((may, browser, seal));
        }
        Self { stranger: Browser::new(place), browsers }
    }

    /// The status of a request by this browser, with these headers.
    async fn status(
        browser: &Browser<'_>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, Option<String>) {
        let mut request = browser.request(method.parse::<Method>().unwrap(), path);
        if method != "GET" && is_page(path) && path != "/login" {
            request = request.header("content-type", "application/x-www-form-urlencoded").body("reason=x");
        } else if method != "GET" {
            request = json_body(request, &if path.ends_with("/erase") { json!({"email": "a@b"}) } else { Value::Null });
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let seen = browser.send(request).await;
        (seen.status, seen.location)
    }

    async fn of(&self, method: &str, pattern: &str, need: Need) {
        let path = concrete(pattern);
        let (path, what) = (path.as_str(), format!("{method} {pattern}"));
        let (looks, page) = (method == "GET", is_page(pattern));
        let is_let = |status: u16| status != 401 && status != 403;

        let (status, location) = Self::status(&self.stranger, method, path, &[]).await;
        match need {
            Nothing => assert!(is_let(status), "{what}: {status} without a token"),
            _ if looks && page => {
                let login = location.is_some_and(|location| location.starts_with("/login?to=%2F"));
                assert!(status == 303 && login, "{what}: {status} without a token");
            }
            _ => assert_eq!(status, 401, "{what} without a token"),
        }
        if need > Nothing {
            let wrong = Self::status(&self.stranger, method, path, &[("authorization", "Bearer tb_wrong")]).await;
            assert_eq!(wrong.0, 401, "{what} with a wrong token");
        }
        for (role, may) in ROLES {
            let token = format!("Bearer token-of-{role}");
            let (status, _) = Self::status(&self.stranger, method, path, &[("authorization", &token)]).await;
            // A form of the console is obeyed with its seal only, whoever sends it.
            let expected = may >= need && (looks || !page || need == Nothing);
            assert_eq!(is_let(status), expected, "{what} by the token of the {role}: {status}");
        }
        for (may, browser, seal) in &self.browsers {
            let (status, location) = Self::status(browser, method, path, &[]).await;
            if pattern == "/metrics" {
                assert_eq!(status, 401, "{what}: no browser goes there");
                continue;
            }
            assert!(!location.is_some_and(|location| location.starts_with("/login?")), "{what} by cookie: {may:?}");
            let expected = need == Nothing || (looks && *may >= need);
            assert_eq!(is_let(status), expected, "{what} by the cookie of {may:?} without a seal: {status}");
            let (status, _) = Self::status(browser, method, path, &[("x-ticketbridge-seal", seal)]).await;
            let expected = need == Nothing || (*may >= need && (looks || !page));
            assert_eq!(is_let(status), expected, "{what} by the cookie of {may:?} with its seal: {status}");
        }
        if !looks {
            let (may, browser, seal) = self.browsers.last().unwrap();
            let headers = [("x-ticketbridge-seal", seal.as_str()), ("origin", "http://evil.example")];
            let (status, _) = Self::status(browser, method, path, &headers).await;
            assert_eq!(status, 403, "{what} by {may:?} from a page of another site");
        }
    }
}

#[tokio::test]
async fn every_route_knows_who_calls() {
    // Two strangers per route, of whom a server bears 50 at once.
    for part in ROUTES.chunks(20) {
        let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
        let trial = Trial::in_place(&place).await;
        for (method, pattern, need) in part {
            trial.of(method, pattern, *need).await;
        }
    }
}

#[tokio::test]
async fn while_there_are_no_tokens_no_other_name_of_this_machine_is_answered() {
    let place = Place::open().await;
    let browser = Browser::new(&place);
    for (method, pattern, _) in ROUTES {
        let foreign = Trial::status(&browser, method, &concrete(pattern), &[("host", "evil.example")]).await;
        assert_eq!(foreign.0, 403, "{method} {pattern} by a foreign name");
    }
}
