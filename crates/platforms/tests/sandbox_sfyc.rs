//! The SFyC connector and the client together against the stand-in, over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use common::{decoded, items, key, loaded, names, origin};
use ticketbridge_core::effect::{
    CallClass, Found, LookUpFault, NoteLookUp, Operation, Outcome, Query, TicketLookUp, WorkOrderLookUp,
};
use ticketbridge_platforms::connector::{Connector, check_against};
use ticketbridge_platforms::http::{Auth, ClientSettings, HttpClient, Secret, SendOptions};
use ticketbridge_platforms::{Item, Platform};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN};

const PATIENCE: Duration = Duration::from_secs(20);

fn client(sandbox: &Running, token: &str) -> HttpClient {
    let mut settings = ClientSettings::new("sfyc", &sandbox.sfyc_url());
    settings.bypass_proxy = true;
    settings.auth = Auth::Bearer { token: Secret::known(token) };
    HttpClient::new(settings).unwrap()
}

async fn write(sfyc: &Connector, client: &HttpClient, operation: Operation, items: &[Item]) -> Vec<Outcome> {
    let call = sfyc.encode(operation, items).unwrap();
    let exchange = client.send(&call, SendOptions::within(PATIENCE)).await;
    let decoded = decoded(sfyc, operation, items, &exchange.transport);
    assert_eq!(decoded.call, CallClass::Answered, "{operation} {exchange:?}");
    decoded.outcomes
}

async fn ask(sfyc: &Connector, client: &HttpClient, query: Query) -> Result<Found, LookUpFault> {
    let mut look_up = sfyc.look_up(&query)?;
    while let Some(call) = look_up.next_call()? {
        look_up.absorb(&client.send(&call, SendOptions::within(PATIENCE)).await.transport)?;
    }
    look_up.finish()
}

#[tokio::test]
async fn a_whole_lifecycle_on_the_stand_in() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let (sfyc, client) = (loaded(), client(&sandbox, TOKEN));
    let mut batch = items(3);
    let created = write(&sfyc, &client, Operation::CreateTicket, &batch).await;
    for (item, outcome) in batch.iter_mut().zip(created) {
        let Outcome::Applied { ids } = outcome else { panic!("{outcome:?}") };
        item.ticket.as_mut().unwrap().number = ids.ticket_number.unwrap();
    }
    for (item, outcome) in batch.clone().iter().zip(write(&sfyc, &client, Operation::CreateWorkOrder, &batch).await) {
        let Outcome::Applied { ids } = outcome else { panic!("{outcome:?}") };
        batch.iter_mut().find(|other| other.id == item.id).unwrap().work_order = ids.work_order_number;
    }
    assert_eq!(names(&write(&sfyc, &client, Operation::LinkWorkOrder, &batch).await), ["applied"; 3]);
    assert_eq!(names(&write(&sfyc, &client, Operation::AddNote, &batch).await), ["applied"; 3]);

    let found = ask(&sfyc, &client, Query::OpenTickets { kinds: vec![String::from("SNR")] }).await.unwrap();
    let Found::Tickets { tickets } = found else { panic!() };
    assert_eq!(tickets.len(), 3);
    for item in &batch {
        let remote = tickets.iter().find(|ticket| ticket.key.as_deref() == Some(item.key.as_str())).unwrap();
        assert_eq!(remote.origin, Some(item.origin.to_string()));
        assert_eq!(remote.work_order, item.work_order);
        assert!(remote.open);
    }
    let wanted = vec![TicketLookUp { key: batch[0].key.clone(), origin: Some(origin(1)) }];
    let known = Some(TicketLookUp { key: batch[1].key.clone(), origin: None });
    let found = ask(&sfyc, &client, Query::Tickets { wanted, known, random: key("nothing") }).await.unwrap();
    let Found::Tickets { tickets } = found else { panic!() };
    assert_eq!(tickets.len(), 2);

    let ticket = batch[0].ticket.clone().unwrap();
    let note = NoteLookUp { origin: origin(1), ticket: ticket.clone() };
    let found =
        ask(&sfyc, &client, Query::Notes { wanted: vec![note], known: None, random: origin(99) }).await.unwrap();
    let Found::Notes { notes } = found else { panic!() };
    assert_eq!(notes.iter().map(|note| note.origin.clone()).collect::<Vec<_>>(), [origin(1).to_string()]);
    let order = WorkOrderLookUp { origin: origin(1), ticket: ticket.clone() };
    let found = ask(&sfyc, &client, Query::WorkOrders { wanted: vec![order], known: None, random: origin(99) }).await;
    let Found::WorkOrders { work_orders } = found.unwrap() else { panic!() };
    assert_eq!(work_orders.len(), 1);
    assert_eq!(work_orders[0].ticket_number, Some(ticket.number));
    assert_eq!(ask(&sfyc, &client, Query::Health).await.unwrap(), Found::Healthy);
}

#[tokio::test]
async fn a_missing_ticket_is_gone_and_a_wrong_token_is_configuration() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let sfyc = loaded();
    let gone = write(&sfyc, &client(&sandbox, TOKEN), Operation::LinkWorkOrder, &items(1)).await;
    assert_eq!(names(&gone), ["refused"]);
    let fault = ask(&sfyc, &client(&sandbox, "wrong"), Query::Health).await.unwrap_err();
    assert!(fault.configuration, "{fault:?}");
    let call = sfyc.encode(Operation::CreateTicket, &items(1)).unwrap();
    let exchange = client(&sandbox, "wrong").send(&call, SendOptions::within(PATIENCE)).await;
    let decoded = decoded(&sfyc, Operation::CreateTicket, &items(1), &exchange.transport);
    assert!(matches!(decoded.call, CallClass::Unavailable { configuration: true, .. }), "{decoded:?}");
}

#[tokio::test]
async fn checking_against_a_platform_only_reads() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let sfyc = loaded();
    write(&sfyc, &client(&sandbox, TOKEN), Operation::CreateTicket, &items(2)).await;
    let reports = check_against(&sfyc, &client(&sandbox, TOKEN), 7, PATIENCE).await;
    let seen: Vec<_> =
        reports.iter().map(|report| (report.operation.as_str(), report.status, report.fault.clone())).collect();
    let good = |name| (name, Some(200), None);
    let expected = ["health", "retrieve_tickets", "find_tickets", "find_notes", "find_work_orders"].map(good);
    assert_eq!(seen, expected);
    let reports = check_against(&sfyc, &client(&sandbox, "wrong"), 7, PATIENCE).await;
    assert!(reports.iter().all(|report| report.status == Some(401) && report.fault.is_some()));
}
