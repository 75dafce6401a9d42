//! What an answer means as a whole (Cherwell contract §12). The status alone does not tell: a 500 may mean that a record
//! is missing, that a name is wrong, or that the server is ill. So the error code decides, compared without case.
//!
//! Limits: of a body without an error code, the first 16 KiB are searched for the texts that are known.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};
use ticketbridge_core::effect::LookUpFault;

use super::Shared;
use crate::fault::{excerpt, fault, misconfigured, shorten};
use crate::http::retry_after;
use crate::{Answer, LoginFault, Transport};

/// How much of a body without an error code is searched for known texts.
const SEARCHED: usize = 16 * 1024;

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadFault {
    /// `RECORDNOTFOUND`: the record (or the parent) is not there.
    Missing,
    /// Anything else.
    Fault(LookUpFault),
}

impl From<ReadFault> for LookUpFault {
    fn from(read: ReadFault) -> Self {
        match read {
            ReadFault::Missing => fault("the record is not there"),
            ReadFault::Fault(fault) => fault,
        }
    }
}

/// What went wrong, whoever asks: reads and writes draw different conclusions from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Surely nothing arrived.
    NotSent(Option<LoginFault>),
    /// It may have arrived, and there is no whole answer; whether the time ran out.
    NoAnswer(bool),
    /// The login or its rights do not suffice.
    Rights,
    /// No such path or method.
    Path,
    /// The way of our requests is refused (411, 415 and their like).
    Manners,
    /// A name or id of the site is unknown to it.
    Names,
    /// The request is too large.
    TooLarge,
    /// The request is refused as such.
    BadRequest,
    /// Fewer requests are wished.
    Throttled,
    /// 503.
    Busy,
    /// The record, or its parent, is not there.
    Gone,
    /// A value is refused.
    Invalid,
    /// It is there already.
    Duplicate,
    /// The server says that it failed, and no more.
    Failed,
    /// The answer says nothing that can be relied upon.
    Unclear,
}

/// Trouble, with all that is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) trouble: Trouble,
    /// The platform's code; the status if it gave none; empty without an answer.
    pub(super) code: String,
    /// The platform's words, or an excerpt of the body, shortened.
    pub(super) message: String,
    /// The platform's wish.
    pub(super) retry_after: Option<Duration>,
    /// What happened, for people, with the page of the error where an operator has to act.
    pub(super) why: String,
}

/// The error members of a body, wherever it carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Words {
    failed: bool,
    code: String,
    message: String,
    refused_values: bool,
}

/// The JSON body of a read that worked. Names that the site does not know any more are learned anew.
pub(super) fn read(shared: &Shared, transport: &Transport) -> Result<Value, ReadFault> {
    let answered = body(transport).and_then(|body| match own_problem(transport, &body) {
        Some(problem) => Err(problem),
        None => Ok(body),
    });
    answered.map_err(|problem| {
        if problem.trouble == Trouble::Names {
            shared.forget();
        }
        if problem.trouble == Trouble::Gone { ReadFault::Missing } else { ReadFault::Fault(problem.for_read()) }
    })
}

/// The JSON body of an answer of success, whatever it says itself: the top of a batch mirrors one of its items.
pub(super) fn body(transport: &Transport) -> Result<Value, Problem> {
    let answer = match transport {
        Transport::NotSent { why, login } => return Err(Problem::on_our_side(Trouble::NotSent(*login), why)),
        Transport::NoAnswer { why, timed_out } => {
            return Err(Problem::on_our_side(Trouble::NoAnswer(*timed_out), why));
        }
        Transport::Answered(answer) => answer,
    };
    let parsed = serde_json::from_slice::<Value>(&answer.body);
    if answer.status.is_success() {
        return parsed.map_err(|error| {
            let message = format!("the body is no JSON ({error}): {}", excerpt(&answer.body));
            Problem::of(Trouble::Unclear, answer, String::new(), message)
        });
    }
    let words = parsed.ok().as_ref().and_then(Value::as_object).map(Words::of).unwrap_or_default();
    Err(problem(answer, &words))
}

