//! What is sent.

use serde_json::{Value, json};
use ticketbridge_core::effect::Operation;

use super::super::settings::{CherwellSettings, NoteWay, ParentType, TicketSettings, WorkOrderSettings, WorkOrderWay};
use super::super::{Shared, samples, write};
use super::{item, items};
use crate::{EncodeFault, HttpCall, Item};

fn shared_with(change: impl FnOnce(&mut CherwellSettings)) -> std::sync::Arc<Shared> {
    let mut settings =
        CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    change(&mut settings);
    samples::shared_with(settings)
}

fn body(call: &HttpCall) -> Value {
    serde_json::from_slice(call.body.as_ref().unwrap()).unwrap()
}

fn shown(call: &HttpCall) -> String {
    format!("{} {}\n{}", call.method, call.target, serde_json::to_string_pretty(&body(call)).unwrap())
}

fn refused(operation: Operation, items: &[Item]) -> EncodeFault {
    write::encode(&samples::shared(), operation, items).unwrap_err()
}

#[test]
fn bodies_of_all_batches() {
    for operation in Operation::ALL {
        let call = write::encode(&samples::shared(), operation, &items(2)).unwrap();
        insta::assert_snapshot!(format!("batch_{operation}"), shown(&call));
    }
}

#[test]
fn bodies_of_related_records() {
    let shared = shared_with(|settings| {
        settings.note.way = NoteWay::Related;
        settings.work_order.as_mut().unwrap().way = WorkOrderWay::Related;
    });
    for operation in [Operation::AddNote, Operation::CreateWorkOrder] {
        let call = write::encode(&shared, operation, &items(1)).unwrap();
        insta::assert_snapshot!(format!("related_{operation}"), shown(&call));
        assert_eq!(write::encode(&shared, operation, &items(2)).unwrap_err().item, None);
    }
}

#[test]
fn the_parent_type_of_a_note_is_an_id_or_a_name() {
    let value = |shared| {
        let call = write::encode(&shared, Operation::AddNote, &items(1)).unwrap();
        body(&call)["saveRequests"][0]["fields"][2]["value"].clone()
    };
    assert_eq!(value(samples::shared()), samples::INCIDENT);
    assert_eq!(value(shared_with(|settings| settings.note.parent_type = ParentType::Name)), "Incident");
}

#[test]
fn a_kind_goes_out_in_the_sites_first_spelling() {
    let kinds = [(String::from("SNR"), vec![String::from("SNR Upstream"), String::from("SNR")])].into();
    let ticket = TicketSettings { kinds, ..CherwellSettings::default().ticket };
    let shared = shared_with(|settings| settings.ticket = ticket);
    for (operation, place) in [(Operation::CreateTicket, 2), (Operation::CreateWorkOrder, 4)] {
        let call = write::encode(&shared, operation, &items(1)).unwrap();
        assert_eq!(body(&call)["saveRequests"][0]["fields"][place]["value"], "SNR Upstream", "{operation}");
    }
}

#[test]
fn a_ticket_with_nothing_but_its_key_is_still_created() {
    for ticket in
        [json!({}), json!({"name": null, "description": ""}), json!({"name": " ", "title": false}), json!([1])]
    {
        let bare = Item { body: ticket.to_string().into(), ..item(1) };
        let call = write::encode(&samples::shared(), Operation::CreateTicket, &[bare]).unwrap();
        let fields = body(&call)["saveRequests"][0]["fields"].clone();
        let named: Vec<_> = fields.as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
        assert_eq!(named, ["DedupeKey", "OriginId", "TicketKind", "ShortDescription", "Source"], "{ticket}");
        assert_eq!(fields[3]["value"], "SNR|USSG-1041", "{ticket}");
    }
}

#[test]
fn texts_are_cut_and_markers_stay_whole() {
    let long = "ñ".repeat(5000);
    let ticket = json!({"name": long, "description": long}).to_string().into();
    let note = Some(format!("{long}\n[ref:{}]", item(1).origin));
    let long = Item { body: ticket, note, ..item(1) };
    let value = |operation, place: usize| {
        let call = write::encode(&samples::shared(), operation, std::slice::from_ref(&long)).unwrap();
        body(&call)["saveRequests"][0]["fields"][place]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value(Operation::CreateTicket, 3), format!("{}…", "ñ".repeat(59)));
    assert_eq!(value(Operation::CreateTicket, 4), format!("{}…", "ñ".repeat(3999)));
    let note = value(Operation::AddNote, 4);
    assert_eq!(note.chars().count(), 4000);
    assert!(note.ends_with(&format!("ñ…\n[ref:{}]", item(1).origin)), "{note}");
}

