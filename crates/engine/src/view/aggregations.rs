//! The aggregation tables: rows, worst first, roll-ups, and the channels below a group.
//!
//! Tables are those of the latest run; looking at them makes none anew unless this process has not made them yet.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ticketbridge_core::network::evaluation::{AggregationRow, RollUp, Severity};
use ticketbridge_core::network::{Aggregation, Timestamp};
use ticketbridge_store::{MAX_PAGE, hexadecimal};
use utoipa::{IntoParams, ToSchema};

use super::PageFault;
use super::filter::{FilterFault, FilterText, one, several};
use super::runs::WorkflowRunView;
use super::tickets::DEFAULT_PAGE;
use crate::app::App;
use crate::workflow::{ChannelHistory, WorkflowError};

/// Slots of a sparkline when nothing else is asked for.
pub const USUAL_SLOTS: usize = 96;
/// Most slots of a sparkline.
pub const MAX_SLOTS: usize = 1_440;

/// The three tables at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AggregationTables {
    /// The tables.
    pub items: Vec<AggregationTable>,
    /// The run that they are as of; null: there was none yet.
    pub last_run: Option<WorkflowRunView>,
}

/// One table at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AggregationTable {
    /// Its name in addresses and settings.
    pub name: Aggregation,
    /// Its name for people.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// The KPI.
    #[schema(value_type = String)]
    pub kpi: &'static str,
    /// Unit of the KPI.
    #[schema(value_type = String)]
    pub unit: &'static str,
    /// Kind of the tickets that it makes.
    pub ticket_kind: String,
    /// Its rows; null: this process has not made the table yet.
    pub groups: Option<usize>,
    /// Rows per severity; only those above zero.
    pub severities: BTreeMap<Severity, usize>,
    /// The instant that it is as of; null: not made yet, or empty.
    pub as_of: Option<String>,
}

/// Which rows of a table, and which page of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AggregationQuery {
    /// One row per CCAP, hub, market or network instead of one per group.
    #[param(inline)]
    pub level: Option<RollUp>,
    /// One of these group ids, exactly.
    #[param(inline, value_type = Vec<FilterText>, max_items = 50)]
    pub group: Vec<String>,
    /// One of these severities.
    #[param(inline, max_items = 50)]
    pub severity: Vec<Severity>,
    /// Of this network.
    #[param(inline, value_type = Option<FilterText>)]
    pub network: Option<String>,
    /// Of this market.
    #[param(inline, value_type = Option<FilterText>)]
    pub market: Option<String>,
    /// Of this hub.
    #[param(inline, value_type = Option<FilterText>)]
    pub hub: Option<String>,
    /// Of this CCAP.
    #[param(inline, value_type = Option<FilterText>)]
    pub ccap: Option<String>,
    /// This text in id, name, CCAP, hub, market, network or an optical node, ignoring ASCII case.
    #[param(inline, value_type = Option<FilterText>)]
    pub text: Option<String>,
    /// The order of the rows.
    #[param(inline)]
    pub sort: GroupOrder,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: usize,
    /// `next` of the page before.
    #[param(max_length = 4096, pattern = r"^g[0-9](?:[0-9a-f]{2})*$")]
    pub cursor: Option<String>,
}

impl Default for AggregationQuery {
    fn default() -> Self {
        Self {
            level: None,
            group: Vec::new(),
            severity: Vec::new(),
            network: None,
            market: None,
            hub: None,
            ccap: None,
            text: None,
            sort: GroupOrder::default(),
            limit: DEFAULT_PAGE,
            cursor: None,
        }
    }
}

/// The order of a table's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupOrder {
    /// Worst severity first, then by id.
    #[default]
    Severity,
    /// By id.
    Group,
}

/// A page of a table.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AggregationPage {
    /// The instant that the rows are as of; null: there are none.
    pub as_of: Option<String>,
    /// The rows.
    pub items: Vec<AggregationRow>,
    /// Rows that fit, on all pages together.
    pub total: usize,
    /// Where the next page begins; null: this was the last one.
    pub next: Option<String>,
    /// Why there is no table yet, and what to do.
    pub problem: Option<String>,
}

