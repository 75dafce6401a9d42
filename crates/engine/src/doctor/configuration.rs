//! The configuration: where it comes from, what is probably not meant, and whether its secrets are there.

use std::path::Path;

use serde_json::Value;
use ticketbridge_config::Config;
use ticketbridge_config::types::SecretReference;

use super::{Area, Finding, Subject};

/// Settings whose texts are the user's own and may look like anything.
const FREE_TEXTS: [&str; 3] = ["constants", "templates", "adopt"];

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let missing = secrets(subject.config).into_iter().filter_map(|secret| {
        let why = secret.resolve(subject.environment).err()?;
        Some(why.to_string())
    });
    judge(subject.file, &subject.warnings, secrets(subject.config).len(), &missing.collect::<Vec<_>>())
}

fn judge(file: Option<&Path>, warnings: &[String], secrets: usize, missing: &[String]) -> Vec<Finding> {
    let from = file.map_or_else(|| String::from("the defaults"), |file| file.display().to_string());
    let mut findings = vec![Finding::ok(Area::Configuration, "file", format!("{from}: usable"))];
    findings.extend(warnings.iter().map(|warning| {
        Finding::warning(Area::Configuration, "setting", warning, "Change it, or leave it if it is meant.")
    }));
    if missing.is_empty() {
        findings.push(Finding::ok(Area::Configuration, "secrets", format!("{secrets} referred to, all there")));
    }
    findings.extend(missing.iter().map(|why| {
        let next = "Run this command as the service runs: same user, same environment.";
        Finding::failed(Area::Configuration, "secret", why, next)
    }));
    findings
}

/// Every secret that a configuration refers to, each once.
pub(super) fn secrets(config: &Config) -> Vec<SecretReference> {
    let mut found = Vec::new();
    collect(&serde_json::to_value(config).unwrap_or_default(), &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(value: &Value, found: &mut Vec<SecretReference>) {
    match value {
        Value::Object(table) => {
            for (_, value) in table.iter().filter(|(key, _)| !FREE_TEXTS.contains(&key.as_str())) {
                collect(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        Value::String(text) => found.extend(text.parse::<SecretReference>().ok()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn warnings_and_missing_secrets_are_told_one_by_one() {
        let findings = judge(None, &[String::from("w")], 2, &[String::from("TB0002 a"), String::from("TB0002 b")]);
        let levels: Vec<Level> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Warning, Level::Failed, Level::Failed]);
        assert_eq!(judge(None, &[], 2, &[])[1].seen, "2 referred to, all there");
    }

    #[test]
    fn all_secrets_of_a_configuration_are_found_and_nothing_else() {
        let text = "[[server.tokens]]\nname = \"noc\"\nrole = \"viewer\"\ntoken = \"file:/run/a\"\n\
                    [platforms.x]\ntype = \"connector\"\nfile = \"builtin:sfyc\"\nhost = \"h\"\ntoken = \"env:X\"\n\
                    [platforms.x.ticket.constants]\nnote = \"file:not-a-secret\"\n\
                    [[backends]]\nname = \"b\"\ntickets = \"x\"\nwork_orders = \"x\"\n";
        let config = Config::parse(text, "test", []).unwrap_or_else(|error| panic!("{error}")).config;
        let found: Vec<String> = secrets(&config).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["env:X", "file:/run/a"]);
    }
}
