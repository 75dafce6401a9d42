//! Values that callers send, described as they are checked. What is generated from the description is taken.

use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use ticketbridge_engine::view::mobile::Window;
use ticketbridge_engine::view::{DEFAULT_PAGE, FilterText, KeyText, StateText, TicketQuery};

/// The largest whole number that every reader of JSON holds exactly.
const MAX_WHOLE: u64 = (1 << 53) - 1;

/// A whole number from 0 to 2^53 - 1. `5` and `5.0` are one number in JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole(pub(crate) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = number.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=MAX_WHOLE as f64).contains(number));
        let whole = number.as_u64().or_else(|| whole.map(|number| number as u64)).filter(|number| *number <= MAX_WHOLE);
        whole.map(Self).ok_or_else(|| de::Error::custom(format!("{number} is no whole number from 0 to {MAX_WHOLE}")))
    }
}

impl PartialSchema for Whole {
    fn schema() -> RefOr<Schema> {
        let whole =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_i64)).maximum(Some(MAX_WHOLE as i64));
        whole.into()
    }
}

impl ToSchema for Whole {}

/// Nothing but this truth value.
pub(crate) struct Only<const VALUE: bool>;

impl<const VALUE: bool> PartialSchema for Only<VALUE> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([VALUE])).into()
    }
}

impl<const VALUE: bool> ToSchema for Only<VALUE> {}

/// Which part of a listing that runs from the newest to the oldest.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowQuery {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
    /// Rows to pass over.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64, default = 0)]
    offset: usize,
}

impl Default for WindowQuery {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE, offset: 0 }
    }
}

impl WindowQuery {
    /// The part.
    pub(crate) fn window(&self) -> Window {
        Window { offset: self.offset, limit: self.limit }
    }
}

/// How many of the newest.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LimitQuery {
    /// Rows at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) limit: usize,
}

impl Default for LimitQuery {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE }
    }
}

/// Which backend is to carry what comes in.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IntakeQuery {
    /// The backend that is to carry them.
    #[param(inline, value_type = Option<FilterText>)]
    pub(crate) backend: Option<String>,
}

/// Whether to wait for the end of a run.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Wait for the end of the run.
    #[param(default = false)]
    pub(crate) wait: bool,
}

/// Which tickets are listed, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TicketsQuery {
    /// In one of these states.
    #[param(inline, value_type = Vec<StateText>, max_items = 50)]
    pub(crate) state: Vec<String>,
    /// Of one of these kinds, compared as kind keys.
    #[param(inline, value_type = Vec<FilterText>, max_items = 50)]
    pub(crate) kind: Vec<String>,
    /// Carried by one of these backends.
    #[param(inline, value_type = Vec<FilterText>, max_items = 50)]
    pub(crate) backend: Vec<String>,
    /// About exactly this.
    #[param(inline, value_type = Option<KeyText>)]
    pub(crate) dedupe_key: Option<String>,
    /// With exactly this message id.
    #[param(inline, value_type = Option<FilterText>)]
    pub(crate) message_id: Option<String>,
    /// This text in key, numbers, message id or reason, ignoring ASCII case.
    #[param(inline, value_type = Option<FilterText>)]
    pub(crate) text: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) limit: usize,
    /// `next` of the page before.
    #[param(pattern = r"^t[0-7][0-9a-f]{15}$")]
    pub(crate) cursor: Option<String>,
}

impl Default for TicketsQuery {
    fn default() -> Self {
        let TicketQuery { state, kind, backend, dedupe_key, message_id, text } = TicketQuery::default();
        Self { state, kind, backend, dedupe_key, message_id, text, limit: DEFAULT_PAGE, cursor: None }
    }
}
