//! The incidents of a ticket on a chart of their KPI: when, how long, how far beyond the threshold.

use maud::{Markup, html};
use ticketbridge_core::network::tickets::TicketIncident;
use ticketbridge_engine::explain::NetworkEvidence;

use crate::console::parts;
use crate::console::visitor::Visitor;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
/// Room for the figures at the left, and for the times below.
const LEFT: f64 = 44.0;
const BELOW: f64 = 20.0;

/// The chart, and the same in a table.
pub(super) fn incidents(visitor: &Visitor, evidence: &NetworkEvidence) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let heads = [
        say("Object", "Objeto"),
        say("Opened", "Abierto"),
        say("Closed", "Cerrado"),
        say("Worst", "Peor"),
        say("Threshold", "Umbral"),
    ];
    let rows = html! {
        @for incident in &evidence.incidents {
            tr {
                td { (incident.object_id) }
                td { (parts::instant(&incident.opened_at.to_string())) }
                td { @match incident.closed_at { Some(at) => (parts::instant(&at.to_string())), None => (say("open", "abierto")) } }
                td.number { (parts::figure(Some(incident.worst))) }
                td.number { (parts::figure(Some(incident.threshold))) }
            }
        }
    };
    html! {
        @if let Some(scale) = Scale::of(evidence) { (drawn(visitor, evidence, &scale)) }
        details #incidents {
            summary { (say("As a table", "En una tabla")) }
            (parts::table(say("Incidents", "Incidentes"), &heads, &rows))
        }
    }
}

/// How instants and values become places.
struct Scale {
    from: f64,
    span: f64,
    least: f64,
    range: f64,
}

impl Scale {
    /// `None`: there is no incident to draw. Threshold and worst value of the ticket are on the scale, too.
    fn of(evidence: &NetworkEvidence) -> Option<Self> {
        if evidence.incidents.is_empty() {
            return None;
        }
        let values = evidence.incidents.iter().flat_map(|incident| [incident.worst, incident.threshold]);
        let values = values.chain(evidence.kpi.threshold).chain(evidence.kpi.worst);
        let (least, most) =
            values.filter(|value| value.is_finite()).fold(None, |range: Option<(f64, f64)>, value| {
                Some(range.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
            })?;
        let margin = ((most - least) * 0.15).max(0.5);
        let (from, to) = (evidence.window.from.0 as f64, evidence.window.to.0 as f64);
        let span = (to - from).max(1.0);
        Some(Self { from, span, least: least - margin, range: most - least + 2.0 * margin })
    }

    /// From the left; what lies outside of the window is drawn at its edge.
    fn x(&self, at: i64) -> f64 {
        LEFT + (WIDTH - LEFT) * ((at as f64 - self.from) / self.span).clamp(0.0, 1.0)
    }

    /// From the top.
    fn y(&self, value: f64) -> f64 {
        (HEIGHT - BELOW) * (1.0 - ((value - self.least) / self.range).clamp(0.0, 1.0))
    }
}

fn drawn(visitor: &Visitor, evidence: &NetworkEvidence, scale: &Scale) -> Markup {
    let place = |value: f64| format!("{value:.1}");
    let threshold = evidence.kpi.threshold.filter(|value| value.is_finite());
    let named = visitor.say(
        "Incidents of the window, from the threshold to the worst value",
        "Incidentes de la ventana, del umbral al peor valor",
    );
    let bar = |incident: &TicketIncident| {
        let begin = scale.x(incident.opened_at.0);
        let end = incident.closed_at.map_or(WIDTH, |at| scale.x(at.0));
        let (worst, limit) = (scale.y(incident.worst), scale.y(incident.threshold));
        (begin, (end - begin).max(2.0), worst.min(limit), (worst - limit).abs().max(2.0))
    };
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(named) {
            line.axis x1=(LEFT) x2=(WIDTH) y1=(HEIGHT - BELOW) y2=(HEIGHT - BELOW) {}
            @for incident in &evidence.incidents {
                @let (x, width, y, height) = bar(incident);
                rect.window x=(place(x)) y=(place(y)) width=(place(width)) height=(place(height)) {
                    title { (incident.object_id) ": " (parts::figure(Some(incident.worst))) " " (evidence.kpi.unit) }
                }
                circle.worst cx=(place(scale.x(incident.worst_at.0))) cy=(place(scale.y(incident.worst))) r="3" {}
            }
            @if let Some(value) = threshold {
                line.threshold x1=(LEFT) x2=(WIDTH) y1=(place(scale.y(value))) y2=(place(scale.y(value))) {}
                text x="0" y=(place(scale.y(value) + 4.0)) { (parts::figure(Some(value))) }
            }
            @if let Some(worst) = evidence.kpi.worst.filter(|value| value.is_finite()) {
                text x="0" y=(place((scale.y(worst) + 4.0).min(HEIGHT - BELOW))) { (parts::figure(Some(worst))) }
            }
            text x=(LEFT) y=(HEIGHT - 5.0) { (short(&evidence.window.from.to_string())) }
            text x=(WIDTH) y=(HEIGHT - 5.0) text-anchor="end" { (short(&evidence.window.to.to_string())) }
        }
    }
}

/// Day and minute of an instant, in UTC.
fn short(at: &str) -> String {
    format!("{} UTC", at.get(..16).unwrap_or(at).replace('T', " "))
}
