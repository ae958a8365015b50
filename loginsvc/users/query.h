/* query.h - every statement of the store, once.
 *
 * Plain SQL that SQLite, MySQL, MariaDB and TiDB all understand, `?` for parameters: a driver
 * prepares the texts as they stand. The schema itself is each driver's own (sqlite/). A text that
 * is not given is NULL and keeps what is stored, so that two processes that write different fields
 * of one row lose nothing. MySQL's SET sees what stands left of it: no column is read behind its
 * own assignment. */
#ifndef USERS_QUERY_H
#define USERS_QUERY_H

/* In the order in which user_row.c reads them. */
#define USER_COLUMNS                                                                               \
    "id, appid, openid, unionid, phone, phone_index, country_code, nickname, avatar, created_at, " \
    "updated_at, last_login_at"

/* In the order in which session_row.c reads them. */
#define SESSION_COLUMNS                                                                            \
    "id, user_id, device, created_at, last_used_at, expires_at, ended_at, refresh_hash"

/* A purge takes the first rows of a table, in the order of their time. It looks for the row behind
 * them and deletes what stands before that: a range of the index on the time, so that no row that
 * stays is touched (MySQL and MariaDB read all of a table for DELETE ... IN (SELECT ...)). */
#define PURGE_END(table, id, time)                                                                 \
    "SELECT " time ", " id " FROM " table " WHERE " time " < ? ORDER BY " time ", " id             \
    " LIMIT 1 OFFSET ?"
#define PURGE(table, id, time)                                                                     \
    "DELETE FROM " table " WHERE " time " < ? OR (" time " = ? AND " id " < ?)"

#define ALIVE "ended_at IS NULL AND expires_at > ?"

/* The row is needed no longer than its revocation, so it may be purged then. */
#define END_SESSIONS                                                                               \
    "UPDATE sessions SET ended_at = ?, expires_at = CASE WHEN expires_at > ? THEN ?"               \
    " ELSE expires_at END WHERE "

/* X(name, number of parameters, text). The phone is sought under every key of the ring, unused ones
 * are NULL. */