/// What a refused login means (Cherwell contract §3): with `invalid_grant`, the description tells too many calls at a
/// time from a wrong password.
pub(super) fn login(status: StatusCode, error: &str, description: &str) -> LoginFault {
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return LoginFault::Unreachable;
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        return LoginFault::Throttled;
    }
    let description = description.trim().to_ascii_lowercase();
    match error.trim().to_ascii_lowercase().as_str() {
        "invalid_grant" if description.contains("could not login") => LoginFault::Refused,
        "invalid_grant" if description.is_empty() || is_throttling(&description) => LoginFault::Throttled,
        "invalid_grant" | "access_denied" => LoginFault::Refused,
        "server_error" | "temporarily_unavailable" => LoginFault::Unreachable,
        // `invalid_client_id`, `unsupported_grant_type`, and the other errors of RFC 6749 §5.2.
        error if !error.is_empty() => LoginFault::Misconfigured,
        _ => match status.as_u16() {
            401 | 403 => LoginFault::Refused,
            300..=499 => LoginFault::Misconfigured,
            _ => LoginFault::Unreachable,
        },
    }
}

/// The text is known approximately only.
fn is_throttling(description: &str) -> bool {
    ["badrequest", "bad request", "bad_request", "throttl", "too many", "simultaneous"]
        .iter()
        .any(|known| description.contains(known))
}

/// What the error members of one item say, or of an answer of success.
pub(super) fn of_item(code: &str, message: &str, refused_values: bool) -> Trouble {
    let words = Words { failed: true, code: code.trim().to_owned(), message: message.to_owned(), refused_values };
    by_words(&words, message).unwrap_or(Trouble::Failed)
}

/// What an answer of success means that has no results: its own error, or nothing that can be relied upon.
pub(super) fn without_results(transport: &Transport, body: &Value) -> Problem {
    own_problem(transport, body).unwrap_or_else(|| match transport {
        Transport::Answered(answer) => {
            let message = format!("the answer has no results: {}", excerpt(&answer.body));
            Problem::of(Trouble::Unclear, answer, String::new(), message)
        }
        _ => Problem::on_our_side(Trouble::Unclear, "there is no answer"),
    })
}

/// Whether an answer of success says itself that it is none, and what it is then.
pub(super) fn own_problem(transport: &Transport, body: &Value) -> Option<Problem> {
    match transport {
        Transport::Answered(answer) => own_error(body).map(|words| problem(answer, &words)),
        _ => None,
    }
}

/// The error of an answer of success that says itself that it is none.
fn own_error(body: &Value) -> Option<Words> {
    body.as_object().map(Words::of).filter(|words| words.failed)
}

fn problem(answer: &Answer, words: &Words) -> Problem {
    let status = answer.status.as_u16();
    let whole = String::from_utf8_lossy(&answer.body[..answer.body.len().min(SEARCHED)]);
    let text = if words.message.is_empty() { &*whole } else { &words.message };
    let trouble = match status {
        401 | 403 | 407 => Trouble::Rights,
        429 => Trouble::Throttled,
        503 => Trouble::Busy,
        502 | 504 => Trouble::Unclear,
        413 => Trouble::TooLarge,
        // 307 and 308 say that nothing was done here; nobody follows them.
        307 | 308 | 405 => Trouble::Path,
        406 | 411 | 414 | 415 | 417 | 431 => Trouble::Manners,
        _ => by_words(words, text).unwrap_or_else(|| match status {
            404 | 410 => Trouble::Path,
            400 | 422 => Trouble::BadRequest,
            // A code is the application's own word; a text alone may be anybody's in between.
            200..=299 | 500..=599 if !words.code.is_empty() || answer.status.is_success() => Trouble::Failed,
            _ => Trouble::Unclear,
        }),
    };
    let message = if words.message.is_empty() { excerpt(&answer.body) } else { shorten(&words.message) };
    Problem::of(trouble, answer, shorten(&words.code), message)
}

/// What code and text say, if they are known.
fn by_words(words: &Words, text: &str) -> Option<Trouble> {
    let (code, text) = (words.code.to_ascii_uppercase(), text.to_ascii_lowercase());
    Some(match code.as_str() {
        "INSUFFICIENTRIGHTS" => Trouble::Rights,
        "RECORDNOTFOUND" => Trouble::Gone,
        "SEARCHNOTFOUND" | "BUSOBNOTVALID" | "EXPRESSIONNOTFOUND" => Trouble::Names,
        "DUPLICATEENTRY" => Trouble::Duplicate,
        "VALUENOTVALID" => Trouble::Invalid,
        _ if words.refused_values => Trouble::Invalid,
        _ if is_too_large(&text) => Trouble::TooLarge,
        // In its own words only: a page of somebody in between does not say that nothing was done.
        _ if !words.message.is_empty() && names_are_unknown(&text) => Trouble::Names,
        _ if text.contains("duplicateentry") => Trouble::Duplicate,
        "BADREQUEST" => Trouble::BadRequest,
        _ => return None,
    })
}

