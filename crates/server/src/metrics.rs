//! Metrics: the recorder, and what is read at the moment of a scrape. Names and labels are listed in
//! `docs/metrics.md`.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use ticketbridge_core::delivery::Status;
use ticketbridge_core::ticket::{BackendName, State};
use ticketbridge_engine::view::PlatformView;

/// Upper bounds of latency histograms, in seconds.
const LATENCIES: [f64; 13] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded: {0}; another recorder is installed in this process")]
pub struct MetricsError(#[from] BuildError);

/// Installs the recorder of this process, once; every later call answers the same handle.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsError> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &LATENCIES)?;
    let handle = builder.install_recorder()?;
    Ok(installed.insert(handle).clone())
}

/// Text in the exposition format, one family at a time.
pub(crate) struct Exposition(String);

impl Exposition {
    /// After what the recorder rendered.
    pub(crate) fn after(rendered: String) -> Self {
        Self(rendered)
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    fn gauge<const N: usize>(
        &mut self,
        name: &str,
        samples: impl IntoIterator<Item = ([(&'static str, String); N], f64)>,
    ) {
        let text = &mut self.0;
        let _infallible = writeln!(text, "# TYPE {name} gauge");
        for (labels, value) in samples {
            let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", escaped(&value))).join(",");
            let _infallible = writeln!(text, "{name}{{{labels}}} {value}");
        }
        text.push('\n');
    }

    /// Tickets per backend and state; every state of a backend that has or may have tickets, also those at zero.
    pub(crate) fn tickets(&mut self, counts: &BTreeMap<(BackendName, State), u64>, configured: &[BackendName]) {
        let mut backends: Vec<&BackendName> = counts.keys().map(|(backend, _)| backend).chain(configured).collect();
        backends.sort();
        backends.dedup();
        let samples = backends.into_iter().flat_map(|backend| {
            State::ALL.into_iter().map(move |state| {
                let count = counts.get(&(backend.clone(), state)).copied().unwrap_or(0);
                ([("backend", backend.to_string()), ("state", state.to_string())], count as f64)
            })
        });
        self.gauge("ticketbridge_tickets", samples);
    }

    /// What open tickets wait for.
    pub(crate) fn waiting(&mut self, status: &Status) {
        let samples = status.waiting.iter().map(|(what, count)| ([("what", (*what).to_owned())], *count as f64));
        self.gauge("ticketbridge_tickets_waiting", samples);
    }

    /// How the platforms are.
    pub(crate) fn platforms(&mut self, platforms: &[PlatformView]) {
        let label = |view: &PlatformView| [("platform", view.name.to_string())];
        self.gauge("ticketbridge_platform_well", platforms.iter().map(|view| (label(view), f64::from(view.well))));
        let in_flight = platforms.iter().map(|view| (label(view), view.in_flight as f64));
        self.gauge("ticketbridge_requests_in_flight", in_flight);
        let limit = platforms.iter().map(|view| (label(view), view.in_flight_limit as f64));
        self.gauge("ticketbridge_requests_in_flight_limit", limit);
    }
}

fn escaped(value: &impl Display) -> String {
    value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::Exposition;
    use std::collections::BTreeMap;
    use ticketbridge_core::ticket::{BackendName, State};

    #[test]
    fn gauges_stand_in_the_exposition_format_with_zeros_and_escapes() {
        let mut text = Exposition::after(String::new());
        let counts = BTreeMap::from([((BackendName::new("a\"b\\"), State::Error), 3)]);
        text.tickets(&counts, &[BackendName::new("be-1")]);
        let text = text.into_text();
        assert!(text.starts_with("# TYPE ticketbridge_tickets gauge\n"));
        assert!(text.contains("ticketbridge_tickets{backend=\"a\\\"b\\\\\",state=\"Error\"} 3\n"), "{text}");
        assert!(text.contains("ticketbridge_tickets{backend=\"be-1\",state=\"Received\"} 0\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("ticketbridge_tickets{")).count(), 18);
    }
}