/// Which channels of a group, and how they are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChannelQuery {
    /// Slots that the window is cut into.
    #[param(minimum = 1, maximum = 1440, default = 96)]
    pub slots: usize,
    /// Channels of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: usize,
    /// `next` of the page before.
    #[param(max_length = 4096, pattern = r"^c(?:[0-9a-f]{2})*$")]
    pub cursor: Option<String>,
}

impl Default for ChannelQuery {
    fn default() -> Self {
        Self { slots: USUAL_SLOTS, limit: DEFAULT_PAGE, cursor: None }
    }
}

/// One group and its channels.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct GroupDetail {
    /// Its row in the table.
    pub group: AggregationRow,
    /// The worst of all its channels.
    pub sparkline: Sparkline,
    /// Its channels, in byte order of their ids. Empty for a union of several service groups.
    pub channels: Vec<ChannelView>,
    /// Where the next page of channels begins; null: this was the last one.
    pub next: Option<String>,
}

/// One channel of a group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelView {
    /// The channel.
    pub channel_id: String,
    /// Samples with a value in the window.
    pub samples: usize,
    /// Samples without one.
    pub no_data: usize,
    /// The newest value.
    pub last: Option<f64>,
    /// The worst value: SNR the lowest, utilisation the highest.
    pub worst: Option<f64>,
    /// Its values over the window.
    pub sparkline: Sparkline,
}

/// Values over a window that is cut into slots of equal length; the worst of each slot, null where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sparkline {
    /// Begin of the window, itself outside.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the window, itself inside.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Oldest first; SNR the lowest of each slot, utilisation the highest.
    pub values: Vec<Option<f64>>,
}

/// Why a table cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AggregationFault {
    /// A filter that cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterFault),
    /// Limit or cursor.
    #[error(transparent)]
    Page(#[from] PageFault),
    /// Too few or too many slots.
    #[error("`slots` is {0}; it must be 1 to {MAX_SLOTS}")]
    Slots(usize),
    /// The table could not be made.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
}

/// The three tables, as this process last made them, and the latest run.
pub async fn aggregations(app: &App) -> Result<AggregationTables, WorkflowError> {
    let last_run = app.workflow.runs(1).await?.first().map(WorkflowRunView::from);
    let table = |name: Aggregation| {
        let rows = app.workflow.latest(name, None);
        let mut severities: BTreeMap<Severity, usize> = BTreeMap::new();
        for row in rows.iter().flat_map(|rows| rows.iter()) {
            *severities.entry(row.severity_now).or_default() += 1;
        }
        AggregationTable {
            name,
            title: title(name),
            kpi: name.kpi_file().kpi(),
            unit: name.unit(),
            ticket_kind: app.config.workflow.rules.kind_by_aggregation.of(name).to_owned(),
            groups: rows.as_ref().map(|rows| rows.len()),
            severities,
            as_of: rows.as_ref().and_then(|rows| rows.first()).map(|row| row.updated_at.to_string()),
        }
    };
    Ok(AggregationTables { items: Aggregation::ALL.map(table).into(), last_run })
}

/// A table's name for people.
pub fn title(name: Aggregation) -> &'static str {
    match name {
        Aggregation::SnrUpstream => "SNR Upstream Aggregation",
        Aggregation::UsServiceGroup => "US Service Group Aggregation",
        Aggregation::DsServiceGroup => "DS Service Group Aggregation",
    }
}

/// A page of one table. Keyset paging: a new run in between may move rows whose severity changed, and no others.
pub async fn aggregation(
    app: &App,
    name: Aggregation,
    query: &AggregationQuery,
) -> Result<AggregationPage, AggregationFault> {
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(PageFault::Limit(query.limit).into());
    }
    let filter = Filter::new(query)?;
    let after = query.cursor.as_deref().map(|text| Place::read(text).ok_or(PageFault::Cursor)).transpose()?;
    let rows = match app.workflow.current(name, query.level, app.clock.now().wall).await {
        Ok(rows) => rows,
        Err(WorkflowError::NoTopology) => {
            let problem = Some(WorkflowError::NoTopology.to_string());
            return Ok(AggregationPage { as_of: None, items: Vec::new(), total: 0, next: None, problem });
        }
        Err(fault) => return Err(fault.into()),
    };
    let mut found: Vec<(Place, &AggregationRow)> =
        rows.iter().filter(|row| filter.lets_through(row)).map(|row| (Place::of(row, query.sort), row)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let total = found.len();
    let begin = after.map_or(0, |after| found.partition_point(|(place, _)| *place <= after));
    let page = found.get(begin..).unwrap_or_default();
    let items: Vec<AggregationRow> = page.iter().take(query.limit).map(|(_, row)| (*row).clone()).collect();
    let next = (page.len() > query.limit).then(|| page.get(query.limit - 1)).flatten().map(|(place, _)| place.write());
    let as_of = rows.first().map(|row| row.updated_at.to_string());
    Ok(AggregationPage { as_of, items, total, next, problem: None })
}

