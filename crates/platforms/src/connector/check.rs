//! Tries a connector file out: every operation encoded for sample items, every sample answer decoded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use ticketbridge_core::effect::{CallClass, Operation, Outcome, Query};

use super::error::{Problem, Problems};
use super::file::{ReadSample, WriteSample};
use super::load::{Operations, Read};
use super::look_up::Run;
use super::{Connector, ConnectorSettings, sample, write};
use crate::http::{HttpClient, SendOptions};
use crate::{Answer, Dialogue, HttpCall, Platform, Transport};

/// Longest part of a request that a report shows, in characters.
const SHOWN: usize = 4_000;

/// What trying a file out brought to light.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The file, or `builtin:NAME`.
    pub file: String,
    /// All that is wrong; empty: the file can be used.
    pub problems: Vec<Problem>,
    /// What the file describes, one entry per operation.
    pub operations: Vec<OperationReport>,
    /// What works, but less well than it could, or promises less.
    pub remarks: Vec<String>,
    /// What the platform itself answered, with `--against`.
    pub remote: Vec<RemoteReport>,
}

impl CheckReport {
    /// Whether nothing is wrong, neither with the file nor with the platform's answers.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() && self.remote.iter().all(|report| report.fault.is_none())
    }
}

/// One operation of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Its name.
    pub operation: String,
    /// The request for the sample items: method, path and query.
    pub request: String,
    /// Its body, if it has one.
    pub body: Option<String>,
    /// Sample answers that were read as expected.
    pub samples: usize,
    /// Whether all its expressions run natively.
    pub native: bool,
}

/// One read that the platform itself answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteReport {
    /// Its name.
    pub operation: String,
    /// What was asked.
    pub request: String,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Rows on the page that came.
    pub rows: usize,
    /// Why the answer could not be used; `None`: it could.
    pub fault: Option<String>,
}

/// Loads a file and tries it out. Reaches nothing outside.
pub fn check(file: &str, text: &str, settings: &ConnectorSettings) -> CheckReport {
    let mut report = CheckReport { file: file.to_owned(), ..CheckReport::default() };
    let connector = match Connector::from_text(file, text, settings) {
        Ok(connector) => connector,
        Err(error) => {
            report.problems = error.problems;
            return report;
        }
    };
    let mut problems = Problems::new(text);
    let all = &connector.operations;
    for operation in Operation::ALL {
        check_write(all, operation, &mut problems, &mut report);
    }
    check_reads(all, &connector, &mut problems, &mut report);
    remarks(all, &connector, &mut report);
    report.problems = problems.into_inner();
    report
}

fn check_write(all: &Operations, operation: Operation, problems: &mut Problems<'_>, report: &mut CheckReport) {
    let Some(part) = all.write(operation) else {
        return;
    };
    let name = operation.as_str();
    let count = sample::SAMPLES.min(part.max_batch as u128);
    let items = sample::items(count);
    let mut request = (String::new(), None);
    match write::encode(all, operation, &items) {
        Ok(call) => request = show(&call),
        Err(fault) => problems.general(name, format!("the sample items can't be encoded: {}", fault.why)),
    }
    // A full batch shows an expression whose work grows faster than its input.
    if let Err(fault) = write::encode(all, operation, &sample::items(part.max_batch as u128)) {
        problems.general(name, format!("a full batch of {} items can't be encoded: {}", part.max_batch, fault.why));
    }
    if let Some(bare) = sample::bare()
        && let Err(fault) = write::encode(all, operation, &[bare])
    {
        let why = format!("a ticket with nothing but key and kind can't be encoded (use `?` or `//`): {}", fault.why);
        problems.general(name, why);
    }
    for (what, status, body) in HOSTILE {
        // An empty answer means success where the file says so.
        if part.empty_is_applied && body.is_empty() {
            continue;
        }
        let decoded = write::decode(all, operation, &items, &answered(status, body));
        // "Refused" would be as wrong as "applied": it says that the platform surely did nothing.
        if decoded.outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Unknown { .. })) {
            let why = format!("{what} is read as a proper result; answer null for `ok` where the answer does not say");
            problems.general(name, why);
        }
    }
    let mut good = 0;
    for (offset, sample) in &part.samples {
        match try_write(all, operation, &items, sample) {
            Ok(()) => good += 1,
            Err(why) => problems.at(*offset, name, why),
        }
    }
    let filters = [part.request.body.as_ref(), part.results.as_ref()];
    let native = filters.into_iter().flatten().all(super::filter::Filter::is_native);
    report.operations.push(OperationReport {
        operation: name.to_owned(),
        request: request.0,
        body: request.1,
        samples: good,
        native,
    });
}

