//! *Aggregations*: the three tables with severities, roll-up from the network to the group, and down to the channels.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_core::network::Aggregation;
use ticketbridge_core::network::evaluation::{AggregationRow, RollUp, Severity};
use ticketbridge_engine::view::{
    self, AggregationPage, AggregationQuery, AggregationTable, ChannelQuery, ChannelView, Sparkline,
};

use crate::console::PAGE;
use crate::console::chart::sparkline;
use crate::console::layout::{Page, Place};
use crate::console::parts::{self, figure};
use crate::console::visitor::{Fields, Visitor};
use crate::problem::Problem;
use crate::routes::{no_such_group, table_named};

/// Slots of a sparkline in a table: half an hour each.
const SLOTS: usize = 48;
const LIVE: &str = "runs,offloads";

/// `GET /console/aggregations`.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Problem> {
    let tables = view::aggregations(&visitor.desk.app).await?;
    let say = |english, spanish| visitor.say(english, spanish);
    let body = html! {
        div #tables data-live {
            div.columns { @for table in &tables.items { (card(&visitor, table)) } }
            h2 { (say("Last run", "Última corrida")) }
            @match &tables.last_run {
                None => (parts::nothing(say("There was no run yet.", "Todavía no hubo ninguna corrida."))),
                Some(run) => dl.facts {
                    dt { (say("As of", "Al")) } dd { (parts::instant(&run.as_of)) }
                    dt { (say("Finished", "Terminada")) } dd { (parts::instant(&run.finished_at)) }
                    dt { (say("Started by", "Iniciada por")) } dd { (run.trigger) }
                    dt { (say("Rows, critical, tickets", "Filas, críticas, tickets")) }
                    dd.number { (run.rows) " · " (run.triggered) " · " (run.tickets) }
                },
            }
        }
    };
    Ok(Page { place: Place::Aggregations, title: None, live: LIVE, body }.show(&visitor))
}

fn card(visitor: &Visitor, table: &AggregationTable) -> Markup {
    let path = format!("{}/{}", Place::Aggregations.path(), table.name);
    let groups = table.groups.map(|count| count.to_string());
    html! {
        section.card {
            h2 { a href=(path) { (table.title) } }
            p.hint { (table.kpi) " · " (table.unit) " · " (table.ticket_kind) }
            p { (parts::or_none(groups.as_deref())) " " (visitor.say("groups", "grupos")) }
            p.severities {
                @for (severity, count) in table.severities.iter().rev() {
                    a href=(parts::address(&path, &[("severity", severity.as_str())])) {
                        (parts::badge(severity.as_str(), &format!("{} {count}", severity_name(visitor, *severity))))
                    }
                }
            }
            @if let Some(at) = &table.as_of { p.hint { (visitor.say("as of ", "al ")) (parts::instant(at)) } }
        }
    }
}

fn severity_name(visitor: &Visitor, severity: Severity) -> &'static str {
    match severity {
        Severity::Timeout => visitor.say("Timeout", "Timeout"),
        Severity::Normal => visitor.say("Normal", "Normal"),
        Severity::Warning => visitor.say("Warning", "Advertencia"),
        Severity::Minor => visitor.say("Minor", "Menor"),
        Severity::Major => visitor.say("Major", "Mayor"),
        Severity::Critical => visitor.say("Critical", "Crítico"),
    }
}

fn severity(visitor: &Visitor, severity: Severity) -> Markup {
    parts::badge(severity.as_str(), severity_name(visitor, severity))
}

/// What is asked for; an empty field of the form is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    level: String,
    severity: String,
    network: String,
    market: String,
    hub: String,
    ccap: String,
    text: String,
    cursor: String,
}

