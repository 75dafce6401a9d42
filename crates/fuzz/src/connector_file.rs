//! Connector files. Input: the file.

use serde_json::json;
use ticketbridge_core::effect::Operation;
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::{Platform, Verdict};

use crate::sample::{items, query, transport};

/// Largest file.
const MAX_FILE: usize = 256 * 1024;
/// Most questions of one look-up here.
const MAX_CALLS: usize = 20;

/// Words of the files.
pub const DICTIONARY: &[&str] = &[
    "[connector]\n",
    "[limits]\n",
    "[tickets]\n",
    "[errors]\n",
    "[errors.codes]\n",
    "[health]\n",
    "[find_tickets]\n",
    "[create_ticket]\n",
    "[add_note]\n",
    "version = 1\n",
    "max_batch = ",
    "matched_by = [\"dedupe_key\"]\n",
    "results = ",
    "segments = ",
    "path = \"/x\"\n",
    "path = \"//evil/%2e%2e\"\n",
    "query = ",
    "body = ",
    "accept = ",
    "items = ",
    "item = ",
    "paging = { style = \"cursor\", next = \".next\" }\n",
    "\"offset\"",
    "max_keys = 1000\n",
    "0",
    "18446744073709551615",
    "\".[]\"",
    "\"[..]\"",
    "'.items[]'",
    "'\"\\(.)\"'",
    "statuses = { 404 = \"target_gone\" }\n",
    "empty_answer_is_applied = true\n",
];

/// An error that names places in the file, or a connector that keeps to its own limits and answers one outcome per item.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loaded = Connector::from_text("fuzz.toml", text, &ConnectorSettings::default());
    let connector = match loaded {
        Ok(connector) => connector,
        Err(error) => {
            let lines = text.split('\n').count();
            assert!(!error.problems.is_empty() && !error.to_string().is_empty());
            assert!(error.problems.iter().all(|problem| problem.line.is_none_or(|line| (1..=lines).contains(&line))));
            assert!(error.problems.iter().all(|problem| !problem.why.is_empty()), "{error:?}");
            return;
        }
    };
    assert!(text.len() <= MAX_FILE);
    let capabilities = connector.capabilities();
    assert!(capabilities.max_batch.values().all(|batch| (1..=10_000).contains(batch)), "{capabilities:?}");
    assert!((1..=1_000).contains(&capabilities.max_in_flight) && (1..=1_000).contains(&capabilities.max_keys));
    let answer = json!({"items": [{"id": 1, "number": "T1"}], "results": [{"ok": true}], "next": null, "total": 1});
    let answer = transport("200", answer.to_string().as_bytes());
    for operation in Operation::ALL {
        let two = items(2);
        if let Ok(call) = connector.encode(operation, &two) {
            assert!(connector.supports(operation) && call.target.starts_with('/'), "{}", call.target);
            assert!(!call.target.starts_with("//") && call.target.is_ascii(), "{}", call.target);
        }
        let Verdict::Done(decoded) = connector.decode(operation, &two, &answer) else { panic!("nothing more to ask") };
        assert!(decoded.outcomes.is_empty() || decoded.outcomes.len() == two.len());
    }
    for name in ["health", "open_tickets", "tickets", "notes", "work_orders"] {
        let Ok(mut dialogue) = connector.look_up(&query(name)) else { continue };
        for _ in 0..MAX_CALLS {
            let Ok(Some(call)) = dialogue.next_call() else { break };
            assert!(call.target.starts_with('/') && !call.target.starts_with("//"), "{}", call.target);
            if dialogue.absorb(&answer).is_err() {
                assert!(dialogue.finish().is_err());
                break;
            }
        }
    }
}
