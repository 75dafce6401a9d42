//! Older tickets and people at work.

use serde_json::json;
use ticketbridge_sandbox::sfyc::{OperatorAct, OperatorError, SeedTicket, Status};

use crate::support::{Platform, column, items, ticket};

fn seed(kind: &str, title: &str) -> SeedTicket {
    SeedTicket { kind: kind.to_owned(), title: Some(title.to_owned()), ..SeedTicket::default() }
}

#[test]
fn a_ticket_opened_before_us_has_no_references() {
    let mut platform = Platform::new();
    let old = SeedTicket { created_at: Some("2026-01-02T03:04:05Z".to_owned()), ..seed("SNR", "SNR USSG-1") };
    let numbers = platform.model.seed_tickets(platform.now, vec![old]).expect("seeded");
    let (_, answer) = platform.get("/tickets?kind=SNR&status=open");
    let row = json!({
        "ticketNumber": numbers[0], "externalRef": null, "originRef": null, "kind": "SNR", "status": "open",
        "workOrderNumber": null, "title": "SNR USSG-1",
        "createdAt": "2026-01-02T03:04:05.000Z", "updatedAt": "2026-01-02T03:04:05.000Z",
    });
    assert_eq!(answer["items"], json!([row]));
}

#[test]
fn seeds_may_carry_everything_and_one_wrong_seed_stops_all() {
    let mut platform = Platform::new();
    let whole = SeedTicket {
        external_ref: Some("SNR|a".to_owned()),
        origin_ref: Some("o".to_owned()),
        status: Some(Status::Closed),
        work_order_number: Some("OT7".to_owned()),
        ..seed("SNR", "t")
    };
    platform.model.seed_tickets(platform.now, vec![whole]).expect("seeded");
    let (_, answer) = platform.get("/tickets?externalRef=SNR%7Ca");
    assert_eq!(answer["items"][0]["status"], "closed");
    assert_eq!(answer["items"][0]["workOrderNumber"], "OT7");

    let bad_time = SeedTicket { created_at: Some("yesterday".to_owned()), ..seed("SNR", "t") };
    let refused = platform.model.seed_tickets(platform.now, vec![seed("SNR", "t"), bad_time]);
    assert!(matches!(refused, Err(OperatorError::WrongSeed { place: 2, .. })), "{refused:?}");
    assert!(platform.model.seed_tickets(platform.now, vec![seed(" ", "t")]).is_err());
    assert_eq!(platform.stats().tickets, 1);
}

#[test]
fn an_operator_moves_a_ticket_through_its_states() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    for (act, status) in [
        (OperatorAct::Start {}, Status::InProgress),
        (OperatorAct::Resolve {}, Status::Resolved),
        (OperatorAct::Reopen {}, Status::Open),
        (OperatorAct::Close {}, Status::Closed),
        (OperatorAct::Reopen {}, Status::Open),
        (OperatorAct::Cancel {}, Status::Cancelled),
    ] {
        platform.now += 1_000;
        let left = platform.model.operate(platform.now, "T00000001", &act);
        assert_eq!(left, Ok(Some("T00000001".to_owned())));
        let ticket = platform.model.ticket("T00000001").expect("the ticket");
        assert_eq!((ticket.status, ticket.updated_at), (status, platform.now));
        assert_eq!(platform.stats().open_tickets, usize::from(status.is_open()));
    }
    let unknown = platform.model.operate(platform.now, "T00000002", &OperatorAct::Close {});
    assert_eq!(unknown, Err(OperatorError::NoSuchTicket("T00000002".to_owned())));
}

#[test]
fn a_merged_ticket_is_gone_and_its_notes_move() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a"), ticket("b")]));
    platform.post("/notes", &items([json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x"})]));
    let merge = |into: &str| OperatorAct::Merge { into: into.to_owned() };
    assert!(platform.model.operate(platform.now, "T00000001", &merge("T00000001")).is_err());
    assert!(platform.model.operate(platform.now, "T00000001", &merge("T00000009")).is_err());
    let left = platform.model.operate(platform.now, "T00000001", &merge("T00000002"));
    assert_eq!(left, Ok(Some("T00000002".to_owned())));
    assert_eq!(platform.get("/tickets?externalRef=SNR%7Ca").1["items"], json!([]));
    assert_eq!(column(&platform.get("/notes?noteRef=n").1, "items", "ticketNumber"), ["T00000002"]);
    let (_, late) =
        platform.post("/tickets/work-order", &items([json!({"ticketNumber": "T00000001", "workOrderNumber": "OT1"})]));
    assert_eq!(late["results"][0]["error"]["code"], "UNKNOWN_TICKET");
}

#[test]
fn a_deleted_ticket_is_gone_and_a_late_link_to_it_does_nothing() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    let link = items([json!({"ticketNumber": "T00000001", "workOrderNumber": "OT1"})]);
    let acts = platform.acts(&crate::support::post("/tickets/work-order", &link));
    assert_eq!(platform.model.operate(platform.now, "T00000001", &OperatorAct::Delete {}), Ok(None));
    platform.perform(acts);
    let stats = platform.stats();
    assert_eq!((stats.tickets, stats.open_tickets, stats.linked), (0, 0, 0));
}

#[test]
fn a_copy_carries_the_same_references() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    let copy = platform.model.operate(platform.now, "T00000001", &OperatorAct::Copy {});
    assert_eq!(copy, Ok(Some("T00000002".to_owned())));
    assert_eq!(column(&platform.get("/tickets?externalRef=SNR%7Ca").1, "items", "originRef"), ["origin-a", "origin-a"]);
    assert_eq!(platform.stats().duplicates.open_tickets_by_external_ref, 1);
}
