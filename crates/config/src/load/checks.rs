//! What no single value shows: ranges, and how sections fit together. Every text names the way out.

mod feedback;
mod mail;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use ticketbridge_core::ticket::PlatformName;

use super::problem::Problem;
use super::suggest::{hint, nearest};
use super::tree::{Node, Origin, Value, element_name};
use crate::Config;
use crate::sections::platforms::{Auth, ConnectorSettings, PlatformSettings};
use crate::sections::{Backend, Delivery, Platform, PlatformKind, Retention, StoreUrl, Telemetry};
use crate::types::WebAddress;

/// Dotted key → where it stands, tables and entries included.
pub(crate) type Places = BTreeMap<String, Origin>;

/// Notes where a node and all below it stand.
pub(crate) fn remember(node: &Node, path: &str, places: &mut Places) {
    // An entry of a doubled name keeps the place of its second: that is the one to change.
    places.insert(path.to_owned(), node.origin.clone());
    match &node.value {
        Value::Table(table) => {
            for (name, child) in table {
                remember(child, &format!("{path}.{name}"), places);
            }
        }
        Value::List(list) => {
            for (number, child) in list.iter().enumerate() {
                let name = element_name(child).map_or_else(|| number.to_string(), str::to_owned);
                remember(child, &format!("{path}.{name}"), places);
            }
        }
        _ => {}
    }
}

struct Checker<'a> {
    places: &'a Places,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

/// Checks everything. `all_platforms` are the names of all platforms of the file, those that could not be read included.
/// Answers what works and is probably not meant.
pub(crate) fn check(
    config: &Config,
    all_platforms: &[String],
    places: &Places,
    problems: &mut Vec<Problem>,
) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut checker = Checker { places, problems, warnings: &mut warnings };
    checker.server(config);
    for word in placeholders(&config.delivery.note_template) {
        if !Delivery::NOTE_PLACEHOLDERS.contains(&word) {
            let hint = hint(word, &Delivery::NOTE_PLACEHOLDERS);
            checker.refuse("delivery.note_template", format!("`{{{word}}}` is no placeholder{hint}"));
        }
    }
    checker.backends(config, all_platforms);
    checker.feedback(config, all_platforms);
    checker.mail(config);
    if config.retention.exchanges_size < Retention::LEAST_EXCHANGES_SIZE {
        let least = Retention::LEAST_EXCHANGES_SIZE;
        checker.refuse("retention.exchanges_size", format!("is too small for a file; give at least \"{least}\""));
    }
    checker.range("telemetry.traced_percent", config.telemetry.traced_percent, &Telemetry::PERCENT);
    for error in config.workflow.rules.check() {
        checker.refuse(&format!("workflow.{}", error.key), format!("{}; {}", error.problem, error.advice));
    }
    for (name, platform) in &config.platforms {
        checker.platform(&format!("platforms.{name}"), platform);
    }
    let mut paths = BTreeMap::new();
    for (kind, offload) in &config.offload {
        if let Some(first) = offload.path.as_ref().and_then(|path| paths.insert(path, kind.as_str())) {
            let text = format!("is the file of `{first}` already; a file holds one kind");
            checker.refuse(&format!("offload.{}.path", kind.as_str()), text);
        }
        if offload.path.is_none() && offload.folder.is_none() {
            let text = "has neither `path` nor `folder`; give a file, a folder to watch, or both";
            checker.refuse(&format!("offload.{}", kind.as_str()), text);
        }
    }
    warnings
}

/// The words that stand between braces.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).filter(is_word)
}