/// ASP.NET's words for a request above its limit, and those of the server in front of it.
fn is_too_large(text: &str) -> bool {
    text.contains("maximum request length exceeded") || text.contains("exceeds the request content length")
}

/// A business object, field or relationship is unknown. A value that was not found is not meant: that is its item's
/// fault.
fn names_are_unknown(text: &str) -> bool {
    let says = text.contains("not found") || text.contains("does not exist");
    let named = ["busobid", "fieldid", "field id", "relationshipid", "relationship id"];
    let begins = ["field ", "relationship "].iter().any(|name| text.trim_start().starts_with(name));
    says && !text.contains("value") && (begins || named.iter().any(|name| text.contains(name)))
}

impl Words {
    fn of(body: &Map<String, Value>) -> Self {
        let member = |wanted: &str| {
            body.iter()
                .find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_null())
                .map(|(_, value)| value)
        };
        let text = |wanted: &str| match member(wanted) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message =
            ["errorMessage", "Message", "error_description"].into_iter().map(text).find(|text| !text.is_empty());
        Self {
            failed: match member("hasError") {
                Some(Value::Bool(flag)) => *flag,
                Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
                _ => false,
            },
            code: text("errorCode"),
            message: message.unwrap_or_default(),
            refused_values: member("fieldValidationErrors")
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty()),
        }
    }
}

impl Problem {
    fn on_our_side(trouble: Trouble, why: &str) -> Self {
        let operator = matches!(trouble, Trouble::NotSent(Some(login)) if login.needs_operator());
        Self {
            trouble,
            code: String::new(),
            message: why.to_owned(),
            retry_after: None,
            why: if operator { format!("TB0202: {why}") } else { why.to_owned() },
        }
    }

    fn of(trouble: Trouble, answer: &Answer, code: String, message: String) -> Self {
        let status = answer.status;
        let said =
            if code.is_empty() { format!("{status}: {message}") } else { format!("{status}: {code}: {message}") };
        let why = match trouble {
            Trouble::Rights => format!("TB0202: {said}"),
            Trouble::Path => format!("TB0203: {said}; check `base_url`"),
            Trouble::Manners => {
                format!(
                    "TB0203: {said}; the server, or one in front of it, refuses how requests are sent: check `base_url`"
                )
            }
            Trouble::Names => {
                format!("TB0203: {said}; a name that was found before is gone: all names are looked up again")
            }
            _ => said,
        };
        let code = if code.is_empty() { status.as_u16().to_string() } else { code };
        Self { trouble, code, message, retry_after: retry_after(&answer.headers), why }
    }

    /// Nobody but an operator can mend it, whether it was a read or a write.
    pub(super) fn needs_operator(&self) -> bool {
        match self.trouble {
            Trouble::NotSent(login) => login.is_some_and(LoginFault::needs_operator),
            Trouble::Rights | Trouble::Path | Trouble::Manners | Trouble::Names => true,
            _ => false,
        }
    }

    /// Fewer requests are wished.
    pub(super) fn is_throttling(&self) -> bool {
        matches!(self.trouble, Trouble::Throttled | Trouble::NotSent(Some(LoginFault::Throttled)))
    }

