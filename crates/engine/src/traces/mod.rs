//! Traces of trouble tickets for an OpenTelemetry collector: from the offload and the run that built a ticket to the
//! number of its work order.
//!
//! * A trace is made when its ticket comes to an end, from what the store has of it. So it costs the way of a ticket
//!   nothing, shows requests from before a restart too, and is not there yet while the ticket is open. Ids are derived
//!   ([`ids`]), never kept.
//! * Traces may be lost, tickets never: at most [`WAITING`] ended tickets wait for the exporter, more are counted and
//!   left out (`ticketbridge_traces_total{result="dropped"}`); what a collector does not take is not sent again.
//! * A stop waits at most [`FAREWELL`] for what is not exported yet.

mod export;
mod ids;
mod spans;

use std::sync::Arc;

use http::HeaderValue;
use ticketbridge_config::sections::Telemetry;
use ticketbridge_core::delivery::{BatchId, Report};
use ticketbridge_core::ticket::{OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{RunRecord, Store};
use tokio::sync::mpsc;

pub use export::Exporter;

use crate::offload::ScanReport;
use crate::platforms::Environment;

/// Ended tickets that may wait for the exporter.
const WAITING: usize = 8_192;
/// The longest that a stop waits for the exporter.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(5);

/// Where parts of the service tell what is to be traced. Cheap to clone; switched off it does nothing.
#[derive(Clone, Default)]
pub struct Traces {
    on: Option<Arc<On>>,
}

struct On {
    traced_percent: u32,
    news: mpsc::Sender<News>,
}

/// Something to be exported.
enum News {
    /// A ticket came to an end.
    Ended(OriginId),
    /// A scan brought news; a run may follow.
    Scanned(Scan),
    /// A run was committed.
    Ran(RunRecord),
}

/// One scan of the CSV files that brought news.
#[derive(Debug, Clone)]
struct Scan {
    began_at: Wall,
    ended_at: Wall,
    report: ScanReport,
}

impl Traces {
    /// Nothing is traced.
    pub fn off() -> Self {
        Self::default()
    }

    /// Traces and their exporter, as the configuration wants it; `None` without `telemetry.otlp_endpoint`. The error
    /// says which setting is unusable.
    pub fn new(
        settings: &Telemetry,
        environment: &Environment,
        store: Arc<dyn Store>,
    ) -> Result<Option<(Self, Exporter)>, String> {
        let Some(exporter) = export::collector(settings, environment)? else { return Ok(None) };
        let (news, inbox) = mpsc::channel(WAITING);
        let on = On { traced_percent: settings.traced_percent, news };
        let exporter = Exporter::new(exporter, inbox, store);
        Ok(Some((Self { on: Some(Arc::new(on)) }, exporter)))
    }

    /// Takes note of a ticket's end. Never waits.
    pub fn reported(&self, report: &Report) {
        let (Some(on), Report::Moved { origin, to: State::Completed | State::Error, .. }) = (&self.on, report) else {
            return;
        };
        if ids::is_traced(*origin, on.traced_percent) {
            on.tell(News::Ended(*origin));
        }
    }

    /// Takes note of a scan that brought news.
    pub(crate) fn scanned(&self, began_at: Wall, ended_at: Wall, report: &ScanReport) {
        if let Some(on) = &self.on {
            on.tell(News::Scanned(Scan { began_at, ended_at, report: report.clone() }));
        }
    }

    /// Takes note of a workflow run.
    pub(crate) fn ran(&self, run: &RunRecord) {
        if let Some(on) = &self.on {
            on.tell(News::Ran(run.clone()));
        }
    }

    /// The `traceparent` of one write request: that of its only ticket, or of the batch if it carries several.
    pub(crate) fn traceparent(
        &self,
        batch: BatchId,
        body_hash: &[u8],
        tickets: impl ExactSizeIterator<Item = OriginId>,
    ) -> Option<HeaderValue> {
        let on = self.on.as_ref()?;
        ids::traceparent(batch, body_hash, tickets, on.traced_percent)
    }
}

impl On {
    fn tell(&self, news: News) {
        if self.news.try_send(news).is_err() {
            metrics::counter!("ticketbridge_traces_total", "result" => "dropped").increment(1);
        }
    }
}
