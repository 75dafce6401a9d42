//! The shell that every page stands in: head, navigation, notice, main part, foot.

use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use ticketbridge_config::sections::Role;

use super::assets;
use super::language::Language;
use super::notice::Notice;
use super::parts;
use super::visitor::Visitor;

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    Tickets,
    Errors,
    Backends,
    Aggregations,
    Offloads,
    Feedback,
    Stream,
    Audit,
}

impl Place {
    /// In the order of the navigation.
    const ALL: [Self; 9] = [
        Self::Overview,
        Self::Tickets,
        Self::Errors,
        Self::Backends,
        Self::Aggregations,
        Self::Offloads,
        Self::Feedback,
        Self::Stream,
        Self::Audit,
    ];

    /// Its address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Tickets => "/console/tickets",
            Self::Errors => "/console/errors",
            Self::Backends => "/console/backends",
            Self::Aggregations => "/console/aggregations",
            Self::Offloads => "/console/offloads",
            Self::Feedback => "/console/feedback",
            Self::Stream => "/console/stream",
            Self::Audit => "/console/audit",
        }
    }

    /// Its name.
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Overview => language.pick("Overview", "Resumen"),
            Self::Tickets => language.pick("Ticket Overview", "Tickets"),
            Self::Errors => language.pick("Errors", "Errores"),
            Self::Backends => language.pick("Backends", "Backends"),
            Self::Aggregations => language.pick("Aggregations", "Agregaciones"),
            Self::Offloads => language.pick("Offloads", "Cargas"),
            Self::Feedback => language.pick("Feedback", "Feedback"),
            Self::Stream => language.pick("Stream Viewer", "Visor de mensajes"),
            Self::Audit => language.pick("Audit", "Auditoría"),
        }
    }

    /// Who may see it.
    fn role(self) -> Role {
        if self == Self::Audit { Role::Admin } else { Role::Viewer }
    }
}

/// What a page is made of.
pub(crate) struct Page<'p> {
    /// Where it stands in the navigation.
    pub(crate) place: Place,
    /// Its own title; the place's name if `None`.
    pub(crate) title: Option<&'p str>,
    /// Types of events (see `docs/api.md`, Events) after which its live regions are read anew, separated by commas.
    pub(crate) live: &'static str,
    /// What it shows. Regions that are to be kept up to date have an `id` and the attribute `data-live`.
    pub(crate) body: Markup,
}

impl Page<'_> {
    /// The whole document.
    pub(crate) fn show(self, visitor: &Visitor) -> Response {
        let language = visitor.language;
        let title = self.title.unwrap_or_else(|| self.place.name(language));
        let notice = Notice::of(&visitor.here);
        let document = html! {
            (DOCTYPE)
            html lang=(language.tag()) {
                (head(title))
                body data-live-types=(self.live) data-live-after=(visitor.heard) data-seal=(visitor.seal) {
                    a.skip href="#main" { (language.pick("Skip to the content", "Ir al contenido")) }
                    header.bar {
                        a.brand href="/console" { (assets::mark()) "ticketbridge" }
                        nav aria-label=(language.pick("Pages", "Páginas")) {
                            @for place in Place::ALL.into_iter().filter(|place| visitor.may(place.role())) {
                                a href=(place.path()) aria-current=[(place == self.place).then_some("page")] {
                                    (place.name(language))
                                }
                            }
                        }
                        (aside(visitor))
                    }
                    main #main tabindex="-1" {
                        h1 { (title) }
                        @if let Some(notice) = notice {
                            p.notice role="status" data-notice { (notice.text(language)) }
                        }
                        (self.body)
                    }
                    (foot(visitor))
                }
            }
        };
        Html(document.into_string()).into_response()
    }
}

/// A page for somebody who is not signed in, or an error.
pub(crate) fn bare(language: Language, title: &str, body: &Markup) -> Html<String> {
    let document = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            (head(title))
            body.bare {
                main #main { p.brand { (assets::mark()) "ticketbridge" } h1 { (title) } (body) }
            }
        }
    };
    Html(document.into_string())
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · ticketbridge" }
            link rel="icon" href=(assets::path(assets::ICON)) type="image/svg+xml";
            link rel="stylesheet" href=(assets::path(assets::STYLE));
            script src=(assets::path(assets::SCRIPT)) defer {}
        }
    }
}

/// What stands at the end of the bar: is it live, which language, who.
fn aside(visitor: &Visitor) -> Markup {
    let language = visitor.language;
    html! {
        div.aside {
            span #live role="status" data-on=(language.pick("Live", "En vivo")) data-off=(language.pick("Not live", "Sin conexión")) {}
            form method="post" action="/console/language" {
                (parts::seal(visitor))
                input type="hidden" name="to" value=(visitor.here);
                @for other in Language::ALL.into_iter().filter(|other| *other != language) {
                    button.quiet type="submit" name="language" value=(other.tag()) lang=(other.tag()) { (other.name()) }
                }
            }
            @if visitor.is_signed_in {
                form method="post" action="/logout" {
                    (parts::seal(visitor))
                    button.quiet type="submit" title=(visitor.caller.name) { (language.pick("Sign out", "Salir")) }
                }
            }
        }
    }
}

fn foot(visitor: &Visitor) -> Markup {
    html! {
        footer {
            span { "ticketbridge " (env!("CARGO_PKG_VERSION")) }
            @if visitor.caller.is_anybody {
                span { (visitor.say("No tokens: open to everybody on this machine", "Sin tokens: abierto a todos en esta máquina")) }
            } @else {
                span { (visitor.caller.name) " · " (parts::role(visitor.caller.role, visitor.language)) }
            }
            a href="/openapi.json" { "API" }
        }
    }
}