impl Asked {
    fn query(&self) -> Result<AggregationQuery, Problem> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let level = match self.level.as_str() {
            "" => None,
            name => Some(RollUp::ALL.into_iter().find(|level| level.as_str() == name).ok_or_else(|| {
                Problem::bad_request("`level` is network, market, hub or ccap; leave it out for service groups")
            })?),
        };
        let severity = match self.severity.as_str() {
            "" => Vec::new(),
            name => vec![SEVERITIES.into_iter().find(|severity| severity.as_str() == name).ok_or_else(|| {
                Problem::bad_request("`severity` is critical, major, minor, warning, normal or timeout")
            })?],
        };
        Ok(AggregationQuery {
            level,
            severity,
            network: given(&self.network),
            market: given(&self.market),
            hub: given(&self.hub),
            ccap: given(&self.ccap),
            text: given(&self.text),
            limit: PAGE,
            cursor: given(&self.cursor),
            ..AggregationQuery::default()
        })
    }

    /// The same with some fields said anew, from the first row on.
    fn address(&self, path: &str, anew: &[(&str, &str)]) -> String {
        let fields = [
            ("level", self.level.as_str()),
            ("severity", &self.severity),
            ("network", &self.network),
            ("market", &self.market),
            ("hub", &self.hub),
            ("ccap", &self.ccap),
            ("text", &self.text),
        ];
        let kept = fields.into_iter().filter(|(name, _)| anew.iter().all(|(other, _)| other != name));
        parts::address(path, &kept.chain(anew.iter().copied()).collect::<Vec<_>>())
    }
}

/// The worst first.
const SEVERITIES: [Severity; 6] =
    [Severity::Critical, Severity::Major, Severity::Minor, Severity::Warning, Severity::Normal, Severity::Timeout];

/// `GET /console/aggregations/{name}`.
pub(super) async fn rows(
    visitor: Visitor,
    Path(name): Path<String>,
    Fields(asked): Fields<Asked>,
) -> Result<Response, Problem> {
    let table = table_named(&name)?;
    let app = &visitor.desk.app;
    let page = view::aggregation(app, table, &asked.query()?).await?;
    let lines = match page.items.first().filter(|_| asked.level.is_empty()) {
        Some(first) => {
            let groups: Vec<String> = page.items.iter().map(|row| row.group_id.clone()).collect();
            view::sparklines(app, table, &groups, (first.window_start, first.window_end), SLOTS).await?
        }
        None => Vec::new(),
    };
    let path = format!("{}/{table}", Place::Aggregations.path());
    let body = html! {
        (way(&visitor, &path, &asked))
        (filters(&visitor, &path, &asked))
        div #rows data-live {
            @if let Some(problem) = &page.problem { p.hint lang="en" { (problem) } }
            (row_table(&visitor, table, &path, &asked, &page, &lines))
            p.table-note {
                (page.total) " " (visitor.say("rows", "filas"))
                @if let Some(at) = &page.as_of { " · " (visitor.say("as of ", "al ")) (parts::instant(at)) }
            }
            nav.pager aria-label=(visitor.say("Further rows", "Más filas")) {
                @if !asked.cursor.is_empty() { a.button href=(asked.address(&path, &[])) { (visitor.say("First page", "Primera página")) } }
                @if let Some(next) = &page.next {
                    a.button rel="next" href=(asked.address(&path, &[("cursor", next)])) { (visitor.say("Next page", "Página siguiente")) }
                }
            }
        }
    };
    Ok(Page { place: Place::Aggregations, title: Some(view::title(table)), live: LIVE, body }.show(&visitor))
}

/// Where one is between the network and its groups, each step leading back.
fn way(visitor: &Visitor, path: &str, asked: &Asked) -> Markup {
    let steps = [("network", &asked.network), ("market", &asked.market), ("hub", &asked.hub), ("ccap", &asked.ccap)];
    let chosen: Vec<(&str, &str)> =
        steps.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (*name, value.as_str())).collect();
    html! {
        nav.way aria-label=(visitor.say("Place in the network", "Lugar en la red")) {
            a href=(parts::address(path, &[("level", "network")])) { (visitor.say("All networks", "Todas las redes")) }
            @for (index, (name, value)) in chosen.iter().enumerate() {
                @let to: Vec<_> = chosen.iter().take(index + 1).copied().chain([("level", level_below(name))]).collect();
                " › " a href=(parts::address(path, &to)) { (value) }
            }
        }
    }
}