/// One group with its channels and their values over the window; `None`: the table has no such row.
pub async fn group(
    app: &App,
    name: Aggregation,
    group_id: &str,
    query: &ChannelQuery,
) -> Result<Option<GroupDetail>, AggregationFault> {
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(PageFault::Limit(query.limit).into());
    }
    check_slots(query.slots)?;
    let after = query.cursor.as_deref().map(|text| read_channel(text).ok_or(PageFault::Cursor)).transpose()?;
    let rows = match app.workflow.current(name, None, app.clock.now().wall).await {
        Ok(rows) => rows,
        Err(WorkflowError::NoTopology) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let Some(row) = rows.iter().find(|row| row.group_id == group_id) else { return Ok(None) };
    let (from, to) = (row.window_start, row.window_end);
    let history = app.workflow.history(name, group_id, from.plus_seconds(1), to).await?.unwrap_or_default();
    let drawing = Drawing { name, from, to, slots: query.slots };
    let sparkline = drawing.line(history.iter());
    let begin =
        after.map_or(0, |after| history.partition_point(|channel| channel.channel_id.as_bytes() <= after.as_slice()));
    let page = history.get(begin..).unwrap_or_default();
    let next = (page.len() > query.limit).then(|| page.get(query.limit - 1)).flatten();
    let next = next.map(|channel| write_channel(&channel.channel_id));
    let channels = page.iter().take(query.limit).map(|channel| drawing.channel(channel)).collect();
    Ok(Some(GroupDetail { group: row.clone(), sparkline, channels, next }))
}

/// Sparklines of several groups of one table between the two instants, in the order asked for: the worst of all channels
/// of each. `None`: no such service group.
pub async fn sparklines(
    app: &App,
    name: Aggregation,
    groups: &[String],
    (from, to): (Timestamp, Timestamp),
    slots: usize,
) -> Result<Vec<Option<Sparkline>>, AggregationFault> {
    several("group", groups)?;
    check_slots(slots)?;
    let drawing = Drawing { name, from, to, slots };
    let histories = app.workflow.histories(name, groups, from.plus_seconds(1), to).await?;
    Ok(histories.into_iter().map(|channels| channels.map(|channels| drawing.line(channels.iter()))).collect())
}

fn check_slots(slots: usize) -> Result<(), AggregationFault> {
    if (1..=MAX_SLOTS).contains(&slots) { Ok(()) } else { Err(AggregationFault::Slots(slots)) }
}

/// A checked filter.
struct Filter<'q> {
    query: &'q AggregationQuery,
    text: Option<String>,
}

impl<'q> Filter<'q> {
    fn new(query: &'q AggregationQuery) -> Result<Self, FilterFault> {
        several("group", &query.group)?;
        for (name, value) in [
            ("network", &query.network),
            ("market", &query.market),
            ("hub", &query.hub),
            ("ccap", &query.ccap),
            ("text", &query.text),
        ] {
            one(name, value.as_deref())?;
        }
        Ok(Self { query, text: query.text.as_ref().map(|text| text.to_ascii_lowercase()) })
    }

    fn lets_through(&self, row: &AggregationRow) -> bool {
        let query = self.query;
        let is = |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
        (query.group.is_empty() || query.group.contains(&row.group_id))
            && (query.severity.is_empty() || query.severity.contains(&row.severity_now))
            && is(&query.network, &row.network)
            && is(&query.market, &row.market)
            && is(&query.hub, &row.hub)
            && is(&query.ccap, &row.ccap)
            && self.text.as_deref().is_none_or(|text| mentions(row, text))
    }
}

