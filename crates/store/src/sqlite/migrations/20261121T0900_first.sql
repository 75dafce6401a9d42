-- The first schema. Times are milliseconds since 1970 on the wall clock; ids and hashes are raw bytes.

-- What this store is: instance (hex), epoch, lanes, suspect.
CREATE TABLE meta(
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A lane: the unit of exclusive work. `floor` keeps batch numbers ascending after old batches were purged.
CREATE TABLE lane(
    id INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    number INTEGER NOT NULL,
    holder BLOB,
    token INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL DEFAULT 0,
    floor INTEGER NOT NULL DEFAULT 0,
    UNIQUE(platform, number)
) STRICT;

-- Hot row: rewritten at each step.
CREATE TABLE ticket(
    id INTEGER PRIMARY KEY,
    origin BLOB NOT NULL,
    lane INTEGER NOT NULL,
    open INTEGER NOT NULL,
    state INTEGER NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    backend TEXT NOT NULL,
    due_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    ticket_number TEXT,
    ticket_record TEXT,
    work_order TEXT,
    failed INTEGER,
    reason TEXT,
    trail BLOB,
    updated_at INTEGER NOT NULL
) STRICT;
-- Only what has work to do, in order of receipt. No hash and no state here: both cost more than all else together.
CREATE INDEX ticket_open ON ticket(lane, id) WHERE open = 1;
-- Ascending by itself: an origin id begins with its time.
CREATE UNIQUE INDEX ticket_origin ON ticket(origin);

-- Cold row: written once.
CREATE TABLE ticket_body(
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    body_hash BLOB NOT NULL,
    body TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

-- Intent and journal: one row per request. `items`: 8 bytes each, little-endian; `remaining`: those still unresolved
-- (NULL: all, or none once settled); `outcome`: one line of JSON per settle.
CREATE TABLE batch(
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL,
    token INTEGER NOT NULL,
    operation INTEGER NOT NULL,
    platform TEXT NOT NULL,
    backend TEXT NOT NULL,
    open INTEGER NOT NULL DEFAULT 1,
    items BLOB NOT NULL,
    remaining BLOB,
    body_hash BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    settled_at INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX batch_open ON batch(lane, id) WHERE open = 1;

-- Ledger: the last ticket of a key on a platform that we believe open. Newest entry: highest id.
CREATE TABLE known_ticket(
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    platform TEXT NOT NULL,
    number TEXT NOT NULL,
    record TEXT,
    origin BLOB,
    at INTEGER,
    UNIQUE(key, platform)
) STRICT;

-- Keys whose create was sent again.
CREATE TABLE audit(
    ticket INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL,
    key TEXT NOT NULL,
    origin BLOB NOT NULL,
    looks INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_lane ON audit(lane);

-- What operators did.
CREATE TABLE act(
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX act_ticket ON act(ticket);

-- News for the holders of lanes: kind 1 ticket, 2 settings, 3 loss accepted.
CREATE TABLE change(
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    ticket INTEGER,
    platform TEXT
) STRICT;

-- What operators must know.
CREATE TABLE problem(
    id INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    code TEXT NOT NULL,
    about TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE backend_override(
    backend TEXT NOT NULL,
    setting TEXT NOT NULL,
    value TEXT NOT NULL,
    file_value TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY(backend, setting)
) STRICT, WITHOUT ROWID;

CREATE TABLE document(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Workflow: runs, incidents by object, what was reported by dedupe key.
CREATE TABLE run(id INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE incident(
    kpi TEXT NOT NULL,
    object TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY(kpi, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE reported(key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('instance', lower(hex(randomblob(16)))), ('epoch', 0);
