//! `explain` beside a running service and without one, its document over HTTP, and the file that it reads from.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::TOKEN;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, Place, Settings, WRITES, faults, older, sandbox, seed, ticket, tickets, until};

/// The story of a ticket over HTTP: all that was exchanged until now is in it.
async fn story(bridge: &Bridge, id: &str) -> Value {
    bridge.get(&format!("/api/v1/tickets/{id}/explain")).await
}

fn entries<'s>(story: &'s Value, entry: &str) -> Vec<&'s Value> {
    story["story"].as_array().expect("a story").iter().filter(|one| one["entry"] == entry).collect()
}

/// The reasons of all waits.
fn reasons(story: &Value) -> Vec<String> {
    let waits = entries(story, "wait").into_iter().flat_map(|wait| wait["reasons"].as_array().expect("reasons"));
    waits.map(|reason| reason["why"].as_str().expect("why").to_owned()).collect()
}

/// The words of a text, however its lines are broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bytes of the file of exchanges, its WAL included.
fn kept_bytes(place: &Place) -> Vec<u8> {
    let file = place.folder().join("ticketbridge.exchanges.db");
    let mut bytes = fs::read(&file).expect("it is there");
    bytes.extend(fs::read(file.with_extension("db-wal")).unwrap_or_default());
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn created_and_noted_tickets_are_explained_with_and_without_a_service() {
    let sandbox = sandbox(1).await;
    seed(&sandbox, vec![older("SNR|X-0001", None)]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let mut all = tickets("X", 2);
    // A sender that knows our secret: it must not be shown for that.
    all[1]["description"] = format!("planted {TOKEN} planted").into();
    bridge.send(&all).await;
    let done = bridge.completed(2).await;
    let id = |name: &str| done[name]["id"].as_str().expect("an id").to_owned();

    let created = story(&bridge, &id("X-0002")).await;
    let requests = entries(&created, "request");
    let steps: Vec<&Value> = requests.iter().map(|request| &request["operation"]).collect();
    assert_eq!(steps, ["create_ticket", "create_work_order", "link_work_order"]);
    for request in &requests {
        assert_eq!(request["not_kept"], Value::Null, "{request:#}");
        let exchanges = request["exchanges"].as_array().expect("exchanges");
        assert!(!exchanges.is_empty() && exchanges.iter().all(|one| one["status"] == 200), "{request:#}");
        assert!(exchanges[0]["request"].as_str().expect("a body").contains("items"), "{request:#}");
    }
    assert!(requests[0]["exchanges"][0]["request"].as_str().expect("a body").contains("planted *** planted"));
    assert_eq!(entries(&created, "compared")[0]["found"], false);
    assert_eq!((&created["schema"], &created["now"]["next"]), (&json!("ticketbridge-explain/1"), &Value::Null));

    let noted = story(&bridge, &id("X-0001")).await;
    assert_eq!(entries(&noted, "compared")[0]["found"], true);
    assert_eq!(entries(&noted, "request").len(), 1);

    // Beside the service: the same document but for when it was told.
    let mut beside = place.good(&["explain", "X-0002", "--json"]).await.json();
    beside["told_at"] = created["told_at"].clone();
    assert_eq!(beside, created);
    let list = bridge.get("/api/v1/exchanges?limit=500").await;
    let listed = list["items"].as_array().expect("items");
    assert!(listed.len() >= 5 && listed.iter().any(|one| one["purpose"] == "open_tickets"), "{list:#}");
    let one = bridge.get(&format!("/api/v1/exchanges/{}", listed[0]["id"])).await;
    assert_eq!(one["id"], listed[0]["id"]);
    assert_eq!(
        bridge.get("/api/v1/exchanges?text=planted&platform=sfyc").await["items"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(bridge.get("/api/v1/exchanges?failed=true").await["items"], json!([]));
    for (path, status) in [
        ("/api/v1/exchanges/0", 404),
        ("/api/v1/exchanges/99999", 404),
        ("/api/v1/exchanges/1%20OR%201=1", 404),
        ("/api/v1/exchanges?limit=0", 400),
        ("/api/v1/exchanges?cursor=x", 400),
        ("/api/v1/exchanges?failed=maybe", 400),
        ("/api/v1/exchanges?text=", 400),
        ("/api/v1/tickets/none/explain", 404),
        ("/api/v1/tickets/01990000-0000-7000-8000-000000000000/explain", 404),
    ] {
        assert_eq!(bridge.call(Method::GET, path, None).await.status, status, "{path}");
    }
    // The ticket and its work order carry the description.
    let bytes = kept_bytes(&place);
    assert!(holds(&bytes, "planted *** planted") && !holds(&bytes, TOKEN), "the secret is in the file");

    assert!(bridge.stop().await.success());
    // Without the service, by number and as a file.
    let number = done["X-0002"]["ot_number"].as_str().expect("a number");
    let told = place.good(&["explain", number]).await.stdout;
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    for part in ["received as `X-0002`", "create_work_order on `sfyc`", "→ Completed", "nothing: it is at its end"] {
        assert!(words(&told).contains(part), "{part} in {told}");
    }
    let file = place.folder().join("story.json");
    let written = place.good(&["explain", &id("X-0002"), "--output", &file.display().to_string()]).await;
    assert_eq!(written.stdout, "");
    let mut from_file: Value = serde_json::from_slice(&fs::read(&file).expect("it is there")).expect("one document");
    from_file["told_at"] = created["told_at"].clone();
    assert_eq!(from_file, created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tickets_of_a_number_are_listed_and_hostile_names_find_nothing() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    for name in ["first", "second"] {
        let mut again = ticket("X-0001");
        again["message_id"] = name.into();
        bridge.send(&[again]).await;
    }
    let done = bridge.completed(2).await;
    let number = done["first"]["ticket_number"].as_str().expect("a number");
    let several = place.run(&["explain", number]).await;
    several.says(1, &["several tickets have this number"]);
    assert!(several.stdout.contains("first") && several.stdout.contains("second"), "{several:#?}");
    let listed = place.run(&["explain", number, "--json"]).await;
    assert_eq!((listed.code, listed.json()["matches"].as_array().map(Vec::len)), (1, Some(2)));
    for name in [
        "nobody",
        "",
        "%",
        "' OR '1'='1",
        "01990000-0000-7000-8000-000000000000",
        "\u{1b}[2J\u{202e}",
        &"x".repeat(5_000),
    ] {
        let none = place.run(&["explain", name]).await;
        none.says(1, &["there is no ticket with"]);
        assert!(!none.stderr.contains('\u{1b}') && none.stderr.len() < 1_000, "{none:#?}");
    }
    let nowhere = PathBuf::from("/nowhere/story.json");
    place.run(&["explain", "first", "--output", &nowhere.display().to_string()]).await.says(1, &["cannot be written"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_timed_out_shows_its_doubt_and_the_look_up_that_found_it() {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on("create_tickets").times(1)]);
    let place = Place::on(&sandbox, Settings { request_timeout: "300ms", ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("X", 1)).await;
    let done = bridge.completed(1).await;
    let told = story(&bridge, done["X-0001"]["id"].as_str().expect("an id")).await;
    let create = entries(&told, "request")[0];
    assert_eq!((&create["operation"], &create["known_by"]), (&json!("create_ticket"), &json!("look_up")), "{told:#}");
    let exchange = &create["exchanges"][0];
    assert_eq!(
        (&exchange["status"], &exchange["failed"], &exchange["kept"]),
        (&Value::Null, &json!(true), &json!("whole"))
    );
    assert!(exchange["fault"].as_str().expect("a fault").contains("time-out"), "{exchange:#}");
    assert!(reasons(&told).contains(&String::from("in_doubt")), "{told:#}");
    let look_ups = entries(&told, "look_up");
    assert!(look_ups.iter().any(|one| one["found"] == "ours"), "{look_ups:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_in_error_shows_each_refusal_each_wait_and_the_way_out() {
    let sandbox = sandbox(1).await;
    let poison = Knob::PoisonItem {
        text: String::from("X-0001"),
        code: String::from("LOCKED"),
        message: String::from("somebody edits it"),
        retryable: true,
    };
    faults(&sandbox, [Rule::from(poison)]);
    // So little is kept per second that the answers are, since there are refusals in them.
    let mut place = Place::on(&sandbox, Settings::default());
    place.settings.delivery = String::from("[retention]\nexchanges_rate = \"2KiB\"");
    place.write_config();
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("X", 1)).await;
    let done = bridge.settled(1).await;
    let id = done["X-0001"]["id"].as_str().expect("an id");
    let told = story(&bridge, id).await;
    let requests = entries(&told, "request");
    assert_eq!(requests.len(), 4, "{told:#}");
    for request in requests {
        let exchange = &request["exchanges"][0];
        assert_eq!(
            (&request["outcome"], &exchange["failed"], &exchange["kept"]),
            (&json!("refused"), &json!(true), &json!("whole"))
        );
        assert!(exchange["answer"].as_str().expect("a body").contains("somebody edits it"), "{exchange:#}");
    }
    assert_eq!(reasons(&told), ["back_off", "back_off", "back_off", "operator"]);
    assert_eq!(told["now"]["commands"][0], format!("ticketbridge tickets retry {id}"));
    assert_eq!(
        bridge.get("/api/v1/exchanges?failed=true&text=LOCKED").await["items"].as_array().map(Vec::len),
        Some(4)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_a_switch_and_a_move_are_waits_with_their_reason() {
    let sandbox = sandbox(1).await;
    let backends = ["be-1", "be-2"].map(|name| Backend { name, ..Backend::default() });
    let place = Place::on(&sandbox, Settings { backends: backends.into(), retry_max: "200ms", ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    let down = Knob::ServerError { status: 503, effect: false };
    let everything = WRITES.iter().chain(&["retrieve_tickets", "find_tickets", "find_notes", "find_work_orders"]);
    faults(&sandbox, [everything.fold(Rule::from(down), |rule, name| rule.on(name))]);
    let sent = bridge.call(Method::POST, "/api/v1/tickets?backend=be-1", Some(&json!(tickets("X", 1)))).await;
    let id = sent.body[0]["id"].as_str().expect("an id").to_owned();
    bridge.logs("TB0201").await;
    let told = story(&bridge, &id).await;
    assert!(reasons(&told).contains(&String::from("outage")), "{told:#}");
    assert_eq!(told["now"]["next"], "goes on by itself as soon as a probe is answered", "{told:#}");
    sandbox.clear_faults();
    bridge.completed(1).await;

    place.good(&["backends", "set", "be-1", "processing=false"]).await;
    until("the service has heard of it", async || {
        (bridge.get("/api/v1/backends/be-1").await["processing"] == false).then_some(())
    })
    .await;
    let sent = bridge.call(Method::POST, "/api/v1/tickets?backend=be-1", Some(&json!([ticket("Y-0001")]))).await;
    let id = sent.body[0]["id"].as_str().expect("an id").to_owned();
    let told = until("its backend is known to be off", async || {
        let told = story(&bridge, &id).await;
        reasons(&told).contains(&String::from("processing_off")).then_some(told)
    })
    .await;
    assert_eq!(told["now"]["commands"][0], "ticketbridge backends set be-1 processing=true");
    assert!(told["now"]["text"].as_str().expect("a text").contains("switched off by cli"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_may_be_lost_or_broken_and_tickets_go_on() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("X", 1)).await;
    bridge.completed(1).await;
    assert!(bridge.stop().await.success());
    let file = place.folder().join("ticketbridge.exchanges.db");
    for suffix in ["", "-wal", "-shm"] {
        // A process that ends may leave the log beside the file, and the log may hold all of it.
        let lost = fs::remove_file(place.folder().join(format!("ticketbridge.exchanges.db{suffix}")));
        assert!(lost.is_ok() || !suffix.is_empty(), "{lost:?}");
    }
    let told = place.good(&["explain", "X-0001"]).await.stdout;
    assert!(words(&told).contains("not kept: there is no file of exchanges yet"), "{told}");
    fs::write(&file, "this is no database, ".repeat(500)).expect("a file");
    let told = place.good(&["explain", "X-0001"]).await.stdout;
    assert!(words(&told).contains("not kept: the file of exchanges"), "{told}");
    let bridge = Bridge::start(&place).await;
    bridge.logs("set aside").await;
    bridge.send(&tickets("Y", 3)).await;
    let done = bridge.completed(4).await;
    let told = story(&bridge, done["Y-0001"]["id"].as_str().expect("an id")).await;
    assert_eq!(entries(&told, "request")[0]["not_kept"], Value::Null, "{told:#}");
    let told = story(&bridge, done["X-0001"]["id"].as_str().expect("an id")).await;
    let why = entries(&told, "request")[0]["not_kept"].as_str().expect("a reason");
    assert!(why.contains("made anew"), "{why}");
}
