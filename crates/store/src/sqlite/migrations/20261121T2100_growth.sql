-- What must not grow slower with the number of finished tickets.

-- Tickets per backend and state, kept in the transactions that change them: a recount would read every ticket.
CREATE TABLE ticket_count(
    backend TEXT NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY(backend, state)
) STRICT, WITHOUT ROWID;
INSERT INTO ticket_count(backend, state, count) SELECT backend, state, count(*) FROM ticket GROUP BY backend, state;

-- Both are written only when a row begins or ends its life, like `open`: what has work to do touches no index.
-- `ended_at`: since when a row is Completed or Dismissed, for purging; ascending by itself. `aside`: the state of rows in
-- Error or Dismissed, which are few, for listings.
ALTER TABLE ticket ADD COLUMN ended_at INTEGER;
ALTER TABLE ticket ADD COLUMN aside INTEGER;
UPDATE ticket SET ended_at = CASE WHEN state IN (100, 102) THEN updated_at END,
    aside = CASE WHEN state IN (101, 102) THEN state END
    WHERE open = 0;
CREATE INDEX ticket_ended ON ticket(ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX ticket_aside ON ticket(aside, id) WHERE aside IS NOT NULL;

-- The newest entries of one platform come with each of its lanes, however many others have.
CREATE INDEX known_ticket_platform ON known_ticket(platform, id);
