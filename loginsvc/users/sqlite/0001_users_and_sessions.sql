-- Times are Unix milliseconds.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, also after a deletion
    appid TEXT NOT NULL,
    openid TEXT,                          -- NULL: registered by phone alone
    unionid TEXT,
    phone BLOB,                           -- sealed, bound to appid and id
    phone_index BLOB,                     -- keyed hash of appid, country code and number
    phone_proved_at INTEGER,              -- when WeChat last gave this number for this user
    country_code TEXT NOT NULL DEFAULT '',
    nickname TEXT NOT NULL,
    avatar TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX users_openid ON users (appid, openid);
-- Not unique: one phone may belong to several users of an app (store.h).
CREATE INDEX users_phone ON users (appid, phone_index) WHERE phone_index IS NOT NULL;

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_hash BLOB NOT NULL,           -- SHA-256 of the refresh token
    device TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER                      -- NULL: not ended before its time
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);

-- One value sealed under DATA_KEY, so that a start with another key is refused.
CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;

-- What a sign of life writes to.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;

INSERT INTO heartbeat VALUES (1, 0);
