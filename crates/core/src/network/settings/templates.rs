//! Texts of tickets: templates with `{placeholders}` (telecom contract §7.5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::Aggregation;

/// All placeholders a template may use.
pub(super) const PLACEHOLDERS: [&str; 21] = [
    "group_id",
    "group_name",
    "network",
    "market",
    "hub",
    "ccap",
    "line_card",
    "port",
    "address",
    "worst",
    "worst_at",
    "last",
    "avg",
    "threshold",
    "modulation",
    "incidents",
    "channels_affected",
    "channels",
    "cm_total",
    "cm_online",
    "window_h",
];

/// Texts per aggregation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// Of the SNR Upstream Aggregation.
    pub snr_upstream: Texts,
    /// Of the US Service Group Aggregation.
    pub us_service_group: Texts,
    /// Of the DS Service Group Aggregation.
    pub ds_service_group: Texts,
}

/// Name and description of a ticket. Numbers of dB and percent get one decimal, what is not known becomes `-`;
/// `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The ticket's name, its title on the platform.
    pub name: String,
    /// The ticket's description.
    pub description: String,
}

impl Templates {
    /// The texts of one aggregation.
    pub fn of(&self, aggregation: Aggregation) -> &Texts {
        match aggregation {
            Aggregation::SnrUpstream => &self.snr_upstream,
            Aggregation::UsServiceGroup => &self.us_service_group,
            Aggregation::DsServiceGroup => &self.ds_service_group,
        }
    }
}

impl Default for Templates {
    fn default() -> Self {
        let utilization = |direction: &str| Texts {
            name: format!("Saturación {direction} - {{group_name}}"),
            description: format!(
                "Utilización {direction} {{worst}} % (umbral {{threshold}} %), {{incidents}} incidente(s) crítico(s) en {{window_h}} h, {{channels}} canales."
            ),
        };
        Self {
            snr_upstream: Texts {
                name: "SNR bajo - {group_name}".into(),
                description: "SNR upstream {worst} dB (umbral {threshold} dB, {modulation}), {incidents} incidente(s) crítico(s) en {window_h} h, {channels_affected} de {channels} canales afectados.".into(),
            },
            us_service_group: utilization("upstream"),
            ds_service_group: utilization("downstream"),
        }
    }
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TemplateFault {
    /// A `{` without its `}`, or the reverse.
    Unbalanced,
    /// A placeholder that does not exist.
    Unknown(String),
}

/// Walks through a template: `text` gets its plain parts, `placeholder` the names between braces.
fn walk(template: &str, part: &mut dyn FnMut(Part<'_>) -> Result<(), TemplateFault>) -> Result<(), TemplateFault> {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        part(Part::Text(&rest[..at]))?;
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            part(Part::Text(brace))?;
            rest = behind;
        } else if let (true, Some(end)) = (brace == "{", behind.find('}')) {
            part(Part::Placeholder(&behind[..end]))?;
            rest = &behind[end + 1..];
        } else {
            return Err(TemplateFault::Unbalanced);
        }
    }
    part(Part::Text(rest))
}

enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// Checks a template without values.
pub(super) fn check(template: &str) -> Result<(), TemplateFault> {
    walk(template, &mut |part| match part {
        Part::Placeholder(name) if !PLACEHOLDERS.contains(&name) => Err(TemplateFault::Unknown(name.to_owned())),
        _ => Ok(()),
    })
}

/// Fills a template. A fault, which [`super::Settings::check`] would have found, leaves the text as far as it came.
pub(in crate::network) fn render(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len() + 64);
    let filled = walk(template, &mut |part| {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Placeholder(name) => text.push_str(value(name).as_deref().unwrap_or("-")),
        }
        Ok(())
    });
    debug_assert!(filled.is_ok(), "templates are checked with the settings");
    text
}

#[cfg(test)]
mod tests {
    use super::{PLACEHOLDERS, TemplateFault, check, render};

    #[test]
    fn placeholders_and_braces_are_filled() {
        let value = |name: &str| (name == "group_name").then(|| "NODO {x}".to_owned());
        assert_eq!(render("{{{group_name}}} {cm_total}.", &value), "{NODO {x}} -.");
    }

    #[test]
    fn faults_are_found_before_any_ticket() {
        assert_eq!(check("{group}"), Err(TemplateFault::Unknown("group".into())));
        for text in ["{", "a }", "{group_name", "}{"] {
            assert_eq!(check(text), Err(TemplateFault::Unbalanced), "{text}");
        }
        for name in PLACEHOLDERS {
            assert_eq!(check(&format!("{{{name}}} {{{{}}}}")), Ok(()));
        }
    }
}
