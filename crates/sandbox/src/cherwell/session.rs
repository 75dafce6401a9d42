//! Tokens: logging in, rotating and logging out.
//!
//! Guarantees: a refresh kills both old tokens; a token is dead from the instant of its expiry on. Limit: 10,000 sessions at
//! once, beyond which the oldest ends.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::{Rng, RngExt};
use serde::Serialize;

use super::answer::token_refusal;
use super::members::Members;
use super::record::Effect;
use super::settings::CherwellSettings;
use super::{CLIENT_ID, USER};
use crate::call::{Call, Reply};
use crate::clock::Millis;
use crate::credentials::TOKEN;
use crate::text::http_date;
use crate::timeline::Work;

const MAX_SESSIONS: usize = 10_000;

/// A pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    access: String,
    refresh: String,
    access_ends_at: Millis,
    refresh_ends_at: Millis,
    pub(super) culture: Option<&'static str>,
}

/// All sessions, and what was counted about them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_access: BTreeMap<String, Session>,
    /// When the token call that takes longest is over.
    busy_until: Option<Millis>,
    pub(super) logins: u64,
    pub(super) refreshes: u64,
    pub(super) refused_logins: u64,
    pub(super) overlapping_calls: u64,
}

impl Sessions {
    /// The live session of a call; `None` if its token is missing, wrong or dead.
    pub(super) fn of(&self, call: &Call, now: Millis) -> Option<&Session> {
        let (scheme, token) = call.authorization.as_deref()?.trim().split_once(' ')?;
        let session = self.by_access.get(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))?;
        (now < session.access_ends_at).then_some(session)
    }

    /// Sessions whose access token lives.
    pub(super) fn live(&self, now: Millis) -> usize {
        self.by_access.values().filter(|session| now < session.access_ends_at).count()
    }

    /// Sessions of which the access or the refresh token lives.
    pub(super) fn kept(&self) -> usize {
        self.by_access.len()
    }

    /// Notes that a token call lasts until `until`; answers whether it overlaps another one.
    pub(super) fn begin_call(&mut self, now: Millis, until: Millis) -> bool {
        let overlaps = self.busy_until.is_some_and(|busy| now < busy);
        self.busy_until = self.busy_until.max(Some(until));
        self.overlapping_calls += u64::from(overlaps);
        overlaps
    }

    /// A fault may let a token call take longer.
    pub(super) fn extend_call(&mut self, until: Millis) {
        self.busy_until = self.busy_until.max(Some(until));
    }

    pub(super) fn commit(&mut self, at: Millis, effect: Effect) {
        match effect {
            Effect::LogIn(session) => {
                self.logins += 1;
                self.insert(at, session);
            }
            Effect::Refresh(old, session) => {
                if let Some(access) = self.access_of(&old) {
                    self.by_access.remove(&access);
                    self.refreshes += 1;
                    self.insert(at, session);
                }
            }
            Effect::LogOut(access) => {
                self.by_access.remove(&access);
            }
            Effect::RevokeAll => self.by_access.clear(),
            Effect::SetCulture(access, culture) => {
                if let Some(session) = self.by_access.get_mut(&access) {
                    session.culture = Some(culture);
                }
            }
            Effect::Records(_) => {}
        }
    }

    fn insert(&mut self, at: Millis, session: Session) {
        self.by_access.retain(|_, known| at < known.access_ends_at.max(known.refresh_ends_at));
        if self.by_access.len() >= MAX_SESSIONS {
            let oldest = self.by_access.values().min_by_key(|known| (known.access_ends_at, &known.access));
            if let Some(access) = oldest.map(|known| known.access.clone()) {
                self.by_access.remove(&access);
            }
        }
        self.by_access.insert(session.access.clone(), session);
    }

    fn access_of(&self, refresh: &str) -> Option<String> {
        let found = self.by_access.values().find(|session| session.refresh == refresh);
        found.map(|session| session.access.clone())
    }

    fn by_refresh(&self, refresh: &str, now: Millis) -> Option<&Session> {
        self.by_access.values().find(|session| session.refresh == refresh && now < session.refresh_ends_at)
    }

    /// Decides a token call.
    pub(super) fn token(
        &mut self,
        call: &Call,
        now: Millis,
        settings: &CherwellSettings,
        life_s: Option<u64>,
        dice: &mut dyn Rng,
    ) -> Work<Effect> {
        match self.grant(call, now, settings, life_s, dice) {
            Ok((effect, session)) => {
                let expires_in = (session.access_ends_at - now) / 1_000;
                Work { reply: granted(&session, now, expires_in), effect: Some(effect) }
            }
            Err(reply) => {
                self.refused_logins += 1;
                Work { reply, effect: None }
            }
        }
    }

    fn grant(
        &self,
        call: &Call,
        now: Millis,
        settings: &CherwellSettings,
        life_s: Option<u64>,
        dice: &mut dyn Rng,
    ) -> Result<(Effect, Session), Reply> {
        // Query members count where the form has none; the form comes first whatever its content type is.
        let form = if call.body.trim_ascii().first() == Some(&b'{') {
            Members::read(&call.body)
        } else {
            Members::read_form(&call.body)
        };
        let (form, query) = (form.unwrap_or_default(), Members::of_pairs(call.query.clone()));
        let member = |name: &str| form.filled(name).or_else(|| query.filled(name)).map(|text| text.trim().to_owned());

        let client = member("client_id").or_else(|| basic_user(call)).unwrap_or_default();
        if !client.eq_ignore_ascii_case(CLIENT_ID) {
            let client: String = client.chars().take(100).collect();
            let description = format!("Client {client} is not registered in the system.");
            return Err(token_refusal("invalid_client_id", Some(&description)));
        }
        let grant = member("grant_type").unwrap_or_default();
        if grant.eq_ignore_ascii_case("refresh_token") {
            let refresh = member("refresh_token").unwrap_or_default();
            let Some(old) = self.by_refresh(&refresh, now) else { return Err(token_refusal("invalid_grant", None)) };
            let session = Session::new(now, settings, life_s, old.culture, dice);
            return Ok((Effect::Refresh(refresh, session.clone()), session));
        }
        if !grant.eq_ignore_ascii_case("password") {
            return Err(token_refusal("unsupported_grant_type", None));
        }
        let user = member("username").unwrap_or_default();
        let is_user = user.eq_ignore_ascii_case(USER)
            || USER.split_once('\\').is_some_and(|(_, name)| name.eq_ignore_ascii_case(&user));
        let mode = member("auth_mode").unwrap_or_default().to_ascii_lowercase();
        let is_internal = matches!(mode.as_str(), "" | "internal" | "auto");
        let password = form.text("password").or_else(|| query.text("password")).unwrap_or_default();
        if !is_user || !is_internal || password != TOKEN {
            let description = "Could not login to system with the provided user ID and password.";
            return Err(token_refusal("invalid_grant", Some(description)));
        }
        let session = Session::new(now, settings, life_s, None, dice);
        Ok((Effect::LogIn(session.clone()), session))
    }
}