    /// As the fault of a read.
    pub(super) fn for_read(self) -> LookUpFault {
        let (retry_after, throttled) = (self.retry_after, self.is_throttling());
        // A read that is refused as such is refused again and again.
        let configuration = self.needs_operator() || self.trouble == Trouble::BadRequest;
        let why = if self.trouble == Trouble::BadRequest { format!("TB0203: {}", self.why) } else { self.why };
        let general = if configuration { misconfigured(why) } else { fault(why) };
        LookUpFault { retry_after, throttled, ..general }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples;
    use super::*;

    fn not_sent(login: LoginFault) -> Transport {
        Transport::NotSent { why: String::from("no token"), login: Some(login) }
    }

    fn general(message: &str) -> Value {
        json!({"errorCode": "GENERALFAILURE", "errorMessage": message, "hasError": true})
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Seen {
        Body,
        Missing,
        Plain,
        Later(u64),
        Throttled(Option<u64>),
        /// The page that is named, and whether the names are learned anew.
        Operator(&'static str, bool),
    }

    fn seen(transport: &Transport) -> (Seen, String) {
        let shared = samples::shared();
        let result = read(&shared, transport);
        let forgotten = shared.site().is_none();
        match result {
            Ok(body) => (Seen::Body, body.to_string()),
            Err(ReadFault::Missing) => (Seen::Missing, String::new()),
            Err(ReadFault::Fault(fault)) => {
                let wish = fault.retry_after.map(|wish| wish.as_secs());
                let page = ["TB0202", "TB0203"].into_iter().find(|page| fault.why.starts_with(page));
                let seen = match (fault.configuration, fault.throttled, wish, page) {
                    (true, false, _, Some(page)) => Seen::Operator(page, forgotten),
                    (false, true, wish, None) => Seen::Throttled(wish),
                    (false, false, Some(wish), None) => Seen::Later(wish),
                    (false, false, None, None) => Seen::Plain,
                    other => panic!("{other:?} {fault:?}"),
                };
                (seen, fault.why)
            }
        }
    }

    #[test]
    fn every_row_of_the_table_for_reads() {
        let answer = samples::answer;
        let (login, path, names) =
            (Seen::Operator("TB0202", false), Seen::Operator("TB0203", false), Seen::Operator("TB0203", true));
        let code = |status: u16, code: &str| answer(status, &json!({"errorCode": code, "hasError": true}));
        let rows = [
            ("a proper answer", answer(200, &json!({"hasError": false, "errorCode": null})), Seen::Body),
            ("a list", answer(200, &json!([1])), Seen::Body),
            ("a flag as text", answer(200, &json!({"hasError": "False", "errorCode": ""})), Seen::Body),
            ("no connection", Transport::NotSent { why: String::from("refused"), login: None }, Seen::Plain),
            ("a refused login", not_sent(LoginFault::Refused), Seen::Operator("TB0202", false)),
            ("a wrong client id", not_sent(LoginFault::Misconfigured), Seen::Operator("TB0202", false)),
            ("a throttled login", not_sent(LoginFault::Throttled), Seen::Throttled(None)),
            ("a token endpoint that is ill", not_sent(LoginFault::Unreachable), Seen::Plain),
            ("a time-out", Transport::NoAnswer { why: String::from("time-out"), timed_out: true }, Seen::Plain),
            ("503", samples::raw(503, "", &[("retry-after", "7")]), Seen::Later(7)),
            ("503 without a wish", samples::raw(503, "<html>", &[]), Seen::Plain),
            ("502", samples::raw(502, "<html>", &[]), Seen::Plain),
            ("504", samples::raw(504, "", &[]), Seen::Plain),
            ("500 with HTML", samples::raw(500, "<html>Runtime Error</html>", &[]), Seen::Plain),
            ("500 without a body", samples::raw(500, "", &[]), Seen::Plain),
            ("500 without an envelope", answer(500, &json!({"Message": "An error has occurred."})), Seen::Plain),
            ("200 cut", samples::raw(200, "{\"responses\":[{\"bus", &[]), Seen::Plain),
            ("200 without a body", samples::raw(200, "", &[]), Seen::Plain),
            ("200 with HTML", samples::raw(200, "<html>sign in</html>", &[]), Seen::Plain),
            ("429", samples::raw(429, "", &[("retry-after", "3")]), Seen::Throttled(Some(3))),
            ("401", answer(401, &json!({"Message": "Authorization has been denied."})), login),
            ("403", samples::raw(403, "", &[]), Seen::Operator("TB0202", false)),
            ("no rights with 500", code(500, "InsufficientRights"), Seen::Operator("TB0202", false)),
            ("404", answer(404, &json!({"Message": "No HTTP resource was found that matches."})), path),
            ("405", samples::raw(405, "", &[]), Seen::Operator("TB0203", false)),
            ("411", samples::raw(411, "", &[]), Seen::Operator("TB0203", false)),
            ("415", samples::raw(415, "", &[]), Seen::Operator("TB0203", false)),
            ("413", samples::raw(413, "", &[]), Seen::Plain),
            ("too large in words", samples::raw(500, "<b>Maximum request length exceeded.</b>", &[]), Seen::Plain),
            ("400", code(400, "BADREQUEST"), Seen::Operator("TB0203", false)),
            (
                "an unknown object",
                answer(500, &general("Business object with 93 not found\r\nParameter name: BusObId")),
                names,
            ),
            ("an unknown field", answer(500, &general("Field with id 93 not found")), Seen::Operator("TB0203", true)),
            (
                "an unknown relationship",
                answer(500, &general("Relationship 93 not found")),
                Seen::Operator("TB0203", true),
            ),
            ("no search", code(500, "SEARCHNOTFOUND"), Seen::Operator("TB0203", true)),
            ("no object", code(500, "BusObNotValid"), Seen::Operator("TB0203", true)),
            ("no expression", code(500, "ExpressionNotFound"), Seen::Operator("TB0203", true)),
            ("the same with 200", code(200, "EXPRESSIONNOTFOUND"), Seen::Operator("TB0203", true)),
            ("a general failure", answer(500, &general("Something broke")), Seen::Plain),
            ("a general failure with 200", answer(200, &general("Something broke")), Seen::Plain),
            ("an unknown name on a page", samples::raw(500, "<p>Field 93 not found: FieldId</p>", &[]), Seen::Plain),
            ("a value that was not found", answer(500, &general("Field Owner: value Bob not found")), Seen::Plain),
            ("no record", code(500, "RECORDNOTFOUND"), Seen::Missing),
            ("no record in mixed case", code(500, "RecordNotFound"), Seen::Missing),
            ("no record with 200", code(200, "RECORDNOTFOUND"), Seen::Missing),
        ];
        for (name, transport, expected) in rows {
            assert_eq!(seen(&transport).0, expected, "{name}: {:?}", seen(&transport));
        }
    }

    #[test]
    fn the_words_of_the_platform_reach_the_operator() {
        for (name, body) in [
            ("errorMessage", json!({"errorCode": "GENERALFAILURE", "errorMessage": "the disk is full"})),
            ("Message", json!({"errorCode": "", "errorMessage": null, "Message": "the disk is full"})),
            ("error_description", json!({"error_description": "the disk is full"})),
            ("ERRORMESSAGE", json!({"ERRORCODE": "GENERALFAILURE", "ERRORMESSAGE": "the disk is full"})),
        ] {
            let (_, why) = seen(&samples::answer(500, &body));
            assert!(why.contains("the disk is full"), "{name}: {why}");
        }
        let (_, why) = seen(&samples::raw(200, "<html> the   disk is full", &[]));
        assert!(why.contains("<html> the disk is full"), "{why}");
        let long = seen(&samples::raw(500, &"é".repeat(100_000), &[])).1;
        assert!(long.chars().count() < 300, "{long}");
    }

    #[test]
    fn a_deep_body_is_a_fault() {
        assert_eq!(seen(&samples::raw(200, &"[".repeat(100_000), &[])).0, Seen::Plain);
        assert_eq!(seen(&samples::raw(500, &"{\"a\":".repeat(100_000), &[])).0, Seen::Plain);
    }

    #[test]
    fn what_a_refused_login_means() {
        use LoginFault::{Misconfigured, Refused, Throttled, Unreachable};
        let rows = [
            (400, "invalid_grant", "Could not login to system with the provided user ID and password.", Refused),
            (400, "Invalid_Grant", "could not LOGIN", Refused),
            (400, "invalid_grant", "BADREQUEST", Throttled),
            (400, "invalid_grant", "Trebuchet: BadRequest.", Throttled),
            (400, "invalid_grant", "", Throttled),
            (400, "invalid_grant", "The account is locked.", Refused),
            (400, "invalid_client_id", "Client 12345 is not registered in the system.", Misconfigured),
            (400, "unsupported_grant_type", "", Misconfigured),
            (401, "invalid_client", "", Misconfigured),
            (400, "unauthorized_client", "", Misconfigured),
            (400, "access_denied", "", Refused),
            (400, "", "", Misconfigured),
            (404, "", "", Misconfigured),
            (401, "", "", Refused),
            (403, "", "", Refused),
            (429, "", "", Throttled),
            (408, "", "", Unreachable),
            (500, "", "", Unreachable),
            (503, "invalid_grant", "", Unreachable),
        ];
        for (status, error, description, expected) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(login(status, error, description), expected, "{status} {error} {description}");
        }
    }
}
