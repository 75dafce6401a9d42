//! Who looks at a page, and the seal that shows that a form came from a page of ours.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, FromRequestParts, OriginalUri, Request};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::events::EventId;

use super::language::Language;
use crate::access::Caller;
use crate::extract::form_bytes;
use crate::problem::Problem;
use crate::routes::{Desk, Office};

/// Somebody in front of a page.
pub(crate) struct Visitor {
    /// What the page works with.
    pub(crate) desk: Desk,
    /// Who it is.
    pub(crate) caller: Arc<Caller>,
    /// What the page is written in.
    pub(crate) language: Language,
    /// Path and query of the page.
    pub(crate) here: String,
    /// What a form must carry, see [`Sealed`].
    pub(crate) seal: String,
    /// The last event before the page was read: it listens to what comes after, so that nothing falls between.
    pub(crate) heard: EventId,
    /// Came by a session, and so can sign out.
    pub(crate) is_signed_in: bool,
}

impl Visitor {
    /// The text in the visitor's language.
    pub(crate) fn say<T>(&self, english: T, spanish: T) -> T {
        self.language.pick(english, spanish)
    }

    /// Whether the visitor may do what this role may.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.caller.role >= role
    }
}

impl FromRequestParts<Office> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Problem> {
        let desk = Desk::from_ref(office);
        let heard = desk.app.events.last();
        // The guard lets nobody through to a page without a caller.
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let caller = caller.ok_or_else(|| Problem::unauthorized("nobody is signed in"))?;
        let seal = office.seal(&caller);
        // The request's own address is only what stands below the prefix that a router is nested under.
        let address = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |whole| &whole.0);
        let here = address.path_and_query().map_or("/console", |here| here.as_str()).to_owned();
        let is_signed_in = caller.session.is_some();
        Ok(Self { desk, caller, language: Language::of(&parts.headers), here, seal, heard, is_signed_in })
    }
}

/// A form whose hidden field `seal` is the visitor's. Another site can neither read nor guess it.
pub(crate) struct Sealed<T>(pub(crate) T);

/// A form without fields of its own.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

#[derive(Deserialize)]
struct SealField {
    #[serde(default)]
    seal: String,
}

impl<T: DeserializeOwned> FromRequest<Office> for Sealed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, office: &Office) -> Result<Self, Problem> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let caller = caller.ok_or_else(|| Problem::unauthorized("nobody is signed in"))?;
        let bytes = form_bytes(request).await?;
        let unreadable = |error: serde_html_form::de::Error| Problem::bad_request(format!("the form: {error}"));
        let SealField { seal } = serde_html_form::from_bytes(&bytes).map_err(unreadable)?;
        if !bool::from(seal.as_bytes().ct_eq(office.seal(&caller).as_bytes())) {
            let what = "Nothing was done. Reload the page and send the form again.";
            let detail = "the form did not come from a page of this server, or from one before its last start";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail, what));
        }
        serde_html_form::from_bytes(&bytes).map(Self).map_err(unreadable)
    }
}

/// What the address of a page asks for. Fields that the page does not know are left alone: a notice may be among them.
pub(crate) struct Fields<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Office> for Fields<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Office) -> Result<Self, Problem> {
        let fields = serde_html_form::from_str(parts.uri.query().unwrap_or_default());
        fields.map(Self).map_err(|error| Problem::bad_request(format!("the address: {error}")))
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    values.next().map(|(_, value)| value)
}