fn mentions(row: &AggregationRow, text: &str) -> bool {
    let places = [&row.ccap, &row.hub, &row.market, &row.network].into_iter().flatten();
    let mut texts = [&row.group_id, &row.group_name].into_iter().chain(places).chain(&row.fiber_nodes);
    texts.any(|one| one.to_ascii_lowercase().contains(text))
}

/// Where a row stands in its order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Reverse<u8>, Vec<u8>);

impl Place {
    fn of(row: &AggregationRow, order: GroupOrder) -> Self {
        let rank = match order {
            GroupOrder::Severity => row.severity_now as u8,
            GroupOrder::Group => 0,
        };
        Self(Reverse(rank), row.group_id.as_bytes().to_vec())
    }

    fn write(&self) -> String {
        format!("g{}{}", self.0.0, hexadecimal(&self.1))
    }

    fn read(text: &str) -> Option<Self> {
        let rank = text.strip_prefix('g')?.get(..1)?.parse().ok()?;
        Some(Self(Reverse(rank), from_hexadecimal(text.get(2..)?)?))
    }
}

fn write_channel(id: &str) -> String {
    format!("c{}", hexadecimal(id.as_bytes()))
}

fn read_channel(text: &str) -> Option<Vec<u8>> {
    from_hexadecimal(text.strip_prefix('c')?)
}

/// Its bytes; they need not be a text: what stands behind them is asked for, not what they are.
fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8)).collect();
    bytes.filter(|_| rest.is_empty())
}

/// How sparklines are drawn.
#[derive(Clone, Copy)]
struct Drawing {
    name: Aggregation,
    from: Timestamp,
    to: Timestamp,
    slots: usize,
}

impl Drawing {
    fn worse(self, one: f64, other: f64) -> f64 {
        if self.name == Aggregation::SnrUpstream { one.min(other) } else { one.max(other) }
    }

    fn channel(self, history: &ChannelHistory) -> ChannelView {
        let values = || history.points.iter().filter_map(|(_, value)| *value);
        ChannelView {
            channel_id: history.channel_id.clone(),
            samples: values().count(),
            no_data: history.points.len() - values().count(),
            last: values().next_back(),
            worst: values().reduce(|one, other| self.worse(one, other)),
            sparkline: self.line([history]),
        }
    }

    /// The worst value of each slot, over all these channels.
    fn line<'h>(self, channels: impl IntoIterator<Item = &'h ChannelHistory>) -> Sparkline {
        let mut values: Vec<Option<f64>> = vec![None; self.slots];
        let length = (self.to.0 - self.from.0).max(1);
        for (at, value) in channels.into_iter().flat_map(|channel| &channel.points) {
            // Less than nothing after the begin would be rounded up into the first slot.
            let since = at.0 - self.from.0 - 1;
            let Some(value) = value.as_ref().filter(|_| since >= 0) else { continue };
            let Ok(place) = usize::try_from(i128::from(since) * self.slots as i128 / i128::from(length)) else {
                continue;
            };
            if let Some(slot) = values.get_mut(place) {
                *slot = Some(slot.map_or(*value, |known| self.worse(known, *value)));
            }
        }
        Sparkline { from: self.from, to: self.to, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is_one() {
        let place = Place(Reverse(5), "USSG-Ñ 1".into());
        assert_eq!(Place::read(&place.write()), Some(place));
        for text in ["", "g", "g5f", "gx00", "g5FF", "g5f ", "t0000000000000001", "gé"] {
            assert_eq!(Place::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_sparkline_shows_the_worst_of_each_slot_and_leaves_holes() {
        let point = |at, value| (Timestamp(at), value);
        let history = ChannelHistory {
            channel_id: String::from("c"),
            points: vec![
                point(0, Some(1.0)),
                point(1, Some(30.0)),
                point(10, Some(20.0)),
                point(11, None),
                point(40, Some(25.0)),
                point(41, Some(2.0)),
            ],
        };
        let drawing = Drawing { name: Aggregation::SnrUpstream, from: Timestamp(0), to: Timestamp(40), slots: 4 };
        assert_eq!(drawing.line([&history]).values, [Some(20.0), None, None, Some(25.0)]);
        let other = Drawing { name: Aggregation::DsServiceGroup, ..drawing };
        assert_eq!(other.line([&history]).values, [Some(30.0), None, None, Some(25.0)]);
    }
}
