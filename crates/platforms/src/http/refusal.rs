//! What a token endpoint means by saying no.

use http::StatusCode;

use crate::LoginFault;

/// What a token endpoint means by an answer that is no token: its status (never 2xx), and `error` and
/// `error_description` of RFC 6749 §5.2, each empty if the body has none, at most 64 KiB together.
///
/// Asked about a refused refresh, too: there [`LoginFault::Refused`] and [`LoginFault::Misconfigured`] mean that the
/// refresh token is of no use any more, and the grant itself is tried.
pub type TokenRefusals = fn(status: StatusCode, error: &str, description: &str) -> LoginFault;

/// The words of RFC 6749 §5.2 and RFC 9110. A status that blames the platform (408, 429, 5xx) counts before the words;
/// what is unknown is a matter of the configuration, since it would be refused again.
pub fn usual_refusals(status: StatusCode, error: &str, _description: &str) -> LoginFault {
    match status {
        StatusCode::TOO_MANY_REQUESTS => LoginFault::Throttled,
        StatusCode::REQUEST_TIMEOUT => LoginFault::Unreachable,
        status if status.is_server_error() => LoginFault::Unreachable,
        _ if error == "invalid_grant" => LoginFault::Refused,
        // `invalid_client`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`, `invalid_request`; an
        // address that is not there, forbids, or sends elsewhere.
        _ => LoginFault::Misconfigured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_rfc_6749() {
        let cases = [
            (400, "invalid_grant", LoginFault::Refused),
            (401, "invalid_client", LoginFault::Misconfigured),
            (400, "unauthorized_client", LoginFault::Misconfigured),
            (400, "unsupported_grant_type", LoginFault::Misconfigured),
            (400, "invalid_scope", LoginFault::Misconfigured),
            (400, "", LoginFault::Misconfigured),
            (404, "", LoginFault::Misconfigured),
            (302, "", LoginFault::Misconfigured),
            (429, "invalid_grant", LoginFault::Throttled),
            (408, "", LoginFault::Unreachable),
            (500, "invalid_grant", LoginFault::Unreachable),
            (503, "", LoginFault::Unreachable),
        ];
        for (status, error, fault) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(usual_refusals(status, error, "words"), fault, "{status} {error}");
        }
    }
}
