//! A platform as fast as can be that speaks SFyC's contract: it keeps what the protocol needs, answers by key, waits
//! the given latency before each answer, and counts doubles. One thread.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::process::cpu_seconds;

/// What the platform saw.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    tickets: usize,
    work_orders: usize,
    links: usize,
    notes: usize,
    doubles: usize,
    most_in_flight: usize,
    cpu_seconds: f64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requests == 0 {
            return Ok(());
        }
        let Self { tickets, work_orders, links, notes, doubles, most_in_flight, cpu_seconds, .. } = self;
        // Without latency the one thread ends each request before it takes the next: there is nothing to count.
        if *most_in_flight > 1 {
            write!(f, "{most_in_flight} in flight at most; ")?;
        }
        write!(
            f,
            "platform: {tickets} tickets, {work_orders} work orders, {links} links, \
             {notes} notes, {doubles} doubles, {cpu_seconds:.2} CPU s"
        )
    }
}

/// A platform in a process of its own.
pub(crate) struct Platform {
    pub(crate) address: String,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Platform {
    /// Starts it.
    pub(crate) fn start(program: &Path, latency_ms: u64) -> Result<Self, Failure> {
        let mut process = Command::new(program)
            .args(["serve", &latency_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(process.stdout.take().ok_or("no output of the platform")?);
        let mut address = String::new();
        output.read_line(&mut address)?;
        Ok(Self { address: address.trim().to_owned(), process, output })
    }

    /// Ends it; what it saw.
    pub(crate) fn end(mut self) -> Result<Seen, Failure> {
        drop(self.process.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        self.process.wait()?;
        Ok(serde_json::from_str(&line)?)
    }
}

struct Record {
    key: String,
    origin: String,
    work_order: Option<String>,
}

#[derive(Default)]
struct Memory {
    tickets: Vec<Record>,
    by_key: HashMap<String, Vec<usize>>,
    origins: HashSet<String>,
    /// By origin id: number of the ticket, and of the work order.
    orders: HashMap<String, (String, usize)>,
    notes: HashMap<String, String>,
    in_flight: usize,
    seen: Seen,
}

struct Stub {
    latency: Duration,
    memory: Mutex<Memory>,
}

/// Serves until its input ends, then prints what it saw.
#[expect(clippy::print_stdout, reason = "tells its parent where it listens and what it saw")]
pub(crate) fn serve(latency_ms: u64) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stub = Arc::new(Stub { latency: Duration::from_millis(latency_ms), memory: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = Router::new()
            .route("/tickets", get(find_tickets).post(create_tickets))
            .route("/tickets/work-order", post(link))
            .route("/work-orders", get(find_work_orders).post(create_work_orders))
            .route("/notes", get(find_notes).post(add_notes))
            .with_state(Arc::clone(&stub));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
        serving.abort();
        let mut seen = stub.memory.lock().unwrap_or_else(PoisonError::into_inner).seen.clone();
        seen.cpu_seconds = cpu_seconds()?;
        println!("{}", serde_json::to_string(&seen)?);
        Ok(())
    })
}

type Answer = ([(&'static str, &'static str); 1], String);

impl Stub {
    /// Does the work, then waits the latency, then answers.
    async fn answer(&self, work: impl FnOnce(&mut Memory) -> String) -> Answer {
        let text = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.seen.requests += 1;
            memory.in_flight += 1;
            memory.seen.most_in_flight = memory.seen.most_in_flight.max(memory.in_flight);
            work(&mut memory)
        };
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).in_flight -= 1;
        ([("content-type", "application/json")], text)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow, default)]
    external_ref: Cow<'a, str>,
    #[serde(borrow, default)]
    origin_ref: Cow<'a, str>,
    #[serde(borrow, default)]
    ticket_number: Cow<'a, str>,
    #[serde(borrow, default)]
    work_order_number: Cow<'a, str>,
    #[serde(borrow, default)]
    note_ref: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

/// One result per item; a body that cannot be read has none, which a client takes for unclear.
fn results(body: &[u8], mut each: impl FnMut(&Item<'_>, &mut String)) -> String {
    let items = serde_json::from_slice(body).map_or_else(|_| Vec::new(), |body: Items<'_>| body.items);
    let mut text = String::with_capacity(96 * items.len() + 32);
    text.push_str("{\"results\":[");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        each(item, &mut text);
    }
    text.push_str("]}");
    text
}

async fn create_tickets(State(stub): State<Arc<Stub>>, body: Bytes) -> Answer {
    let work = |memory: &mut Memory| {
        results(&body, |item, text| {
            let number = memory.tickets.len();
            let record =
                Record { key: item.external_ref.to_string(), origin: item.origin_ref.to_string(), work_order: None };
            let same = memory.by_key.entry(record.key.clone()).or_default();
            same.push(number);
            let is_double = same.len() > 1 || !memory.origins.insert(record.origin.clone());
            memory.seen.doubles += usize::from(is_double);
            memory.seen.tickets += 1;
            let key = &record.key;
            put(text, format_args!("{{\"ok\":true,\"externalRef\":\"{key}\",\"ticketNumber\":\"T{number:08}\"}}"));
            memory.tickets.push(record);
        })
    };
    stub.answer(work).await
}

async fn create_work_orders(State(stub): State<Arc<Stub>>, body: Bytes) -> Answer {
    let work = |memory: &mut Memory| {
        results(&body, |item, text| {
            let (number, ticket) = (memory.orders.len(), item.ticket_number.to_string());
            let made = memory.orders.insert(item.external_ref.to_string(), (ticket, number));
            memory.seen.doubles += usize::from(made.is_some());
            memory.seen.work_orders += 1;
            let ticket = &item.ticket_number;
            put(
                text,
                format_args!("{{\"ok\":true,\"ticketNumber\":\"{ticket}\",\"workOrderNumber\":\"OT{number:08}\"}}"),
            );
        })
    };
    stub.answer(work).await
}

async fn link(State(stub): State<Arc<Stub>>, body: Bytes) -> Answer {
    let work = |memory: &mut Memory| {
        results(&body, |item, text| {
            let place = item.ticket_number.strip_prefix('T').and_then(|number| number.parse::<usize>().ok());
            if let Some(record) = place.and_then(|place| memory.tickets.get_mut(place)) {
                memory.seen.links += usize::from(record.work_order.is_none());
                record.work_order = Some(item.work_order_number.to_string());
            }
            put(text, format_args!("{{\"ok\":true,\"ticketNumber\":\"{}\"}}", item.ticket_number));
        })
    };
    stub.answer(work).await
}

async fn add_notes(State(stub): State<Arc<Stub>>, body: Bytes) -> Answer {
    let work = |memory: &mut Memory| {
        results(&body, |item, text| {
            let known = memory.notes.insert(item.note_ref.to_string(), item.ticket_number.to_string());
            memory.seen.doubles += usize::from(known.is_some());
            memory.seen.notes += 1;
            put(text, format_args!("{{\"ok\":true,\"noteRef\":\"{}\"}}", item.note_ref));
        })
    };
    stub.answer(work).await
}

fn put(text: &mut String, piece: fmt::Arguments<'_>) {
    let _infallible = text.write_fmt(piece);
}

/// Every ticket here is open and of a kind that is asked for: only key and page matter.
async fn find_tickets(State(stub): State<Arc<Stub>>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let values = |name: &str| -> Vec<String> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    let number = |name: &str| values(name).first().and_then(|value| value.parse::<usize>().ok());
    let (page, size) = (number("page").unwrap_or(1).max(1), number("pageSize").unwrap_or(1_000).clamp(1, 1_000));
    let work = |memory: &mut Memory| {
        let keys = values("externalRef");
        let places: Vec<usize> = if keys.is_empty() {
            let of_kind = |place: &usize| values("kind").first().is_none_or(|kind| kind == crate::ticket::kind(*place));
            (0..memory.tickets.len()).filter(of_kind).collect()
        } else {
            keys.iter().filter_map(|key| memory.by_key.get(key)).flatten().copied().collect()
        };
        let mut text = String::from("{\"items\":[");
        for (count, place) in places.iter().skip((page - 1) * size).take(size).enumerate() {
            let Some(Record { key, origin, work_order }) = memory.tickets.get(*place) else { continue };
            let work_order = work_order.as_ref().map_or_else(|| String::from("null"), |number| format!("\"{number}\""));
            put(
                &mut text,
                format_args!(
                    "{}{{\"ticketNumber\":\"T{place:08}\",\"externalRef\":\"{key}\",\"originRef\":\"{origin}\",\
                 \"status\":\"open\",\"workOrderNumber\":{work_order},\"createdAt\":\"2026-11-20T23:45:00Z\"}}",
                    if count > 0 { "," } else { "" },
                ),
            );
        }
        let next = if places.len() > page * size { (page + 1).to_string() } else { String::from("null") };
        put(&mut text, format_args!("],\"nextPage\":{next}}}"));
        text
    };
    stub.answer(work).await
}

async fn find_work_orders(State(stub): State<Arc<Stub>>, RawQuery(query): RawQuery) -> Answer {
    let origin = first(query.as_deref(), "externalRef");
    let work = |memory: &mut Memory| {
        let found = memory.orders.get(&origin).map(|(ticket, number)| {
            format!(
                "{{\"workOrderNumber\":\"OT{number:08}\",\"ticketNumber\":\"{ticket}\",\"externalRef\":\"{origin}\"}}"
            )
        });
        format!("{{\"items\":[{}]}}", found.unwrap_or_default())
    };
    stub.answer(work).await
}

async fn find_notes(State(stub): State<Arc<Stub>>, RawQuery(query): RawQuery) -> Answer {
    let note = first(query.as_deref(), "noteRef");
    let work = |memory: &mut Memory| {
        let ticket = memory.notes.get(&note);
        let found = ticket.map(|ticket| format!("{{\"noteRef\":\"{note}\",\"ticketNumber\":\"{ticket}\"}}"));
        format!("{{\"items\":[{}]}}", found.unwrap_or_default())
    };
    stub.answer(work).await
}

fn first(query: Option<&str>, name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}
