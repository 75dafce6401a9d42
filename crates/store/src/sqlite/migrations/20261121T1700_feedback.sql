-- Mobile tickets. Times are milliseconds since 1970 on the wall clock, but for leases.

-- Who may run for an organizer. The row stays for ever, so that no token comes twice. `expires_at` and `time_to_live`
-- are milliseconds on the host's clock since its boot, and mean nothing in another boot.
CREATE TABLE feedback_lease(
    organizer TEXT PRIMARY KEY,
    token INTEGER NOT NULL,
    holder BLOB,
    run INTEGER,
    preview INTEGER NOT NULL DEFAULT 0,
    boot TEXT NOT NULL DEFAULT '',
    time_to_live INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A run. `end`: JSON, NULL while it is in progress.
CREATE TABLE feedback_run(
    id INTEGER PRIMARY KEY,
    organizer TEXT NOT NULL,
    internal_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    ended_at INTEGER,
    end TEXT
) STRICT;
CREATE INDEX feedback_run_organizer ON feedback_run(organizer, id);
CREATE INDEX feedback_run_open ON feedback_run(organizer) WHERE ended_at IS NULL;
CREATE INDEX feedback_run_ended ON feedback_run(ended_at) WHERE ended_at IS NOT NULL;

-- The pagination key, and each of its moves.
CREATE TABLE feedback_key(organizer TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE feedback_key_move(
    organizer TEXT NOT NULL,
    n INTEGER NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    reason TEXT NOT NULL,
    page INTEGER,
    run INTEGER,
    who TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY(organizer, n)
) STRICT, WITHOUT ROWID;

-- A stored page. `states`: one byte per item: 0 pending, 1 done, 2 failed, 3 blocking, 4 dismissed. `open` counts 0 and 3,
-- `failed` counts 2. Rows stay for ever; `body` says whether the body is still there.
CREATE TABLE feedback_page(
    id INTEGER PRIMARY KEY,
    organizer TEXT NOT NULL,
    run INTEGER NOT NULL,
    source TEXT NOT NULL,
    open INTEGER NOT NULL,
    failed INTEGER NOT NULL DEFAULT 0,
    body INTEGER NOT NULL DEFAULT 1,
    at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    states BLOB NOT NULL
) STRICT;
CREATE INDEX feedback_page_open ON feedback_page(organizer, id) WHERE open > 0;
CREATE INDEX feedback_page_settled ON feedback_page(touched_at) WHERE body = 1 AND open = 0 AND failed = 0;

-- Its body, apart: a change of state rewrites the row above, never the body.
CREATE TABLE feedback_body(page INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;

-- Pending items that have been tried.
CREATE TABLE feedback_waiting(
    page INTEGER NOT NULL,
    position INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(page, position)
) STRICT, WITHOUT ROWID;

-- Failed and blocking items. Newest: highest id.
CREATE TABLE feedback_failed(
    id INTEGER PRIMARY KEY,
    page INTEGER NOT NULL,
    position INTEGER NOT NULL,
    organizer TEXT NOT NULL,
    ticket_id TEXT,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    blocking INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE(page, position)
) STRICT;
CREATE INDEX feedback_failed_organizer ON feedback_failed(organizer, id);

-- Intent and journal of the calls that write. `items`: 12 bytes each, little-endian: page (8), position (4).
CREATE TABLE feedback_call(
    id INTEGER PRIMARY KEY,
    organizer TEXT NOT NULL,
    run INTEGER NOT NULL,
    box_office TEXT NOT NULL,
    kind TEXT NOT NULL,
    items BLOB NOT NULL,
    body_hash BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    outcome TEXT,
    outcome_at INTEGER
) STRICT;
CREATE INDEX feedback_call_run ON feedback_call(run, id);
CREATE INDEX feedback_call_open ON feedback_call(organizer) WHERE outcome IS NULL;
CREATE INDEX feedback_call_settled ON feedback_call(outcome_at) WHERE outcome IS NOT NULL;

-- Entries that were added to the skip list at run time.
CREATE TABLE feedback_skip(
    organizer TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY(organizer, entry)
) STRICT, WITHOUT ROWID;

-- Who is creating a contact for an e-mail (its SHA-256). It holds as long as the organizer's lease carries the token.
CREATE TABLE contact_claim(
    email BLOB NOT NULL,
    box_office TEXT NOT NULL,
    request_ref TEXT NOT NULL,
    organizer TEXT NOT NULL,
    token INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(email, box_office)
) STRICT, WITHOUT ROWID;

-- What is known of the box office. Replaced whole, so that the highest id was written last.
CREATE TABLE mobile_ticket(
    id INTEGER PRIMARY KEY,
    organizer TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    tax_number TEXT,
    status TEXT NOT NULL,
    status_date TEXT NOT NULL,
    owner_email TEXT,
    beneficiary TEXT,
    page INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE(ticket_id, organizer)
) STRICT;
CREATE INDEX mobile_ticket_email ON mobile_ticket(owner_email) WHERE owner_email IS NOT NULL;
CREATE TABLE box_contact(
    id INTEGER PRIMARY KEY,
    box_office TEXT NOT NULL,
    contact_number TEXT NOT NULL,
    organizer TEXT NOT NULL,
    email TEXT,
    created INTEGER NOT NULL,
    request_ref TEXT,
    ticket_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE(contact_number, box_office)
) STRICT;
CREATE INDEX box_contact_email ON box_contact(email) WHERE email IS NOT NULL;
CREATE INDEX box_contact_ticket ON box_contact(ticket_id);
CREATE TABLE box_distribution(
    id INTEGER PRIMARY KEY,
    distribution_ref TEXT NOT NULL UNIQUE,
    organizer TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    old_contact TEXT,
    new_contact TEXT,
    status TEXT NOT NULL,
    row_at TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX box_distribution_ticket ON box_distribution(ticket_id);
