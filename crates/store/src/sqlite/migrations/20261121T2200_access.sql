-- Who may call, and who did what.

-- Tokens of callers: never the token, only its hash. Rows stay after a revocation: a name is never given to another, and
-- that there are tokens is never forgotten.
CREATE TABLE api_token(
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK(length(hash) = 32),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

-- One line per change that a person or a program asked for (the table `audit` is about look-ups of lanes). Numbers are
-- never used twice, so that a page of a listing does not move when old lines are purged.
CREATE TABLE audit_line(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_line_at ON audit_line(at);
