//! The fixed login of the stand-ins. It is no secret: it is printed at start and works nowhere else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bearer token, and the password of any user name.
pub const TOKEN: &str = "sandbox-only";

/// Whether an `Authorization` header carries the fixed token (`Bearer`) or the fixed password (`Basic`, any user).
pub(crate) fn accepts(authorization: Option<&str>) -> bool {
    let Some((scheme, value)) = authorization.and_then(|header| header.trim().split_once(' ')) else { return false };
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return value == TOKEN;
    }
    scheme.eq_ignore_ascii_case("basic")
        && STANDARD
            .decode(value)
            .is_ok_and(|pair| pair.splitn(2, |byte| *byte == b':').nth(1) == Some(TOKEN.as_bytes()))
}

/// Whether an `Authorization` header carries the fixed token as `Bearer`.
pub(crate) fn accepts_bearer(authorization: Option<&str>) -> bool {
    let is_bearer = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
    accepts(authorization)
        && authorization.and_then(|header| header.trim().split_once(' ')).as_ref().is_some_and(is_bearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fixed_token_or_password_opens() {
        assert!(accepts(Some("Bearer sandbox-only")));
        assert!(accepts(Some("bearer sandbox-only")));
        assert!(accepts(Some(&format!("Basic {}", STANDARD.encode("anyone:sandbox-only")))));
        assert!(accepts(Some(&format!("Basic {}", STANDARD.encode(":sandbox-only")))));
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer other", "sandbox-only", "Basic sandbox-only", "Digest sandbox-only"]
        {
            assert!(!accepts(Some(wrong)), "{wrong:?} must not open");
        }
        assert!(!accepts(Some(&format!("Basic {}", STANDARD.encode("sandbox-only")))));
        assert!(!accepts(Some(&format!("Basic {}", STANDARD.encode("sandbox-only:other")))));
        assert!(!accepts(None));
    }
}