#define QUERY_TABLE(X)                                                                             \
    X(QUERY_USER_BY_ID, 1, "SELECT " USER_COLUMNS " FROM users WHERE id = ?")                      \
    X(QUERY_USER_BY_OPENID, 2,                                                                     \
      "SELECT " USER_COLUMNS " FROM users WHERE appid = ? AND openid = ?")                         \
    X(QUERY_USER_BY_PHONE, 5,                                                                      \
      "SELECT " USER_COLUMNS " FROM users WHERE appid = ? AND phone_index IN (?, ?, ?, ?)"         \
      " ORDER BY phone_proved_at DESC, id DESC LIMIT 1")                                           \
    X(QUERY_USER_ADD, 8,                                                                           \
      "INSERT INTO users (appid, openid, unionid, nickname, avatar, created_at, updated_at,"       \
      " last_login_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")                                           \
    X(QUERY_USER_LOGGED_IN, 6,                                                                     \
      "UPDATE users SET unionid = COALESCE(?, unionid), nickname = COALESCE(?, nickname),"         \
      " avatar = COALESCE(?, avatar), updated_at = COALESCE(?, updated_at), last_login_at = ?"     \
      " WHERE id = ?")                                                                             \
    X(QUERY_USER_ADOPT, 3,                                                                         \
      "UPDATE users SET openid = ?, updated_at = ? WHERE id = ? AND openid IS NULL")               \
    X(QUERY_USER_PROFILE, 4,                                                                       \
      "UPDATE users SET nickname = COALESCE(?, nickname), avatar = COALESCE(?, avatar),"           \
      " updated_at = COALESCE(?, updated_at) WHERE id = ?")                                        \
    X(QUERY_USER_LOCK, 1, "UPDATE users SET updated_at = updated_at WHERE id = ?")                 \
    X(QUERY_USER_DELETE, 1, "DELETE FROM users WHERE id = ?")                                      \
    X(QUERY_PHONE_SET, 6,                                                                          \
      "UPDATE users SET phone = ?, phone_index = ?, country_code = ?, phone_proved_at = ?,"        \
      " updated_at = ? WHERE id = ?")                                                              \
    X(QUERY_PHONE_PROVED, 2, "UPDATE users SET phone_proved_at = ? WHERE id = ?")                  \
    X(QUERY_PHONES_COUNT, 0, "SELECT COUNT(*) FROM users WHERE phone IS NOT NULL")                 \
    X(QUERY_PHONES_AFTER, 2,                                                                       \
      "SELECT id, appid, country_code, phone, phone_index FROM users"                              \
      " WHERE id > ? AND phone IS NOT NULL ORDER BY id LIMIT ?")                                   \
    X(QUERY_PHONE_RESEAL, 4,                                                                       \
      "UPDATE users SET phone = ?, phone_index = ? WHERE id = ? AND phone = ?")                    \
    X(QUERY_SESSION_ADD, 7,                                                                        \
      "INSERT INTO sessions (id, user_id, refresh_hash, device, created_at, last_used_at,"         \
      " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)")                                                 \
    X(QUERY_SESSION_BY_ID, 1, "SELECT " SESSION_COLUMNS " FROM sessions WHERE id = ?")             \
    X(QUERY_SESSIONS_ALIVE, 3,                                                                     \
      "SELECT " SESSION_COLUMNS " FROM sessions"                                                   \
      " WHERE user_id = ? AND " ALIVE " ORDER BY created_at DESC, id DESC LIMIT ?")                \
    X(QUERY_SESSION_ROTATE, 6,                                                                     \
      "UPDATE sessions SET refresh_hash = ?, last_used_at = ?, expires_at = ?"                     \
      " WHERE id = ? AND refresh_hash = ? AND " ALIVE)                                             \
    X(QUERY_SESSION_END, 5, END_SESSIONS "id = ? AND " ALIVE)                                      \
    X(QUERY_SESSIONS_END, 5, END_SESSIONS "user_id = ? AND " ALIVE)                                \
    X(QUERY_SESSIONS_DELETE, 1, "DELETE FROM sessions WHERE user_id = ?")                          \
    X(QUERY_REVOCATION_ADD, 3,                                                                     \
      "INSERT INTO revocations (sid, revoked_at, valid_until) VALUES (?, ?, ?)")                   \
    X(QUERY_REVOCATIONS_ADD, 4,                                                                    \
      "INSERT INTO revocations (sid, revoked_at, valid_until)"                                     \
      " SELECT id, ?, ? FROM sessions WHERE user_id = ? AND " ALIVE)                               \
    X(QUERY_REVOCATIONS_AFTER, 5,                                                                  \
      "SELECT sid, revoked_at, valid_until FROM revocations"                                       \
      " WHERE (revoked_at > ? OR (revoked_at = ? AND sid > ?)) AND valid_until > ?"                \
      " ORDER BY revoked_at, sid LIMIT ?")                                                         \
    X(QUERY_REGISTRATION_TURN, 0, "UPDATE heartbeat SET beats = beats WHERE id = 1")               \
    X(QUERY_TICKET, 1, "SELECT expires_at FROM used_tickets WHERE id = ?")                         \
    X(QUERY_TICKET_USE, 2, "INSERT INTO used_tickets (id, expires_at) VALUES (?, ?)")              \
    X(QUERY_PURGE_SESSIONS_END, 2, PURGE_END("sessions", "id", "expires_at"))                      \
    X(QUERY_PURGE_SESSIONS, 3, PURGE("sessions", "id", "expires_at"))                              \
    X(QUERY_PURGE_REVOCATIONS_END, 2, PURGE_END("revocations", "sid", "valid_until"))              \
    X(QUERY_PURGE_REVOCATIONS, 3, PURGE("revocations", "sid", "valid_until"))                      \
    X(QUERY_PURGE_TICKETS_END, 2, PURGE_END("used_tickets", "id", "expires_at"))                   \
    X(QUERY_PURGE_TICKETS, 3, PURGE("used_tickets", "id", "expires_at"))                           \
    X(QUERY_PING, 0, "UPDATE heartbeat SET beats = beats + 1 WHERE id = 1")                        \
    X(QUERY_KEY_CHECK, 0, "SELECT sealed FROM key_check WHERE id = 1")                             \
    X(QUERY_KEY_CHECK_ADD, 1, "INSERT INTO key_check (id, sealed) VALUES (1, ?)")                  \
    X(QUERY_KEY_CHECK_UPDATE, 1, "UPDATE key_check SET sealed = ? WHERE id = 1")

enum query {
#define X(name, params, text) name,
    QUERY_TABLE(X)
#undef X
        QUERY_COUNT
};

enum { QUERY_PARAMS_MAX = 8, QUERY_COLUMNS_MAX = 12 };

#endif
