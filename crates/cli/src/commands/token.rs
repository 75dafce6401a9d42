//! `token create|list|revoke`.

use std::path::Path;
use std::process::ExitCode;

use secrecy::ExposeSecret;
use serde_json::json;
use ticketbridge_config::sections::Role;
use ticketbridge_config::types::Span;
use ticketbridge_engine::view::{self, TokenFault, TokenView};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Who acts, in the audit.
const WHO: &str = "cli";

impl From<TokenFault> for Failure {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Store(error) => error.into(),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<arguments::Role> for Role {
    fn from(role: arguments::Role) -> Self {
        match role {
            arguments::Role::Viewer => Self::Viewer,
            arguments::Role::Operator => Self::Operator,
            arguments::Role::Admin => Self::Admin,
        }
    }
}

/// Makes, lists or revokes.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Token, json: bool) -> Result<ExitCode, Failure> {
    let (config, opened, clock) = setup::beside(path).await?;
    let (store, now) = (&*opened.store, clock.now().wall);
    match command {
        arguments::Token::Create { name, role, expires } => {
            let expires = expires.as_deref().map(span).transpose()?;
            let made = view::create_token(&config, store, &name, role.into(), expires, WHO, now).await?;
            let (token, secret) = (made.0, made.1.expose_secret());
            if json {
                output::json(&json!({"token": secret, "name": token.name, "role": token.role,
                    "created_at": token.created_at, "expires_at": token.expires_at}));
            } else {
                output::data(secret);
            }
            let until = token.expires_at.map_or_else(String::new, |at| format!(", valid until {at}"));
            output::talk(&format!(
                "This is the token `{name}` ({}{until}). It is shown this once; keep it where secrets are kept.",
                token.role
            ));
        }
        arguments::Token::List => list(&view::tokens(store, now).await?, json),
        arguments::Token::Revoke { name } => {
            let revoked = view::revoke_token(store, &name, WHO, now).await?;
            if json {
                output::json(&revoked);
            } else {
                output::talk(&format!(
                    "The token `{name}` is revoked; a running service refuses it within a second, and ends its logins."
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn span(text: &str) -> Result<Span, Failure> {
    text.parse().map_err(|error| Failure::new(format!("`--expires {text}`: {error}")))
}

fn list(tokens: &[TokenView], json: bool) {
    if json {
        output::json(&tokens);
        return;
    }
    output::table(
        &["name", "role", "state", "created", "by", "expires", "revoked", "last used"],
        tokens.iter().map(|token| {
            vec![
                token.name.clone(),
                token.role.clone(),
                token.state.to_owned(),
                token.created_at.clone(),
                token.created_by.clone(),
                output::or_dash(token.expires_at.as_deref()),
                output::or_dash(token.revoked_at.as_deref()),
                output::or_dash(token.last_used_at.as_deref()),
            ]
        }),
    );
}
