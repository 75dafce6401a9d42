//! The link that follows the number.

use std::sync::Arc;

use serde_json::json;
use ticketbridge_core::effect::{CallClass, Operation, Outcome};

use super::super::settings::{CherwellSettings, WorkOrderSettings, WorkOrderWay};
use super::super::{Shared, samples};
use super::{batch, decode, failed, good, items, shown, ticket_record};
use crate::{Decoded, Transport};

const OPERATION: Operation = Operation::LinkWorkOrder;

fn linked() -> Transport {
    samples::answer(200, &json!({"errorCode": null, "errorMessage": null, "hasError": false}))
}

fn missing() -> Transport {
    let words = "No HTTP resource was found that matches the request URI '/api/V2/linkrelatedbusinessobject'.";
    samples::answer(404, &json!({"Message": words}))
}

fn numbers(count: u32) -> Transport {
    batch(&(1..=count).map(|number| good(OPERATION, number)).collect::<Vec<_>>())
}

/// The numbers of so many items are written, and these are the answers to their links.
fn run(shared: &Arc<Shared>, count: u32, links: &[Transport]) -> (Vec<String>, Decoded) {
    let mut answers = vec![numbers(count)];
    answers.extend_from_slice(links);
    decode(shared, OPERATION, &items(count), &answers)
}

fn versions(asked: &[String]) -> Vec<&str> {
    asked.iter().map(|target| &target[9..11]).collect()
}

#[test]
fn each_work_order_is_linked_by_the_ids_of_its_records() {
    let (asked, decoded) = run(&samples::shared(), 2, &[linked(), linked()]);
    assert_eq!(shown(&decoded), "applied, applied");
    let site = samples::site();
    let order = site.work_order.unwrap();
    let expected = format!(
        "GET /api/V2/linkrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}/busobid/{}/busobrecid/\
         94d1{:038}?locale=en%2DUS",
        site.ticket.object.id,
        ticket_record(1),
        order.relationship.unwrap(),
        order.object.id,
        1
    );
    assert_eq!(asked[0], expected);
    assert_eq!(asked.len(), 2);
}

#[test]
fn an_id_never_breaks_out_of_its_path() {
    let mut one = items(1);
    one[0].work_order_record = Some(String::from("../x?y#z"));
    let (asked, _) = decode(&samples::shared(), OPERATION, &one, &[numbers(1), linked()]);
    assert!(asked[0].ends_with("/busobrecid/%2E%2E%2Fx%3Fy%23z?locale=en%2DUS"), "{asked:?}");
}

#[test]
fn nothing_is_linked_where_nothing_can_be() {
    let settings = |change: fn(&mut WorkOrderSettings)| {
        let mut order = WorkOrderSettings::default();
        change(&mut order);
        samples::shared_with(CherwellSettings { work_order: Some(order), ..CherwellSettings::default() })
    };
    let elsewhere = samples::shared_with(CherwellSettings::default());
    let no_relationship = settings(|order| order.relationship = None);
    let related = settings(|order| order.way = WorkOrderWay::Related);
    for shared in [elsewhere, no_relationship, related] {
        let (asked, decoded) = run(&shared, 1, &[]);
        assert_eq!((shown(&decoded).as_str(), asked.len()), ("applied", 0));
    }
    let mut one = items(1);
    one[0].work_order_record = None;
    let (asked, decoded) = decode(&samples::shared(), OPERATION, &one, &[numbers(1)]);
    assert_eq!((shown(&decoded).as_str(), asked.len()), ("applied", 0));
}

#[test]
fn an_item_whose_number_was_refused_is_not_linked() {
    let first = batch(&[failed("RECORDNOTFOUND", ""), good(OPERATION, 2)]);
    let (asked, decoded) = decode(&samples::shared(), OPERATION, &items(2), &[first, linked()]);
    assert_eq!((shown(&decoded).as_str(), asked.len()), ("gone, applied", 1));
}

#[test]
fn a_repeat_is_a_success() {
    let rows = [
        samples::answer(500, &failed("DuplicateEntry", "")),
        samples::answer(500, &failed("GENERALFAILURE", "Cannot insert: DuplicateEntry")),
        samples::answer(200, &failed("DUPLICATEENTRY", "")),
        samples::raw(500, "<html>DuplicateEntry</html>", &[]),
    ];
    for repeat in rows {
        let (_, decoded) = run(&samples::shared(), 1, std::slice::from_ref(&repeat));
        assert_eq!(shown(&decoded), "applied", "{repeat:?}");
    }
}

