//! The floor: what the same rows and the same requests cost when nobody keeps anything safe.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::process::{Figures, Span};
use crate::product::{BATCH, Load};
use crate::{Failure, ticket};

/// Commits per ticket that the lifecycle needs: intent; outcome with the next intent, twice; outcome.
const COMMITS: usize = 4;

/// A row per ticket, upserted [`COMMITS`] times.
pub(crate) fn rows(load: Load, folder: &Path) -> Result<Figures, Failure> {
    let mut store = rusqlite::Connection::open(folder.join("floor.db"))?;
    store.pragma_update(None, "journal_mode", "WAL")?;
    store.pragma_update(None, "synchronous", "FULL")?;
    store.execute_batch(
        "CREATE TABLE ticket(id INTEGER PRIMARY KEY, key TEXT, state INTEGER, number TEXT, work_order TEXT, at INTEGER)",
    )?;
    let keys: Vec<String> = (0..load.tickets).map(ticket::key).collect();
    let span = Span::begin()?;
    for state in 1..=COMMITS {
        for (batch, keys) in keys.chunks(BATCH).enumerate() {
            let transaction = store.transaction()?;
            {
                let mut upsert = transaction.prepare_cached(
                    "INSERT INTO ticket VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO UPDATE SET state = ?3, \
                     number = ?4, work_order = ?5, at = ?6",
                )?;
                for (place, key) in keys.iter().enumerate() {
                    let id = batch * BATCH + place;
                    let number = (state > 1).then(|| format!("T{id:08}"));
                    let work_order = (state > 2).then(|| format!("OT{id:08}"));
                    let at = 1_790_000_000_000_i64;
                    upsert.execute(rusqlite::params![id as i64, key, state as i64, number, work_order, at])?;
                }
            }
            transaction.commit()?;
        }
    }
    span.end()
}

/// The requests alone.
pub(crate) fn requests(load: Load, platform: &str) -> Result<Figures, Failure> {
    let tickets: Vec<(String, String, String)> = (0..load.tickets)
        .map(|number| (ticket::key(number), uuid::Uuid::from_u128(number as u128).to_string(), ticket::text(number)))
        .collect();
    let base: Arc<str> = format!("http://{platform}").into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::builder().no_proxy().http1_only().tcp_nodelay(true).build()?;
        let span = Span::begin()?;
        for kind in [ticket::kind(0), ticket::kind(1)] {
            let query = [("kind", kind), ("status", "open"), ("page", "1"), ("pageSize", "1000")];
            let mut url = url::Url::parse(&format!("{base}/tickets"))?;
            url.query_pairs_mut().extend_pairs(query);
            client.get(url).send().await?.error_for_status()?.bytes().await?;
        }
        let in_flight = Arc::new(Semaphore::new(load.in_flight));
        let tickets = Arc::new(tickets);
        let mut tasks = JoinSet::new();
        for batch in 0..load.tickets.div_ceil(BATCH) {
            let permit = Arc::clone(&in_flight).acquire_owned().await?;
            let (client, base, tickets) = (client.clone(), Arc::clone(&base), Arc::clone(&tickets));
            tasks.spawn(async move {
                let of = batch * BATCH..((batch + 1) * BATCH).min(tickets.len());
                let done = deliver(&client, &base, batch * BATCH, tickets.get(of).unwrap_or_default()).await;
                drop(permit);
                done
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        span.end()
    })
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    results: Vec<Created<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    ok: bool,
    #[serde(borrow)]
    ticket_number: Cow<'a, str>,
    #[serde(borrow, default)]
    work_order_number: Option<Cow<'a, str>>,
}

/// A stored ticket, as far as the requests need it.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow)]
    description: &'a RawValue,
    #[serde(borrow)]
    severity: &'a RawValue,
    #[serde(borrow)]
    topology: &'a RawValue,
    #[serde(borrow)]
    kpi: &'a RawValue,
    #[serde(borrow)]
    impact: &'a RawValue,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    address: &'a RawValue,
    #[serde(borrow)]
    latitude: &'a RawValue,
    #[serde(borrow)]
    longitude: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewTicket<'a> {
    external_ref: &'a str,
    origin_ref: &'a str,
    kind: &'a str,
    title: &'a RawValue,
    description: &'a RawValue,
    severity: &'a RawValue,
    topology: &'a RawValue,
    kpi: &'a RawValue,
    impact: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewWorkOrder<'a> {
    ticket_number: &'a str,
    external_ref: &'a str,
    kind: &'a str,
    description: &'a RawValue,
    address: &'a RawValue,
    latitude: &'a RawValue,
    longitude: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    ticket_number: &'a str,
    work_order_number: &'a str,
}

/// One batch: create, work order, link.
async fn deliver(
    client: &Client,
    base: &str,
    first: usize,
    tickets: &[(String, String, String)],
) -> Result<(), Failure> {
    let mut creates = Vec::with_capacity(tickets.len());
    for (place, (key, origin, text)) in tickets.iter().enumerate() {
        let body: Body<'_> = serde_json::from_str(text)?;
        creates.push(NewTicket {
            external_ref: key,
            origin_ref: origin,
            kind: ticket::kind(first + place),
            title: body.name,
            description: body.description,
            severity: body.severity,
            topology: body.topology,
            kpi: body.kpi,
            impact: body.impact,
        });
    }
    let answer = post(client, format!("{base}/tickets"), Items { items: creates }).await?;
    let made = read(&answer, tickets.len())?;
    let mut orders = Vec::with_capacity(tickets.len());
    for (place, ((_, origin, text), created)) in tickets.iter().zip(&made).enumerate() {
        let body: Body<'_> = serde_json::from_str(text)?;
        let topology: Place<'_> = serde_json::from_str(body.topology.get())?;
        orders.push(NewWorkOrder {
            ticket_number: &created.ticket_number,
            external_ref: origin,
            kind: ticket::kind(first + place),
            description: body.description,
            address: topology.address,
            latitude: topology.latitude,
            longitude: topology.longitude,
        });
    }
    let answer = post(client, format!("{base}/work-orders"), Items { items: orders }).await?;
    let made = read(&answer, tickets.len())?;
    let mut links = Vec::with_capacity(tickets.len());
    for order in &made {
        let number = order.work_order_number.as_deref().ok_or("a work order without a number")?;
        links.push(Link { ticket_number: &order.ticket_number, work_order_number: number });
    }
    let answer = post(client, format!("{base}/tickets/work-order"), Items { items: links }).await?;
    read(&answer, tickets.len())?;
    Ok(())
}

async fn post<T: Serialize>(client: &Client, url: String, items: Items<T>) -> Result<bytes::Bytes, Failure> {
    let body = serde_json::to_vec(&items)?;
    let request = client.post(url).header("content-type", "application/json").body(body);
    Ok(request.send().await?.error_for_status()?.bytes().await?)
}

fn read(answer: &[u8], expected: usize) -> Result<Vec<Created<'_>>, Failure> {
    let results: Results<'_> = serde_json::from_slice(answer)?;
    if results.results.len() != expected || results.results.iter().any(|result| !result.ok) {
        return Err("the platform did not take all of a request".into());
    }
    Ok(results.results)
}
