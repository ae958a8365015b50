-- Ended sessions whose access tokens are not over yet. They outlive the session's row: an erasure
-- takes that away, not this.
CREATE TABLE revocations (
    sid TEXT NOT NULL PRIMARY KEY,
    revoked_at INTEGER NOT NULL,
    valid_until INTEGER NOT NULL          -- when the last access token of the session is over
) STRICT;

CREATE INDEX revocations_order ON revocations (revoked_at, sid);
CREATE INDEX revocations_valid_until ON revocations (valid_until);

-- Register tickets that were used, kept until they could not be used any more.
CREATE TABLE used_tickets (
    id TEXT NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX used_tickets_expires_at ON used_tickets (expires_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