#[test]
fn an_item_that_can_not_be_encoded_is_named() {
    let with = |change: fn(&mut Item)| {
        let mut three = items(3);
        change(&mut three[1]);
        three
    };
    let no_record = with(|item| item.ticket.as_mut().unwrap().record = None);
    for operation in [Operation::AddNote, Operation::CreateWorkOrder, Operation::LinkWorkOrder] {
        let fault = refused(operation, &no_record);
        assert_eq!(fault.item, Some(no_record[1].id), "{operation}");
        for word in ["102902", "no record id", "tickets retry 0"] {
            assert!(fault.why.contains(word), "{operation}: {}", fault.why);
        }
    }
    let rows = [
        (Operation::AddNote, with(|item| item.ticket = None), "no ticket"),
        (Operation::AddNote, with(|item| item.note = None), "no note text"),
        (Operation::AddNote, with(|item| item.note = Some(String::from("no marker"))), "marker"),
        (Operation::LinkWorkOrder, with(|item| item.work_order = None), "no work-order number"),
        (Operation::LinkWorkOrder, with(|item| item.work_order = Some("7".repeat(51))), "takes 50"),
        (Operation::CreateTicket, with(|item| item.body = "{".into()), "no JSON"),
        (Operation::CreateTicket, with(|item| item.kind = "k".repeat(51)), "`TicketKind` takes 50"),
        (Operation::CreateWorkOrder, with(|item| item.ticket.as_mut().unwrap().number = "1".repeat(31)), "takes 30"),
    ];
    for (operation, items, word) in rows {
        let fault = refused(operation, &items);
        assert_eq!(fault.item, Some(items[1].id), "{operation} {word}");
        assert!(fault.why.contains(word), "{operation}: {}", fault.why);
    }
    assert_eq!(write::encode(&samples::shared(), Operation::CreateTicket, &no_record).err(), None);
}

#[test]
fn a_key_longer_than_its_field_is_never_cut() {
    let shared = samples::shared();
    let mut site = samples::site();
    site.ticket.origin_id.maximum = Some(35);
    shared.learn(site);
    let fault = write::encode(&shared, Operation::CreateTicket, &items(1)).unwrap_err();
    assert_eq!(fault.item, Some(item(1).id));
    assert!(fault.why.contains("36 characters, and the field `OriginId` takes 35"), "{}", fault.why);
    let mut site = samples::site();
    site.ticket.dedupe_key.maximum = Some(12);
    shared.learn(site);
    let fault = write::encode(&shared, Operation::CreateTicket, &items(1)).unwrap_err();
    assert!(fault.why.contains("13 characters, and the field `DedupeKey` takes 12"), "{}", fault.why);
}

#[test]
fn what_is_the_sites_fault_is_no_items_fault() {
    let mut site = samples::site();
    site.ticket.constants[0].0.maximum = Some(3);
    let shared = samples::shared();
    shared.learn(site);
    let fault = write::encode(&shared, Operation::CreateTicket, &items(1)).unwrap_err();
    assert_eq!(fault.item, None);
    assert!(fault.why.contains("TB0203") && fault.why.contains("`Source` takes 3"), "{}", fault.why);
    let mut site = samples::site();
    site.work_order.as_mut().unwrap().relationship = None;
    let shared = shared_with(|settings| settings.work_order.as_mut().unwrap().way = WorkOrderWay::Related);
    shared.learn(site);
    let fault = write::encode(&shared, Operation::CreateWorkOrder, &items(1)).unwrap_err();
    assert_eq!(fault.item, None);
    assert!(fault.why.contains("work_order.relationship"), "{}", fault.why);
    shared.forget();
    for operation in Operation::ALL {
        assert_eq!(write::encode(&shared, operation, &items(1)).unwrap_err().item, None, "{operation}");
        assert_eq!(refused(operation, &[]).item, None, "{operation}");
    }
}