/// Answers that say nothing about any item.
const HOSTILE: [(&str, u16, &str); 7] = [
    ("an HTML page with status 200", 200, "<html><body>It works!</body></html>"),
    ("an empty answer with status 200", 200, ""),
    ("an empty object", 200, "{}"),
    ("null", 200, "null"),
    ("an empty array", 200, "[]"),
    ("a truncated answer", 200, "{\"results\":[{\"ok\":true,"),
    ("a server error", 500, "{\"ok\":true}"),
];

fn answered(status: u16, body: &str) -> Transport {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    Transport::Answered(Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() })
}

fn try_write(
    all: &Operations,
    operation: Operation,
    items: &[crate::Item],
    sample: &WriteSample,
) -> Result<(), String> {
    let decoded = write::decode(all, operation, items, &answered(sample.status, &sample.answer));
    let found: Vec<&str> = match &decoded.call {
        CallClass::Answered => decoded.outcomes.iter().map(outcome_name).collect(),
        CallClass::BatchRefused { .. } => vec!["batch_refused"],
        CallClass::Unavailable { configuration: true, .. } => vec!["configuration"],
        CallClass::Unavailable { throttled: true, .. } => vec!["throttled"],
        CallClass::Unavailable { .. } => vec!["unavailable"],
        CallClass::Unknown { .. } => vec!["unknown"],
    };
    if found == sample.expect {
        return Ok(());
    }
    let why = match &decoded.call {
        CallClass::Unknown { why, .. } | CallClass::Unavailable { why, .. } => format!(" ({why})"),
        _ => String::new(),
    };
    Err(format!("the sample answer is read as {found:?}{why}, expected are {:?}", sample.expect))
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    use ticketbridge_core::effect::Refusal;
    match outcome {
        Outcome::Applied { .. } => "applied",
        Outcome::Refused { refusal: Refusal::Item, .. } => "refused",
        Outcome::Refused { refusal: Refusal::ItemForGood, .. } => "refused_for_good",
        Outcome::Refused { refusal: Refusal::TargetClosed, .. } => "target_closed",
        Outcome::Refused { refusal: Refusal::TargetGone, .. } => "target_gone",
        Outcome::Unavailable { .. } => "unavailable",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn check_reads(all: &Arc<Operations>, connector: &Connector, problems: &mut Problems<'_>, report: &mut CheckReport) {
    let reads: BTreeMap<&str, &Read> = [
        ("retrieve_tickets", &all.retrieve_tickets),
        ("find_tickets", &all.find_tickets),
        ("find_notes", &all.find_notes),
        ("find_work_orders", &all.find_work_orders),
    ]
    .into_iter()
    .filter_map(|(name, read)| Some((name, read.as_ref()?)))
    .collect();
    for (name, query) in sample::queries(sample::SAMPLES + 1) {
        let read = reads.get(name);
        if read.is_none() && !(name == "health" && all.health.is_some()) {
            continue;
        }
        let mut request = (String::new(), None);
        match connector.look_up(&query).and_then(|mut look_up| look_up.next_call()) {
            Ok(Some(call)) => request = show(&call),
            Ok(None) => problems.general(name, "the sample question leads to no request"),
            Err(fault) => problems.general(name, format!("the sample question can't be encoded: {}", fault.why)),
        }
        let mut good = 0;
        for (offset, sample) in read.map(|read| read.samples.as_slice()).unwrap_or_default() {
            match try_read(all, &query, sample) {
                Ok(()) => good += 1,
                Err(why) => problems.at(*offset, name, why),
            }
        }
        let native = read.is_none_or(|read| read.items.is_native() && read.item.is_native());
        report.operations.push(OperationReport {
            operation: name.to_owned(),
            request: request.0,
            body: request.1,
            samples: good,
            native,
        });
    }
}

fn try_read(all: &Arc<Operations>, query: &Query, sample: &ReadSample) -> Result<(), String> {
    let asked = || -> Result<usize, ticketbridge_core::effect::LookUpFault> {
        let mut run = Run::begin(all, query)?;
        run.next_call()?;
        run.absorb(&answered(sample.status, &sample.answer))?;
        Ok(run.rows_read())
    };
    match (asked(), sample.rows) {
        (Ok(rows), Some(expected)) if rows == expected => Ok(()),
        (Err(_), None) => Ok(()),
        (Ok(rows), Some(expected)) => Err(format!("the sample answer has {rows} rows, expected are {expected}")),
        (Ok(rows), None) => Err(format!("the sample answer without `rows` must fail, but has {rows} rows")),
        (Err(fault), Some(_)) => Err(format!("the sample answer can't be read: {}", fault.why)),
    }
}

fn remarks(all: &Operations, connector: &Connector, report: &mut CheckReport) {
    let capabilities = connector.capabilities();
    let mut remark = |text: &str| report.remarks.push(text.to_owned());
    if all.retrieve_tickets.is_none() && all.write(Operation::CreateTicket).is_some() {
        remark(
            "no `retrieve_tickets`: existing tickets cannot be matched, so tickets of a backend on this platform wait for ever",
        );
    }
    if all.write(Operation::CreateTicket).is_some() && !capabilities.finds_tickets {
        remark("no `find_tickets`: a create without a clear answer is held for an operator");
    }
    if all.write(Operation::AddNote).is_some() && !capabilities.finds_notes {
        remark("no `find_notes`: notes are added at least once");
    }
    if all.write(Operation::CreateWorkOrder).is_some() && !capabilities.finds_work_orders {
        remark("no `find_work_orders`: a work order without a clear answer is held for an operator");
    }
    if !capabilities.has_health_read {
        remark("no `health`: after an outage a single ticket is the probe");
    }
    for operation in Operation::ALL {
        if all.write(operation).is_some_and(|write| !write.atomic && write.max_batch > 1) {
            remark(&format!(
                "`{operation}`: refusals are not declared atomic, so a refused batch is looked up before it is halved"
            ));
        }
    }
    for operation in report.operations.iter().filter(|operation| !operation.native) {
        report.remarks.push(format!(
            "`{}` runs in the jq interpreter, several times slower than a simple projection",
            operation.operation
        ));
    }
}

fn show(call: &HttpCall) -> (String, Option<String>) {
    let body = call.body.as_ref().map(|body| {
        let text = String::from_utf8_lossy(body);
        text.chars().take(SHOWN).collect()
    });
    (format!("{} {}", call.method, call.target), body)
}

/// Asks the platform itself: health, a look-up of a key that can't exist, the first page of the open tickets. Reads
/// only. `random` makes the key.
pub async fn check_against(
    connector: &Connector,
    client: &HttpClient,
    random: u64,
    timeout: Duration,
) -> Vec<RemoteReport> {
    let all = &connector.operations;
    let mut reports = Vec::new();
    for (name, query) in sample::queries(u128::from(random >> 2) + 1_000) {
        let Ok(mut look_up) = connector.look_up(&query) else {
            continue; // The file does not describe it.
        };
        let mut report =
            RemoteReport { operation: name.to_owned(), request: String::new(), status: None, rows: 0, fault: None };
        match look_up.next_call() {
            Err(fault) => report.fault = Some(fault.why),
            Ok(None) => {}
            Ok(Some(call)) => {
                report.request = show(&call).0;
                let exchange = client.send(&call, SendOptions::within(timeout)).await;
                if let Transport::Answered(answer) = &exchange.transport {
                    report.status = Some(answer.status.as_u16());
                }
                report.fault = look_up.absorb(&exchange.transport).err().map(|fault| crate::fault::shorten(&fault.why));
                report.rows = count_rows(all, &query, &exchange.transport);
                if report.rows > 0 && name.starts_with("find_") && report.fault.is_none() {
                    let why = "the platform has rows for a key that can't exist: it ignores the filter, or was tried out before";
                    report.fault = Some(String::from(why));
                }
            }
        }
        reports.push(report);
    }
    reports
}

fn count_rows(all: &Arc<Operations>, query: &Query, transport: &Transport) -> usize {
    let counted = || -> Result<usize, ticketbridge_core::effect::LookUpFault> {
        let mut run = Run::begin(all, query)?;
        run.next_call()?;
        run.absorb(transport)?;
        Ok(run.rows_read())
    };
    counted().unwrap_or(0)
}
