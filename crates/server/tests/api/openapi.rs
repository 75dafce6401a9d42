//! The description of the API is the one that is committed.

use std::path::PathBuf;

use serde_json::Value;

use crate::place::Place;

/// Renew it with `RENEW_OPENAPI=1 cargo nextest run -p ticketbridge-server openapi`, and look at the difference.
#[tokio::test]
async fn the_description_is_the_one_that_is_committed() {
    let place = Place::open().await;
    let mut document = place.get("/openapi.json").await.ok();
    document["info"]["version"] = Value::from("as released");
    let text = format!("{document:#}\n");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("RENEW_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == text,
        "docs/openapi.json is not what the server says; renew it: RENEW_OPENAPI=1 (see this test)"
    );
}

#[tokio::test]
async fn every_operation_is_described_to_its_end() {
    let place = Place::open().await;
    let document = place.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let about = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{about}: a name twice");
            let holes: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
            let described = operation["parameters"].as_array().map_or(0, |all| {
                all.iter().filter(|one| one["in"] == "path" && path.contains(one["name"].as_str().unwrap())).count()
            });
            assert_eq!(described, holes.len(), "{about}: parameters of the path");
            assert!(operation["responses"]["400"]["content"]["application/problem+json"].is_object(), "{about}");
        }
    }
    assert!(names.len() > 45, "{}", names.len());
}

/// Everything under `/api/v1` but the stream of events is registered in the way that describes it.
#[test]
fn nothing_is_registered_beside_the_description() {
    let source = include_str!("../../src/routes/mod.rs");
    let api = source.split_once("fn api()").unwrap().1;
    let beside: Vec<&str> = api.lines().map(str::trim).filter(|line| line.starts_with(".route(")).collect();
    assert_eq!(beside, [".route(\"/events\", get(events::listen))"]);
    assert!(!source.contains(".route(\"/api"));
}
