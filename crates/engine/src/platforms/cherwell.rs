//! Cherwell Service Management.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::Offset;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Platform as PlatformConfig;
use ticketbridge_config::sections::platforms::{
    AuthMode, CherwellSettings as CherwellConfig, CherwellWorkOrder, NoteWay as NoteWayConfig,
    PageMode as PageModeConfig, ParentType as ParentTypeConfig, WorkOrderWay as WorkOrderWayConfig,
};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::cherwell::{
    Cherwell, CherwellSettings, NoteFields, NoteSettings, NoteWay, PageMode, ParentType, TicketFields, TicketSettings,
    WorkOrderFields, WorkOrderSettings, WorkOrderWay,
};
use ticketbridge_platforms::http::{Auth, ClientSettings, ExchangeObserver, Grant, HttpClient, OAuth2, Secret};

use super::{Environment, PlatformHandle};

/// Loads one. Work orders are looked for there only if a backend puts them there.
pub(super) fn load(
    name: &PlatformName,
    platform: &PlatformConfig,
    settings: &CherwellConfig,
    config: &Config,
    environment: &Environment,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<PlatformHandle, String> {
    let with_work_orders = config.backends.iter().any(|backend| backend.work_orders == *name);
    let cherwell = Cherwell::new(of_cherwell(settings, with_work_orders)).map_err(|error| error.to_string())?;
    let mut of_client = ClientSettings::new(name.as_str(), settings.base_url.as_str());
    of_client.auth = Auth::OAuth2(login(settings, environment)?);
    of_client.bypass_proxy = platform.common.bypass_proxy;
    of_client.connect_timeout = settings.timeouts.connect.get();
    of_client.token_timeout = settings.timeouts.token.get();
    of_client.observer = observer.cloned();
    let client = HttpClient::new(of_client).map_err(|error| error.to_string())?;
    let (save, search) = (settings.timeouts.save.get(), settings.timeouts.search.get());
    Ok(PlatformHandle::new(Arc::new(cherwell), client, save, search))
}

/// The login (Cherwell contract §3): password grant, with the mode of the login in the query.
fn login(settings: &CherwellConfig, environment: &Environment) -> Result<OAuth2, String> {
    let resolve = |reference: &ticketbridge_config::types::SecretReference| -> Result<Secret, String> {
        reference.resolve(environment).map(Secret::from).map_err(|error| error.to_string())
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("auth_mode", settings.auth_mode.word());
    if settings.auth_mode == AuthMode::Saml && !settings.site_name.is_empty() {
        query.append_pair("site_name", &settings.site_name);
    }
    Ok(OAuth2 {
        token_url: format!("/token?{}", query.finish()),
        grant: Grant::Password { username: settings.username.clone(), password: resolve(&settings.password)? },
        client_id: settings.client_id.clone(),
        client_secret: settings.client_secret.as_ref().map(resolve).transpose()?,
        client_in_header: false,
        scope: None,
        parameters: BTreeMap::new(),
        refusals: Cherwell::login_refusals,
    })
}

fn of_cherwell(settings: &CherwellConfig, with_work_orders: bool) -> CherwellSettings {
    let (ticket, note) = (&settings.ticket, &settings.note);
    let fields = ticket.fields.clone();
    let note_fields = note.fields.clone();
    CherwellSettings {
        locale: settings.locale.clone(),
        utc_offset: offset(&settings.utc_offset),
        page_mode: match settings.page_mode {
            PageModeConfig::Auto => PageMode::Auto,
            PageModeConfig::Row => PageMode::Row,
            PageModeConfig::Page => PageMode::Page,
        },
        page_size: settings.page_size,
        max_in_flight: settings.max_in_flight as usize,
        save_timeout: settings.timeouts.save.get(),
        ticket: TicketSettings {
            object: ticket.object.clone(),
            open_states: ticket.open_states.clone(),
            fields: TicketFields {
                dedupe_key: fields.dedupe_key,
                origin_id: fields.origin_id,
                kind: fields.kind,
                work_order: fields.work_order,
                title: fields.title,
                description: fields.description,
            },
            kinds: ticket.kinds.clone(),
            constants: ticket.constants.clone().into_iter().collect(),
            adopt: ticket.adopt.clone(),
        },
        note: NoteSettings {
            object: note.object.clone(),
            kind: note.kind.clone(),
            relationship: note.relationship.clone(),
            way: match note.way {
                NoteWayConfig::Batch => NoteWay::Batch,
                NoteWayConfig::Related => NoteWay::Related,
            },
            parent_type: match note.parent_type {
                ParentTypeConfig::Id => ParentType::Id,
                ParentTypeConfig::Name => ParentType::Name,
            },
            fields: NoteFields {
                text: note_fields.text,
                type_id: note_fields.type_id,
                type_name: note_fields.type_name,
                parent_type: note_fields.parent_type,
                parent_record: note_fields.parent_record,
            },
        },
        work_order: with_work_orders.then(|| of_work_order(&settings.work_order)),
    }
}

fn of_work_order(settings: &CherwellWorkOrder) -> WorkOrderSettings {
    let fields = settings.fields.clone();
    WorkOrderSettings {
        object: settings.object.clone(),
        relationship: Some(settings.relationship.clone()).filter(|name| !name.is_empty()),
        way: match settings.way {
            WorkOrderWayConfig::BatchThenLink => WorkOrderWay::BatchThenLink,
            WorkOrderWayConfig::Related => WorkOrderWay::Related,
        },
        fields: WorkOrderFields {
            external_ref: fields.external_ref,
            ticket_number: fields.ticket_number,
            ticket_rec_id: fields.ticket_rec_id,
            ticket_type: fields.ticket_type,
            kind: fields.kind,
            title: fields.title,
            description: fields.description,
        },
    }
}

/// `±hh:mm`, checked when the configuration was read; `auto` is what the site says.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_to_the_minute() {
        assert_eq!(offset("-06:00"), Offset::from_seconds(-21_600).ok());
        assert_eq!(offset("+05:30"), Offset::from_seconds(19_800).ok());
        assert_eq!(offset("auto"), None);
    }
}
