//! Browsers that are logged in.
//!
//! Guarantee: a session is known by a random number of 256 bits, of which only the hash is in memory, and nothing of it on
//! disk: a restart ends all. A session is worth what its token is worth at that instant: it keeps the token's hash, never a
//! caller, so a token that is revoked, has expired or was taken out of the configuration ends its sessions with it. Limits:
//! [`MAX_PER_TOKEN`] sessions per token, the longest unused one makes room; ended after [`IDLE`] without a request and
//! [`LONGEST`] after the login.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ticketbridge_core::time::Mono;
use ticketbridge_engine::identity;
use ticketbridge_store::TokenHash;

/// Name of the cookie.
pub(crate) const COOKIE: &str = "ticketbridge_session";
/// Its name under TLS.
pub(crate) const SECURE_COOKIE: &str = "__Host-ticketbridge_session";
/// Most sessions of one token at once.
pub(crate) const MAX_PER_TOKEN: usize = 32;
/// Longest time between two requests of a session.
pub(crate) const IDLE: Duration = Duration::from_hours(12);
/// Longest life of a session.
pub(crate) const LONGEST: Duration = Duration::from_hours(7 * 24);

/// What names a session in memory: the hash of what its cookie holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 32]);

impl SessionId {
    /// Of the text that a cookie holds.
    pub(crate) fn of(cookie: &str) -> Self {
        Self(Sha256::digest(cookie.as_bytes()).into())
    }

    /// For the derivation of a seal; not to be shown.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

struct Session {
    token: TokenHash,
    begun: Mono,
    seen: Mono,
}

impl Session {
    fn is_over(&self, now: Mono) -> bool {
        now.since(self.seen) > IDLE || now.since(self.begun) > LONGEST
    }
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Session>>);

impl Sessions {
    /// Begins a session of this token; answers what its cookie is to hold.
    pub(crate) fn begin(&self, token: TokenHash, now: Mono) -> String {
        let mut cookie = String::with_capacity(64);
        for byte in identity::seed() {
            // Writing to a text cannot fail.
            let _infallible = write!(cookie, "{byte:02x}");
        }
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| !session.is_over(now));
        let mut of_token: Vec<_> = sessions.iter().filter(|(_, session)| session.token == token).collect();
        of_token.sort_by_key(|(_, session)| session.seen);
        let surplus = (of_token.len() + 1).saturating_sub(MAX_PER_TOKEN);
        let oldest: Vec<SessionId> = of_token.into_iter().take(surplus).map(|(id, _)| *id).collect();
        for id in oldest {
            sessions.remove(&id);
        }
        sessions.insert(SessionId::of(&cookie), Session { token, begun: now, seen: now });
        cookie
    }

    /// The token of a session that is not over; it counts as used now.
    pub(crate) fn token(&self, id: SessionId, now: Mono) -> Option<TokenHash> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&id)?;
        if session.is_over(now) {
            sessions.remove(&id);
            return None;
        }
        session.seen = now;
        Some(session.token)
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: SessionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::{IDLE, LONGEST, MAX_PER_TOKEN, SessionId, Sessions};
    use ticketbridge_core::time::Mono;
    use ticketbridge_store::TokenHash;

    const TOKEN: TokenHash = TokenHash([1; 32]);

    #[test]
    fn a_session_is_known_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin(TOKEN, Mono(0)), sessions.begin(TOKEN, Mono(0)));
        assert!(one.len() == 64 && one != other);
        assert!(sessions.token(SessionId::of(&one), Mono(1)) == Some(TOKEN));
        assert!(sessions.token(SessionId::of("x"), Mono(1)).is_none());
        sessions.end(SessionId::of(&one));
        assert!(sessions.token(SessionId::of(&one), Mono(2)).is_none());
        assert!(sessions.token(SessionId::of(&other), Mono(2)) == Some(TOKEN));
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_after_a_week_even_if_it_is() {
        let sessions = Sessions::default();
        let id = SessionId::of(&sessions.begin(TOKEN, Mono(0)));
        let mut now = Mono(0);
        while now.after(IDLE).0 <= Mono(0).after(LONGEST).0 {
            now = now.after(IDLE);
            assert!(sessions.token(id, now).is_some(), "{now:?}");
        }
        assert!(sessions.token(id, Mono(0).after(LONGEST)).is_some());
        assert!(sessions.token(id, Mono(Mono(0).after(LONGEST).0 + 1)).is_none());
        let idle = SessionId::of(&sessions.begin(TOKEN, Mono(0)));
        assert!(sessions.token(idle, Mono(Mono(0).after(IDLE).0 + 1)).is_none());
    }

    #[test]
    fn the_longest_unused_session_of_a_token_makes_room_and_no_other() {
        let sessions = Sessions::default();
        let of_another = SessionId::of(&sessions.begin(TokenHash([2; 32]), Mono(0)));
        let ids: Vec<_> = (0..MAX_PER_TOKEN).map(|_| SessionId::of(&sessions.begin(TOKEN, Mono(1)))).collect();
        for id in &ids[1..] {
            assert!(sessions.token(*id, Mono(2)).is_some());
        }
        let newest = SessionId::of(&sessions.begin(TOKEN, Mono(3)));
        assert!(sessions.token(ids[0], Mono(4)).is_none());
        for id in ids[1..].iter().chain([&newest, &of_another]) {
            assert!(sessions.token(*id, Mono(4)).is_some());
        }
    }
}