impl Session {
    fn new(
        now: Millis,
        settings: &CherwellSettings,
        life_s: Option<u64>,
        culture: Option<&'static str>,
        dice: &mut dyn Rng,
    ) -> Self {
        // `expires_in` is the life less one second; a life that a fault sets is taken as it is.
        let life_s = life_s.unwrap_or_else(|| (settings.token_life_s - 1).max(1));
        let mut hex = |words: usize| {
            let drawn: Vec<_> = (0..words).map(|_| format!("{:016x}", dice.random::<u64>())).collect();
            drawn.concat()
        };
        Self {
            access: hex(8),
            refresh: hex(2),
            access_ends_at: now + life_s as Millis * 1_000,
            refresh_ends_at: now + settings.refresh_life_s as Millis * 1_000,
            culture,
        }
    }

    pub(super) fn access(&self) -> &str {
        &self.access
    }
}

/// The user of HTTP Basic, as which the client id may come.
fn basic_user(call: &Call) -> Option<String> {
    let (scheme, value) = call.authorization.as_deref()?.trim().split_once(' ')?;
    let pair = STANDARD.decode(value.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let user = pair.split(|byte| *byte == b':').next()?;
    String::from_utf8(user.to_vec()).ok()
}

fn granted(session: &Session, now: Millis, expires_in: i64) -> Reply {
    #[derive(Serialize)]
    #[expect(clippy::struct_field_names, reason = "the names on the wire")]
    struct Token<'a> {
        access_token: &'a str,
        token_type: &'static str,
        expires_in: i64,
        refresh_token: &'a str,
        #[serde(rename = "as:client_id")]
        client_id: &'static str,
        username: &'static str,
        #[serde(rename = ".issued")]
        issued: String,
        #[serde(rename = ".expires")]
        expires: String,
    }
    let token = Token {
        access_token: &session.access,
        token_type: "bearer",
        expires_in,
        refresh_token: &session.refresh,
        client_id: CLIENT_ID,
        username: USER.split_once('\\').map_or(USER, |(_, name)| name),
        issued: http_date(now),
        expires: http_date(session.access_ends_at),
    };
    super::answer::json(200, &token)
}