fn filters(visitor: &Visitor, path: &str, asked: &Asked) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let levels = [
        ("", say("Service groups", "Grupos de servicio")),
        ("ccap", "CCAP"),
        ("hub", "Hub"),
        ("market", say("Market", "Mercado")),
        ("network", say("Network", "Red")),
    ];
    let kept = [("network", &asked.network), ("market", &asked.market), ("hub", &asked.hub), ("ccap", &asked.ccap)];
    html! {
        form.filters method="get" action=(path) role="search" {
            @for (name, value) in kept.into_iter().filter(|(_, value)| !value.is_empty()) {
                input type="hidden" name=(name) value=(value);
            }
            label { (say("One row per", "Una fila por"))
                select name="level" data-submits {
                    @for (value, name) in levels { option value=(value) selected[value == asked.level] { (name) } }
                }
            }
            label { (say("Severity", "Severidad"))
                select name="severity" data-submits {
                    option value="" { (say("all", "todas")) }
                    @for one in SEVERITIES {
                        option value=(one.as_str()) selected[one.as_str() == asked.severity] { (severity_name(visitor, one)) }
                    }
                }
            }
            label.wide { (say("Text", "Texto"))
                input type="search" name="text" value=(asked.text) maxlength="200"
                    placeholder=(say("id, name, CCAP, hub, market, network, node", "id, nombre, CCAP, hub, mercado, red, nodo"));
            }
            button type="submit" { (say("Filter", "Filtrar")) }
        }
    }
}

fn row_table(
    visitor: &Visitor,
    table: Aggregation,
    path: &str,
    asked: &Asked,
    page: &AggregationPage,
    lines: &[Option<Sparkline>],
) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if page.items.is_empty() {
        return parts::nothing(say("No row fits.", "Ninguna fila cumple."));
    }
    let heads = [
        say("Severity", "Severidad"),
        say("Group", "Grupo"),
        say("24 hours", "24 horas"),
        say("Last", "Último"),
        say("Mean", "Media"),
        say("Worst", "Peor"),
        say("Incidents", "Incidentes"),
        say("Open", "Abiertos"),
        say("Channels", "Canales"),
        say("Timeout", "Timeout"),
    ];
    parts::table(
        view::title(table),
        &heads,
        &html! {
            @for (index, row) in page.items.iter().enumerate() {
                tr {
                    td { (severity(visitor, row.severity_now)) }
                    td { a href=(below(path, asked, row)) { (row.group_id) } br; span.hint { (row.group_name) } }
                    td { @if let Some(Some(line)) = lines.get(index) { (sparkline(&row.group_id, &line.values)) } }
                    td.number { (figure(row.kpi_last)) }
                    td.number { (figure(row.kpi_avg)) }
                    td.number { (figure(row.worst_value)) }
                    td.number { (row.critical_incidents_24h) }
                    td.number { (row.open_incidents) }
                    td.number { (row.channels_reporting) " / " (row.channels) }
                    td.number { (row.channels_timeout) }
                }
            }
        },
    )
}

/// One step down: from a network to its markets, from a CCAP to its groups, from a group to its channels.
fn below(path: &str, asked: &Asked, row: &AggregationRow) -> String {
    let places = [("network", &row.network), ("market", &row.market), ("hub", &row.hub), ("ccap", &row.ccap)];
    // Of the places only those down to the row's own: a hub that has one CCAP is still a hub.
    let to = |level: &str, depth: usize| {
        let places = places
            .iter()
            .enumerate()
            .map(|(index, (name, value))| (*name, value.as_deref().filter(|_| index < depth).unwrap_or_default()));
        asked.address(path, &std::iter::once(("level", level)).chain(places).collect::<Vec<_>>())
    };
    match asked.level.as_str() {
        "network" => to("market", 1),
        "market" => to("hub", 2),
        "hub" => to("ccap", 3),
        "ccap" => to("", 4),
        _ => format!("{path}/{}", parts::segment(&row.group_id)),
    }
}

/// What a row of this level is made of; empty: service groups.
fn level_below(level: &str) -> &'static str {
    match level {
        "network" => "market",
        "market" => "hub",
        "hub" => "ccap",
        _ => "",
    }
}

/// Which channels of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AskedChannels {
    cursor: String,
}

