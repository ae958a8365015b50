/* query.h - every statement of the store, once.
 *
 * Plain SQL that SQLite, MySQL and MariaDB all understand, `?` for parameters: a driver prepares
 * the texts as they stand. The schema itself is each driver's own (sqlite/). */
#ifndef USERS_QUERY_H
#define USERS_QUERY_H

/* In the order in which operation.c reads them. */
#define USER_COLUMNS                                                                               \
    "id, appid, openid, unionid, phone, phone_index, country_code, nickname, avatar, created_at, " \
    "updated_at, last_login_at"

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
    X(QUERY_USER_UPDATE, 6,                                                                        \
      "UPDATE users SET unionid = ?, nickname = ?, avatar = ?, updated_at = ?, last_login_at = ?"  \
      " WHERE id = ?")                                                                             \
    X(QUERY_PHONE_SET, 6,                                                                          \
      "UPDATE users SET phone = ?, phone_index = ?, country_code = ?, phone_proved_at = ?,"        \
      " updated_at = ? WHERE id = ?")                                                              \
    X(QUERY_PHONE_PROVED, 2, "UPDATE users SET phone_proved_at = ? WHERE id = ?")                  \
    X(QUERY_SESSION_ADD, 7,                                                                        \
      "INSERT INTO sessions (id, user_id, refresh_hash, device, created_at, last_used_at,"         \
      " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)")                                                 \
    X(QUERY_SESSION_BY_ID, 1,                                                                      \
      "SELECT user_id, created_at, expires_at, ended_at FROM sessions WHERE id = ?")               \
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
