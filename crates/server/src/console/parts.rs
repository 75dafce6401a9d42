//! What pages are put together from. Whatever is shown passes through `maud`, which escapes it.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ticketbridge_config::sections::Role;
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::ticket::State;

use super::language::Language;
use super::visitor::Visitor;

/// The hidden field that every form carries.
pub(crate) fn seal(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="seal" value=(visitor.seal); }
}

/// The name of a role.
pub(crate) fn role(role: Role, language: Language) -> &'static str {
    match role {
        Role::Viewer => language.pick("viewer", "lectura"),
        Role::Operator => language.pick("operator", "operador"),
        Role::Admin => language.pick("admin", "administrador"),
    }
}

/// A state in words.
pub(crate) fn state_name(state: State, language: Language) -> &'static str {
    match state {
        State::Received => language.pick("Received", "Recibido"),
        State::Matching => language.pick("Matching", "Comparando"),
        State::AddingNote => language.pick("Adding note", "Agregando nota"),
        State::CreatingTicket => language.pick("Creating ticket", "Creando ticket"),
        State::CreatingWorkOrder => language.pick("Creating work order", "Creando OT"),
        State::LinkingWorkOrder => language.pick("Linking work order", "Vinculando OT"),
        State::Completed => language.pick("Completed", "Completado"),
        State::Error => language.pick("Error", "Error"),
        State::Dismissed => language.pick("Dismissed", "Descartado"),
    }
}

/// A state as a badge: colour and word, so that it reads without colour, too.
pub(crate) fn state(state: State, language: Language) -> Markup {
    let tone = match state {
        State::Completed => "good",
        State::Error => "bad",
        State::Dismissed => "off",
        State::Received => "new",
        _ => "busy",
    };
    badge(tone, state_name(state, language))
}

/// A short word with a tone: `good`, `bad`, `warn`, `busy`, `new`, `off`, or a severity of the network
/// (`normal`, `warning`, `minor`, `major`, `critical`, `timeout`, in the alarm colours of the telecom contract).
pub(crate) fn badge(tone: &str, text: &str) -> Markup {
    html! { span class={ "badge " (tone) } { (text) } }
}

/// An instant (RFC 3339). The script shows it in the reader's own time zone, with the original as its title.
pub(crate) fn instant(at: &str) -> Markup {
    let short = at.get(..19).unwrap_or(at).replace('T', " ");
    html! { time datetime=(at) title=(at) { (short) } }
}

/// An instant that may be missing.
pub(crate) fn instant_or_none(at: Option<&str>) -> Markup {
    html! { @match at { Some(at) => (instant(at)), None => span.none { "–" } } }
}

/// A figure of a KPI, as short as it is exact to a tenth; a dash if there is none.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}

/// A value that may be missing.
pub(crate) fn or_none(value: Option<&str>) -> Markup {
    html! { @match value { Some(value) => (value), None => span.none { "–" } } }
}

/// What a table shows that has no rows: what that means, and what to do.
pub(crate) fn nothing(text: &str) -> Markup {
    html! { p.nothing { (text) } }
}

/// A table in a frame that scrolls sideways on narrow screens. `name` is read to those who do not see it.
pub(crate) fn table(name: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div.frame role="region" aria-label=(name) tabindex="0" {
            table data-sorts {
                caption.unseen { (name) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A number with its name, on a tile.
pub(crate) fn tile(name: &str, value: &Markup, more: Option<&str>) -> Markup {
    html! {
        div.tile {
            span.name { (name) }
            span.value { (value) }
            @if let Some(more) = more { span.more { (more) } }
        }
    }
}

/// A button that asks before it acts: without script it acts at once, and the page behind it is one that can be
/// undone or that asks for a reason.
pub(crate) struct Act<'a> {
    /// Where the form goes.
    pub(crate) to: &'a str,
    /// What stands on the button.
    pub(crate) name: &'a str,
    /// What is asked before, in a dialogue.
    pub(crate) asks: &'a str,
    /// Whether it looks dangerous.
    pub(crate) dangerous: bool,
    /// Further fields.
    pub(crate) fields: Markup,
}

impl Act<'_> {
    /// The form; nothing for those who may not.
    pub(crate) fn form(&self, visitor: &Visitor, needs: Role) -> Markup {
        html! {
            @if visitor.may(needs) {
                form.act method="post" action=(self.to) data-ask=(self.asks) {
                    (seal(visitor))
                    (self.fields)
                    button type="submit" class=[self.dangerous.then_some("danger")] { (self.name) }
                }
            }
        }
    }
}

/// What a dialogue of the script says on its buttons; stands once on each page that has an [`Act`].
pub(crate) fn dialog(language: Language) -> Markup {
    html! {
        dialog #ask {
            form method="dialog" {
                p {}
                div.buttons {
                    button value="no" { (language.pick("Cancel", "Cancelar")) }
                    button.danger value="yes" { (language.pick("Yes, do it", "Sí, hacerlo")) }
                }
            }
        }
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A path with a query of these pairs; those with an empty value are left out.
pub(crate) fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let given: Vec<(&str, &str)> = pairs.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    // Pairs of texts can always be written.
    let query = serde_html_form::to_string(given).unwrap_or_default();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// How a run of the mobile-ticket job ended.
pub(crate) fn run_result(result: RunResult) -> Markup {
    match result {
        RunResult::Ok => badge("good", "OK"),
        RunResult::Warning => badge("warn", "WARNING"),
        RunResult::Error => badge("bad", "ERROR"),
        RunResult::Refused => badge("off", "REFUSED"),
    }
}

/// A length of time in two units at most.
pub(crate) fn length(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0 => format!("{:.0} ms", seconds * 1_000.0),
        1..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_are_told_in_units_that_fit() {
        for (seconds, told) in
            [(0.25, "250 ms"), (12.4, "12 s"), (75.0, "1 min 15 s"), (7_260.0, "2 h 1 min"), (90_000.0, "1 d 1 h")]
        {
            assert_eq!(length(seconds), told);
        }
    }
}
