//! Backends, and the settings of theirs that can be changed while running.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use ticketbridge_config::Config;
use ticketbridge_config::sections::Backend;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{AuditEntry, BackendOverride, Store, StoreError};

use crate::delivery::{BackendView, SETTING_NAMES, effective_backends};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingFault {
    /// No such backend.
    #[error("there is no backend `{name}`; the backends are {known}")]
    NoSuchBackend {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// No such setting.
    #[error(
        "`{0}` is no setting that can be changed while running; these are: processing, max_retries, max_tickets_per_request"
    )]
    NoSuchSetting(String),
    /// Not a truth value.
    #[error("`processing` must be true or false, not {0}")]
    NotABoolean(String),
    /// Not a number in range.
    #[error("`{name}` must be a whole number from {least} to {most}, not {given}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its smallest value.
        least: u32,
        /// Its largest value.
        most: u32,
        /// What was given.
        given: String,
    },
    /// Nothing to change.
    #[error("nothing to change; give processing, max_retries or max_tickets_per_request")]
    Empty,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Settings to change, each checked; at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendChange(BTreeMap<&'static str, Value>);

impl BackendChange {
    /// From a JSON object; every key must be a setting, every value in its range.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, SettingFault> {
        let mut change = Self::default();
        for (name, value) in object {
            change.set(name, value.clone())?;
        }
        if change.0.is_empty() { Err(SettingFault::Empty) } else { Ok(change) }
    }

    /// From `KEY=VALUE` pairs of a command line.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, SettingFault> {
        let mut change = Self::default();
        for (name, text) in pairs {
            let value = match text {
                "on" => Value::from(true),
                "off" => Value::from(false),
                text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
            };
            change.set(name, value)?;
        }
        if change.0.is_empty() { Err(SettingFault::Empty) } else { Ok(change) }
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), SettingFault> {
        let Some(name) = SETTING_NAMES.into_iter().find(|known| *known == name) else {
            return Err(SettingFault::NoSuchSetting(name.chars().take(100).collect()));
        };
        match range(name) {
            None if !value.is_boolean() => return Err(SettingFault::NotABoolean(shown(&value))),
            Some(range) if !whole(&value).is_some_and(|number| range.contains(&number)) => {
                let (least, most) = (*range.start(), *range.end());
                return Err(SettingFault::OutOfRange { name, least, most, given: shown(&value) });
            }
            None | Some(_) => {}
        }
        let value = whole(&value).map_or(value, Value::from);
        self.0.insert(name, value);
        Ok(())
    }
}

/// All backends with the settings now in force.
pub async fn backends(config: &Config, store: &dyn Store) -> Result<Vec<BackendView>, StoreError> {
    effective_backends(config, store).await
}

/// One backend with the settings now in force.
pub async fn backend(config: &Config, store: &dyn Store, name: &str) -> Result<BackendView, SettingFault> {
    configured(config, name)?;
    let views = effective_backends(config, store).await?;
    views.into_iter().find(|view| view.backend.name.as_str() == name).ok_or_else(|| no_such_backend(config, name))
}

/// Changes settings of a backend: they hold at once, survive a restart, and last until the file says something else.
///
/// Every value was checked before the first is written. Each is a write of its own: a store that fails in between
/// leaves the first ones changed.
pub async fn change_backend(
    config: &Config,
    store: &dyn Store,
    name: &str,
    change: &BackendChange,
    who: &str,
    at: Wall,
) -> Result<BackendView, SettingFault> {
    let configured = configured(config, name)?;
    let before = backend(config, store, name).await?.backend;
    for (setting, value) in &change.0 {
        let old = file_value(&before, setting);
        let file_value = file_value(configured, setting);
        // Back to what the file says is no change any more.
        let wanted = (file_value != *value).then(|| BackendOverride {
            value: value.clone(),
            file_value,
            who: who.to_owned(),
            at,
        });
        let detail = json!({"setting": setting, "old": old, "new": value});
        let line = AuditEntry::new(at, who, "backend.set", name).with(detail);
        store.set_backend_override(&configured.name, setting, wanted, line).await?;
        tracing::info!(backend = %configured.name, setting, value = %value, who, "Backend setting was changed.");
    }
    backend(config, store, name).await
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a Backend, SettingFault> {
    let found = config.backends.iter().find(|backend| backend.name.as_str() == name);
    found.ok_or_else(|| no_such_backend(config, name))
}

fn no_such_backend(config: &Config, name: &str) -> SettingFault {
    let known: Vec<&str> = config.backends.iter().map(|backend| backend.name.as_str()).collect();
    SettingFault::NoSuchBackend { name: name.to_owned(), known: known.join(", ") }
}

/// The range of a number; `None`: a truth value.
fn range(name: &str) -> Option<RangeInclusive<u32>> {
    match name {
        "processing" => None,
        "max_retries" => Some(Backend::RETRIES),
        _ => Some(Backend::TICKETS_PER_REQUEST),
    }
}

fn file_value(backend: &Backend, name: &str) -> Value {
    match name {
        "processing" => backend.processing.into(),
        "max_retries" => backend.max_retries.into(),
        _ => backend.max_tickets_per_request.into(),
    }
}

/// `5` and `5.0` are one number in JSON.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_u64().or_else(|| {
        let number =
            value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number));
        number.map(|number| number as u64)
    });
    number.and_then(|number| u32::try_from(number).ok())
}

/// A value as an error may repeat it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { String::from("a long value") }
}

#[cfg(test)]
mod tests {
    use super::{BackendChange, SettingFault};

    fn change(name: &str, value: &str) -> Result<BackendChange, SettingFault> {
        BackendChange::from_pairs([(name, value)])
    }

    #[test]
    fn ranges_are_kept_and_named() {
        for (name, good, bad) in [
            ("max_retries", ["0", "100"], ["-1", "101"]),
            ("max_tickets_per_request", ["1", "500"], ["0", "501"]),
            ("processing", ["off", "true"], ["1", "yes"]),
        ] {
            assert!(good.iter().all(|value| change(name, value).is_ok()), "{name}");
            assert!(bad.iter().all(|value| change(name, value).is_err()), "{name}");
        }
        let error = change("max_retries", "1.5").unwrap_err().to_string();
        assert_eq!(error, "`max_retries` must be a whole number from 0 to 100, not 1.5");
        assert!(matches!(change("name", "x"), Err(SettingFault::NoSuchSetting(_))));
        assert!(matches!(BackendChange::from_pairs([]), Err(SettingFault::Empty)));
    }
}
