//! `audit list`.

use std::path::Path;
use std::process::ExitCode;

use ticketbridge_engine::view;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Lists.
pub(crate) async fn run(path: Option<&Path>, command: &arguments::Audit, json: bool) -> Result<ExitCode, Failure> {
    let (_, opened, _) = setup::beside(path).await?;
    let arguments::Audit::List { limit, cursor } = command;
    let page = view::audit(&*opened.store, *limit, cursor.as_deref()).await;
    let page = page.map_err(|error| Failure::new(error.to_string()))?;
    if json {
        output::json(&page);
        return Ok(ExitCode::SUCCESS);
    }
    output::table(
        &["n", "at", "who", "act", "subject", "detail"],
        page.items.iter().map(|line| {
            let detail = if line.detail.as_object().is_some_and(serde_json::Map::is_empty) {
                String::from("-")
            } else {
                line.detail.to_string()
            };
            vec![
                line.id.to_string(),
                line.at.clone(),
                line.who.clone(),
                line.act.clone(),
                output::or_dash(Some(line.subject.as_str()).filter(|subject| !subject.is_empty())),
                detail,
            ]
        }),
    );
    if let Some(next) = page.next {
        output::talk(&format!("There are older lines: --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}