#[test]
fn a_site_without_the_second_version_is_asked_by_the_first_from_then_on() {
    let shared = samples::shared();
    let empty = || samples::raw(200, "", &[]);
    let (asked, decoded) = run(&shared, 2, &[missing(), empty(), samples::answer(200, &json!({}))]);
    assert_eq!((shown(&decoded).as_str(), versions(&asked)), ("applied, applied", vec!["V2", "V1", "V1"]));
    let repeat = samples::answer(500, &failed("GENERALFAILURE", "DuplicateEntry"));
    let (asked, decoded) = run(&shared, 1, &[repeat]);
    assert_eq!((shown(&decoded).as_str(), versions(&asked)), ("applied", vec!["V1"]));
}

#[test]
fn a_path_that_both_versions_lack_is_configuration_and_the_second_is_tried_again() {
    let shared = samples::shared();
    let (asked, decoded) = run(&shared, 2, &[missing(), missing()]);
    assert_eq!((shown(&decoded).as_str(), versions(&asked)), ("TB0203", vec!["V2", "V1"]));
    let (asked, _) = run(&shared, 1, &[linked()]);
    assert_eq!(versions(&asked), ["V2"]);
}

#[test]
fn a_link_that_fails_by_itself_leaves_its_neighbours_alone() {
    let rows = [
        ("general failure", samples::answer(500, &failed("GENERALFAILURE", "Something broke")), "refused"),
        ("the same with 200", samples::answer(200, &failed("GENERALFAILURE", "Something broke")), "refused"),
        ("no record", samples::answer(500, &failed("RECORDNOTFOUND", "")), "refused"),
        ("400", samples::raw(400, "", &[]), "refused"),
        ("HTML", samples::raw(500, "<html>", &[]), "unavailable"),
        ("502", samples::raw(502, "", &[]), "unavailable"),
        ("empty at the second version", samples::raw(200, "", &[]), "unavailable"),
        ("no object", samples::answer(200, &json!(null)), "unavailable"),
    ];
    for (name, bad, expected) in rows {
        let (asked, decoded) = run(&samples::shared(), 3, &[linked(), bad, linked()]);
        assert_eq!(shown(&decoded), format!("applied, {expected}, applied"), "{name}");
        assert_eq!(asked.len(), 3);
    }
}

#[test]
fn a_platform_at_fault_is_not_asked_for_the_rest() {
    let no_connection = || Transport::NotSent { why: String::from("no connection"), login: None };
    let time_out = || Transport::NoAnswer { why: String::from("time-out"), timed_out: true };
    let rows = [
        ("not sent", no_connection(), "call unavailable"),
        ("a time-out", time_out(), "call timed out"),
        ("503", samples::raw(503, "", &[("retry-after", "9")]), "call unavailable after 9"),
        ("429", samples::raw(429, "", &[("retry-after", "9")]), "throttled after 9"),
    ];
    for (name, bad, alone) in rows {
        let (_, decoded) = run(&samples::shared(), 2, std::slice::from_ref(&bad));
        assert_eq!(shown(&decoded), alone, "{name}: nothing was done");
        let (_, decoded) = run(&samples::shared(), 3, &[linked(), bad]);
        assert_eq!(shown(&decoded), "applied, unavailable, unavailable", "{name}: something was done");
    }
}

#[test]
fn missing_rights_and_names_hold_the_operation() {
    let no_relationship = failed("GENERALFAILURE", "Relationship 94b2 not found");
    let rows = [
        (samples::raw(403, "", &[]), "TB0202", false),
        (samples::answer(500, &failed("INSUFFICIENTRIGHTS", "")), "TB0202", false),
        (samples::answer(500, &no_relationship), "TB0203", true),
    ];
    for (bad, page, anew) in rows {
        let shared = samples::shared();
        let (_, decoded) = run(&shared, 3, &[linked(), bad]);
        assert_eq!(shown(&decoded), page);
        assert!(matches!(decoded.call, CallClass::Unavailable { configuration: true, .. }));
        assert_eq!(shared.site().is_none(), anew);
    }
}

#[test]
fn what_failed_says_that_the_number_is_written() {
    let (_, decoded) =
        run(&samples::shared(), 1, &[samples::answer(500, &failed("GENERALFAILURE", "Something broke"))]);
    let [Outcome::Refused { code, message, .. }] = decoded.outcomes.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(code, "GENERALFAILURE");
    assert!(message.contains("the number is written") && message.contains("Something broke"), "{message}");
}
