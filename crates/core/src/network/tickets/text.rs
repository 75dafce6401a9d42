//! Name and description of a ticket by template. One decimal, in texts only (telecom contract §7.5).

use super::draft::TicketDraft;
use crate::network::settings::{Texts, render};

/// Fills both templates.
pub(super) fn fill(texts: &Texts, draft: &TicketDraft, window_h: u32) -> (String, String) {
    let value = |name: &str| placeholder(name, draft, window_h);
    (render(&texts.name, &value), render(&texts.description, &value))
}

fn placeholder(name: &str, draft: &TicketDraft, window_h: u32) -> Option<String> {
    let place = &draft.topology;
    // The incident with the worst value says at which modulation and when.
    let worst = draft.incidents.iter().filter(|incident| Some(incident.worst) == draft.kpi.worst);
    let worst = worst.min_by_key(|incident| incident.worst_at);
    match name {
        "group_id" => Some(draft.source.group_id.clone()),
        "group_name" => Some(draft.group_name().to_owned()),
        "network" => place.network.clone(),
        "market" => place.market.clone(),
        "hub" => place.hub.clone(),
        "ccap" => place.ccap.clone(),
        "line_card" => place.line_card.clone(),
        "port" => place.port.clone(),
        "address" => place.address.clone(),
        "worst" => one_decimal(draft.kpi.worst),
        "worst_at" => worst.map(|incident| incident.worst_at.to_string()),
        "last" => one_decimal(draft.kpi.last),
        "avg" => one_decimal(draft.kpi.avg_24h),
        "threshold" => one_decimal(draft.kpi.threshold),
        "modulation" => worst.and_then(|incident| incident.modulation.clone()),
        "incidents" => Some(draft.incidents_total.to_string()),
        "channels_affected" => Some(draft.impact.channels_affected.to_string()),
        "channels" => Some(draft.impact.channels_total.to_string()),
        "cm_total" => draft.impact.cm_total.map(|count| count.to_string()),
        "cm_online" => draft.impact.cm_online.map(|count| count.to_string()),
        "window_h" => Some(window_h.to_string()),
        _ => None,
    }
}

fn one_decimal(number: Option<f64>) -> Option<String> {
    number.map(|number| format!("{number:.1}"))
}
