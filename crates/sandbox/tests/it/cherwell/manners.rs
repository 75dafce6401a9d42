//! Checklist 2, 5, 12 and 13: paths, bodies, error bodies, dates.

use http::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::Call;
use ticketbridge_sandbox::cherwell::{CherwellSettings, OperatorAct};

use super::support::{Cherwell, INCIDENT, text, value};

#[test]
fn paths_have_no_case_and_slashes_may_be_doubled_or_at_the_end() {
    let mut site = Cherwell::new();
    for path in [
        "/api/V2/getteams",
        "//api//V2/getteams",
        "/API/v2/GetTeams/",
        "/api/v2/GETTEAMS//",
        "/Api/V2/getTeams?api_key=x",
    ] {
        assert_eq!(site.get(path).0, 200, "{path}");
    }
    let ticket = site.create_one("a");
    let path = format!("//API/v1/GetBusinessObject/BusObID/{INCIDENT}//BusObRecId/{}/", ticket.0.to_uppercase());
    assert_eq!(site.get(&path).0, 200);
}

#[test]
fn what_is_no_operation_is_404_or_405() {
    let mut site = Cherwell::new();
    for path in
        ["", "/", "/api", "/api/V1", "/api/V1/nothing", "/api/V3/getteams", "/getteams", "/api/V1/getbusinessobject"]
    {
        let (status, body) = site.get(path);
        let shown = path.split('?').next().unwrap_or_default();
        assert_eq!(status, 404, "{path}");
        let expected = format!("No HTTP resource was found that matches the request URI '{shown}'.");
        assert_eq!(body, json!({"Message": expected}));
    }
    let call = site.request(Method::GET, "/api/V1/savebusinessobject");
    let reply = site.reply(&call);
    assert_eq!((reply.status, reply.headers), (405, vec![("allow", "POST".to_owned())]));
}

#[test]
fn bodies_are_read_leniently_and_wrong_ones_refused() {
    let mut site = Cherwell::new();
    let body = format!(
        r#"{{"BUSOBID":"{INCIDENT}","busobrecid":null,"Persist":"true","unknown":{{"a":[1]}},"Fields":[
            {{"Dirty":"True","FIELDID":"FI:93e8ea93ff67fd95118255419690a50ef2d56f910c","VALUE":5}}]}}"#
    );
    let call = site.request(Method::POST, "/api/V1/savebusinessobject").with_body(body);
    let (status, saved) = site.call(&call);
    assert_eq!(status, 200, "{saved}");
    assert_eq!(site.value(&text(&saved["busObRecId"]), "ShortDescription"), "5");
    let deep = format!("{{\"saveRequests\":{}", "[".repeat(10_000));
    for wrong in [
        "",
        "{",
        "[]",
        "null",
        "\"text\"",
        "\u{fffe}",
        "{\"saveRequests\":5}",
        "{\"saveRequests\":[{\"fields\":5}]}",
        &deep,
    ] {
        let call = site.request(Method::POST, "/api/V1/savebusinessobjectbatch").with_body(wrong.to_owned());
        let (status, refused) = site.call(&call);
        assert_eq!((status, &refused["errorCode"]), (400, &json!("BADREQUEST")), "{wrong:.40}");
    }
    let odd = json!({"saveRequests": [5, null, {"busObId": 7}, {"busObId": {"a": 1}, "fields": [3, null]}]});
    let (status, answer) = site.post("savebusinessobjectbatch", &odd);
    assert_eq!((status, answer["responses"].as_array().map(Vec::len)), (200, Some(4)));
    assert!(answer["responses"].as_array().expect("all").iter().all(|one| one["errorCode"] == "GENERALFAILURE"));
    assert_eq!(site.stats().tickets, 1);
}

#[test]
fn a_body_in_chunks_is_411() {
    let mut site = Cherwell::new();
    let item = site.ticket("a");
    let call = site.request(Method::POST, "/api/V1/savebusinessobject").with_body(item.to_string()).in_chunks();
    assert_eq!(site.call(&call).0, 411);
    assert_eq!((site.stats().chunked_requests, site.stats().tickets), (1, 0));
}