impl Checker<'_> {
    fn refuse(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem { origin: self.origin(key), key: key.to_owned(), text: text.into() });
    }

    /// As [`Self::refuse`], but a value that was there and was wrong has been reported already.
    fn refuse_missing(&mut self, key: &str, text: &str) {
        if !self.problems.iter().any(|problem| problem.key == key) {
            self.refuse(key, text);
        }
    }

    fn warn(&mut self, key: &str, text: impl Into<String>) {
        self.warnings.push(Problem { origin: self.origin(key), key: key.to_owned(), text: text.into() });
    }

    /// A default is not what has to be changed: the table it belongs to is the next best place.
    fn origin(&self, key: &str) -> Origin {
        let mut place = key;
        loop {
            if let Some(origin) = self.places.get(place).filter(|origin| **origin != Origin::Default) {
                return origin.clone();
            }
            match place.rsplit_once('.') {
                Some((above, _)) => place = above,
                None => return Origin::Default,
            }
        }
    }

    fn range(&mut self, key: &str, value: u32, range: &RangeInclusive<u32>) {
        if !range.contains(&value) {
            self.refuse(key, format!("`{value}` is out of range; the range is {} to {}", range.start(), range.end()));
        }
    }

    fn server(&mut self, config: &Config) {
        let mut names = BTreeSet::new();
        for token in &config.server.tokens {
            if !names.insert(&token.name) {
                self.refuse("server.tokens", format!("two tokens have the name `{}`; give each its own", token.name));
            }
        }
        if config.store.password.is_some() && matches!(config.store.url, StoreUrl::Sqlite(_)) {
            self.refuse("store.password", "SQLite has no password; remove it, or set a postgres:// address");
        }
    }

    fn backends(&mut self, config: &Config, all_platforms: &[String]) {
        let is_idle = config.backends.is_empty() && config.feedback.is_empty();
        if is_idle && !self.problems.iter().any(|problem| problem.key.starts_with("backends")) {
            self.refuse("backends", "there is no backend, so no ticket could go anywhere; add `[[backends]]`");
        }
        if self.default_backends_without_platform(config, all_platforms) {
            return;
        }
        let mut names = BTreeSet::new();
        for Backend { name, tickets, work_orders, max_retries, max_tickets_per_request, .. } in &config.backends {
            let key = format!("backends.{name}");
            if !is_name(name.as_str()) {
                self.refuse(&format!("{key}.name"), NAME_RULE);
            } else if !names.insert(name.as_str().to_owned()) {
                self.refuse(&format!("{key}.name"), format!("two backends have the name `{name}`; give each its own"));
            }
            for (role, platform) in [("tickets", tickets), ("work_orders", work_orders)] {
                let key = format!("{key}.{role}");
                let wanted = [PlatformKind::Connector, PlatformKind::Cherwell];
                self.platform_reference(&key, platform.as_str(), config, all_platforms, &wanted);
            }
            let kind = config.platforms.get(work_orders).map(Platform::kind);
            if kind == Some(PlatformKind::Cherwell) && tickets != work_orders {
                let text = format!(
                    "work orders on Cherwell belong to tickets on the same Cherwell, and the tickets are on `{tickets}`; \
                     set `tickets = \"{work_orders}\"`, or give the work orders another platform"
                );
                self.refuse(&format!("{key}.work_orders"), text);
            }
            self.range(&format!("{key}.max_retries"), *max_retries, &Backend::RETRIES);
            let key = format!("{key}.max_tickets_per_request");
            self.range(&key, *max_tickets_per_request, &Backend::TICKETS_PER_REQUEST);
        }
    }

    /// A file with platforms of its own and the default's backends: one problem, not one per key.
    fn default_backends_without_platform(&mut self, config: &Config, all_platforms: &[String]) -> bool {
        let is_default = self.places.get("backends") == Some(&Origin::Default);
        let wanted = config.backends.iter().flat_map(|backend| [&backend.tickets, &backend.work_orders]);
        let Some(missing) =
            wanted.map(PlatformName::as_str).find(|name| !all_platforms.iter().any(|there| there == name))
        else {
            return false;
        };
        if is_default {
            let text = format!(
                "there are `[platforms]` and no `[[backends]]`, and the default's backend works on platform `{missing}`, \
                 which is not among them; add `[[backends]]`"
            );
            self.refuse("backends", text);
        }
        is_default
    }

    fn platform_reference(
        &mut self,
        key: &str,
        name: &str,
        config: &Config,
        all_platforms: &[String],
        wanted: &[PlatformKind],
    ) {
        if name.is_empty() {
            return;
        }
        let found = config.platforms.iter().find(|(platform, _)| platform.as_str() == name);
        if let Some((_, platform)) = found {
            let kind = platform.kind();
            if !wanted.contains(&kind) {
                let wanted: Vec<_> = wanted.iter().map(|kind| kind.name()).collect();
                let text = format!(
                    "platform `{name}` is of type {}, which cannot do this; name one of type {}",
                    kind.name(),
                    wanted.join(" or ")
                );
                self.refuse(key, text);
            }
        } else if !all_platforms.iter().any(|platform| platform == name) {
            let hint = match nearest(name, all_platforms.iter().map(String::as_str)) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; add `[platforms.{name}]`, or name one of {}", all_platforms.join(", ")),
            };
            self.refuse(key, format!("there is no platform `{name}`{hint}"));
        }
    }

    fn platform(&mut self, key: &str, platform: &Platform) {
        let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
        if !is_name(name) {
            self.refuse(key, NAME_RULE);
        }
        let retry = &platform.common.retry;
        if retry.initial > retry.max {
            let text = format!("`{}` is longer than `retry.max` (`{}`); swap them", retry.initial, retry.max);
            self.refuse(&format!("{key}.retry.initial"), text);
        }
        self.range(&format!("{key}.max_in_flight"), platform.max_in_flight(), &(1..=1_000));
        match &platform.settings {
            PlatformSettings::Connector(settings) => self.connector(key, settings),
            PlatformSettings::Cherwell(settings) => {
                self.range(&format!("{key}.page_size"), settings.page_size, &(1..=2_000));
                if settings.ticket.open_states.is_empty() {
                    let text = "is empty, so no ticket would ever count as open; list the open states of the site";
                    self.refuse(&format!("{key}.ticket.open_states"), text);
                }
                for (kind, _) in settings.ticket.kinds.iter().filter(|(_, spellings)| spellings.is_empty()) {
                    let text = format!("`{kind}` has no spelling; write for instance [\"{kind}\"], or leave it out");
                    self.refuse(&format!("{key}.ticket.kinds"), text);
                }
                if !is_utc_offset(&settings.utc_offset) {
                    let text =
                        format!("`{}` is no offset; write \"auto\" or for instance \"-06:00\"", settings.utc_offset);
                    self.refuse(&format!("{key}.utc_offset"), text);
                }
            }
            PlatformSettings::Tixngo(settings) => {
                if !settings.base_url.as_str().ends_with("organizer/tickets") {
                    let text = "does not end in `organizer/tickets`; write the address as TIXNGO gives it";
                    self.refuse(&format!("{key}.base_url"), text);
                }
                if !is_header_name(&settings.api_key_header) {
                    let text = format!(
                        "`{}` is no header name; use letters, digits and hyphens, for instance \"X-Tixngo-Key\"",
                        settings.api_key_header
                    );
                    self.refuse(&format!("{key}.api_key_header"), text);
                }
            }
            PlatformSettings::S360(_) => {}
        }
    }

    /// The settings of the way of authentication, and of no other: of two secrets it is not clear which counts.
    fn connector(&mut self, key: &str, settings: &ConnectorSettings) {
        if settings.port == Some(0) {
            self.refuse(&format!("{key}.port"), "`0` is no port; write 1 to 65535");
        }
        if settings.base_path.contains(['?', '#', ' ']) {
            self.refuse(&format!("{key}.base_path"), "has a blank, `?` or `#`; write a path such as \"/sfyc\"");
        }
        let token_url = settings.token_url.as_deref().filter(|address| !address.starts_with('/'));
        if let Some(Err(error)) = token_url.map(str::parse::<WebAddress>) {
            self.refuse(&format!("{key}.token_url"), format!("{error}; or write a path such as \"/oauth/token\""));
        }
        let (auth, required, optional): (_, &[&str], &[&str]) = match settings.auth {
            Auth::None => ("none", &[], &[]),
            Auth::Basic => ("basic", &["username", "password"], &[]),
            Auth::Bearer => ("bearer", &["token"], &[]),
            Auth::ApiKey => ("api_key", &["api_key"], &["api_key_header"]),
            Auth::Oauth2ClientCredentials => {
                ("oauth2_client_credentials", &["token_url", "client_id", "client_secret"], &["scope"])
            }
            Auth::Oauth2Password => {
                ("oauth2_password", &["token_url", "client_id", "username", "password"], &["client_secret", "scope"])
            }
        };
        let given = [
            ("token", settings.token.is_some()),
            ("username", settings.username.is_some()),
            ("password", settings.password.is_some()),
            ("api_key", settings.api_key.is_some()),
            ("api_key_header", settings.api_key_header.is_some()),
            ("token_url", settings.token_url.is_some()),
            ("client_id", settings.client_id.is_some()),
            ("client_secret", settings.client_secret.is_some()),
            ("scope", settings.scope.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !required.contains(&name) && !optional.contains(&name) {
                let text = format!("auth = \"{auth}\" does not use it; remove it, or change `auth`");
                self.refuse(&format!("{key}.{name}"), text);
            } else if !is_given && required.contains(&name) {
                let text = format!("is missing; auth = \"{auth}\" needs it");
                self.refuse_missing(&format!("{key}.{name}"), &text);
            }
        }
    }
}

const NAME_RULE: &str =
    "is no usable name; use 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or digit";

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}

/// The letters of RFC 9110 §5.6.2 (`token`).
fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter))
}

fn is_utc_offset(text: &str) -> bool {
    let digits = |part: &str, most: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number <= most);
    text == "auto"
        || text
            .strip_prefix(['+', '-'])
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(hours, minutes)| digits(hours, 14) && digits(minutes, 59))
}