/// `GET /console/aggregations/{name}/{group}`.
pub(super) async fn group(
    visitor: Visitor,
    Path((name, group)): Path<(String, String)>,
    Fields(asked): Fields<AskedChannels>,
) -> Result<Response, Problem> {
    let table = table_named(&name)?;
    let cursor = Some(asked.cursor).filter(|cursor| !cursor.is_empty());
    let query = ChannelQuery { limit: PAGE, cursor, ..ChannelQuery::default() };
    let found = view::group(&visitor.desk.app, table, &group, &query).await?;
    let found = found.ok_or_else(|| no_such_group(table, &group))?;
    let say = |english, spanish| visitor.say(english, spanish);
    let path = format!("{}/{table}", Place::Aggregations.path());
    let here = format!("{path}/{}", parts::segment(&group));
    let row = &found.group;
    let place = Asked {
        network: row.network.clone().unwrap_or_default(),
        market: row.market.clone().unwrap_or_default(),
        hub: row.hub.clone().unwrap_or_default(),
        ccap: row.ccap.clone().unwrap_or_default(),
        ..Asked::default()
    };
    let body = html! {
        (way(&visitor, &path, &place))
        div #group data-live {
            div.columns {
                section.card { (facts(&visitor, row)) }
                section.card {
                    h2 { (say("The worst of all its channels", "Lo peor de todos sus canales")) }
                    div.large { (sparkline(&group, &found.sparkline.values)) }
                    p { a href=(parts::address(Place::Tickets.path(), &[("text", &group)])) { (say("Its tickets", "Sus tickets")) } }
                }
            }
            h2 { (say("Channels", "Canales")) }
            (channels(&visitor, &found.channels))
            @if let Some(next) = &found.next {
                nav.pager { a.button rel="next" href=(parts::address(&here, &[("cursor", next)])) { (say("Next page", "Página siguiente")) } }
            }
        }
    };
    Ok(Page { place: Place::Aggregations, title: Some(&row.group_id), live: LIVE, body }.show(&visitor))
}

fn facts(visitor: &Visitor, row: &AggregationRow) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let modems = row.cm_online.zip(row.cm_total).map(|(online, total)| format!("{online} / {total}"));
    html! {
        p { (severity(visitor, row.severity_now)) " · " (row.group_name) }
        dl.facts {
            dt { (say("Last, mean", "Último, media")) } dd.number { (figure(row.kpi_last)) " · " (figure(row.kpi_avg)) " " (row.aggregation.unit()) }
            dt { (say("Lowest, highest", "Mínimo, máximo")) } dd.number { (figure(row.kpi_min)) " · " (figure(row.kpi_max)) }
            dt { (say("Worst", "Peor")) } dd {
                span.number { (figure(row.worst_value)) } " " (parts::or_none(row.worst_channel_id.as_deref()))
                @if let Some(at) = row.worst_at { " " (parts::instant(&at.to_string())) }
            }
            dt { (say("Critical incidents, open", "Incidentes críticos, abiertos")) }
            dd.number { (row.critical_incidents_24h) " · " (row.open_incidents) }
            dt { (say("Channels reporting, affected, silent", "Canales con datos, afectados, sin datos")) }
            dd.number { (row.channels_reporting) " / " (row.channels) " · " (row.channels_affected) " · " (row.channels_timeout) }
            dt { (say("Modems online", "Módems en línea")) } dd.number { (parts::or_none(modems.as_deref())) }
            dt { (say("Optical nodes", "Nodos ópticos")) } dd { (row.fiber_nodes.join(", ")) }
            dt { (say("Window", "Ventana")) } dd {
                (parts::instant(&row.window_start.to_string())) " – " (parts::instant(&row.window_end.to_string()))
            }
        }
    }
}

fn channels(visitor: &Visitor, channels: &[ChannelView]) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if channels.is_empty() {
        return parts::nothing(say(
            "No channel has samples in the window.",
            "Ningún canal tiene muestras en la ventana.",
        ));
    }
    let heads = [
        say("Channel", "Canal"),
        say("24 hours", "24 horas"),
        say("Last", "Último"),
        say("Worst", "Peor"),
        say("Samples", "Muestras"),
        say("Without value", "Sin valor"),
    ];
    parts::table(
        say("Channels", "Canales"),
        &heads,
        &html! {
            @for channel in channels {
                tr {
                    td { (channel.channel_id) }
                    td { (sparkline(&channel.channel_id, &channel.sparkline.values)) }
                    td.number { (figure(channel.last)) }
                    td.number { (figure(channel.worst)) }
                    td.number { (channel.samples) }
                    td.number { (channel.no_data) }
                }
            }
        },
    )
}