#[test]
fn dates_follow_the_culture_of_the_request_at_the_sites_offset() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let path = format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{}", ticket.0);
    for (query, expected) in [
        ("", "11/21/2026 9:31:39 AM"),
        ("?locale=en-US", "11/21/2026 9:31:39 AM"),
        ("?lang=en-gb", "21/11/2026 09:31:39"),
        ("?Locale=es-MX", "21/11/2026 9:31 AM"),
        ("?locale=es-ES", "21/11/2026 9:31:39"),
        ("?locale=de-DE", "21.11.2026 09:31:39"),
        ("?locale=fr-FR", "21/11/2026 09:31:39"),
        ("?locale=pt-BR", "21/11/2026 09:31:39"),
    ] {
        let (_, read) = site.get(&format!("{path}{query}"));
        assert_eq!(value(&read, "CreatedDateTime"), expected, "{query}");
    }
    assert_eq!(site.get(&format!("{path}?locale=xx-XX")).0, 400);
    let call = site.request(Method::PUT, "/api/V1/setculture/culturecode/de-DE");
    assert_eq!(site.call(&call).0, 200);
    assert_eq!(value(&site.get(&path).1, "CreatedDateTime"), "21.11.2026 09:31:39", "of the session");
    assert_eq!(value(&site.get(&format!("{path}?locale=en-US")).1, "CreatedDateTime"), "11/21/2026 9:31:39 AM");
    let call = site.request(Method::PUT, "/api/V1/setculture/culturecode/none");
    assert_eq!(site.call(&call).0, 400);
    site.log_in();
    assert_eq!(value(&site.get(&path).1, "CreatedDateTime"), "11/21/2026 9:31:39 AM", "of another session");
}

#[test]
fn written_dates_and_numbers_are_read_in_the_requests_culture() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let fields = [
        ("SLARespondByDeadline", "01.02.2026 03:04:05"),
        ("IncidentDurationInHours", "2,5"),
        ("ClosedOn1stCall", "true"),
    ];
    assert_eq!(site.value(&ticket.0, "ClosedOn1stCall"), "False", "a logical is never empty");
    let mut item = site.item(INCIDENT, &fields);
    item["busObRecId"] = json!(ticket.0);
    assert_eq!(site.post("/api/V1/savebusinessobject?locale=de-DE", &item).0, 200);
    assert_eq!(site.value(&ticket.0, "SLARespondByDeadline"), "2/1/2026 3:04:05 AM");
    assert_eq!(site.value(&ticket.0, "IncidentDurationInHours"), "2.50");
    assert_eq!(site.value(&ticket.0, "ClosedOn1stCall"), "True");
    let (status, refused) = site.post("/api/V1/savebusinessobject?locale=en-US", &item);
    assert_eq!((status, refused["fieldValidationErrors"].as_array().map(Vec::len)), (200, Some(2)));
}

#[test]
fn the_offset_is_a_setting() {
    let settings = CherwellSettings { utc_offset_minutes: 330, ..CherwellSettings::default() };
    let mut site = Cherwell::with(1, settings);
    let ticket = site.create_one("a");
    assert_eq!(site.value(&ticket.0, "CreatedDateTime"), "11/21/2026 9:01:39 PM");
    let (_, info) = site.call(&Call::new(Method::GET, "/api/v1/ServiceInfo/"));
    assert_eq!(info["systemUtcOffset"], "05:30:00");
    assert_eq!(info["systemDateTime"], "2026-11-21T21:01:39.0000000+05:30");
    assert!(CherwellSettings::default().utc_offset_minutes != 0, "not zero unless somebody says so");
    let wrong = CherwellSettings { utc_offset_minutes: 900, ..CherwellSettings::default() };
    assert_eq!(site.model.set_settings(wrong).expect_err("too far").name, "utc_offset_minutes");
}

#[test]
fn missing_records_and_objects_have_the_contracts_errors() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    site.model.operate(site.now, &ticket.1, &OperatorAct::Delete {}).expect("deleted");
    for tail in [format!("busobrecid/{}", ticket.0), format!("publicid/{}", ticket.1), "busobrecid/x".to_owned()] {
        let (status, read) = site.get(&format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/{tail}"));
        let expected = json!({
            "busObId": null, "busObPublicId": null, "busObRecId": null, "fields": [], "links": [],
            "errorCode": "RECORDNOTFOUND", "errorMessage": "Record not found", "hasError": true,
        });
        assert_eq!((status, read), (500, expected), "{tail}");
    }
    let (status, read) = site.get("/api/V1/getbusinessobject/busobid/93ab/busobrecid/x");
    assert_eq!((status, &read["errorCode"]), (500, &json!("GENERALFAILURE")));
    let (status, search) = site.post("getsearchresults", &json!({}));
    assert_eq!((status, &search["errorCode"]), (500, &json!("SEARCHNOTFOUND")));
    assert_eq!(search["httpStatusCode"], 500);
    assert_ne!(search["errorMessage"], Value::Null);
    let mut item = site.ticket("a");
    item["busObRecId"] = json!(ticket.0);
    let (status, saved) = site.post("savebusinessobject", &item);
    assert_eq!((status, &saved["errorCode"], &saved["busObRecId"]), (500, &json!("RECORDNOTFOUND"), &Value::Null));
}
