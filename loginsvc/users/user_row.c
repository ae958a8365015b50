#include "loginsvc/users/user_row.h"

#include <string.h>

#include "log/log.h"

/* In the order of USER_COLUMNS. */
enum column {
    COLUMN_ID,
    COLUMN_APPID,
    COLUMN_OPENID,
    COLUMN_UNIONID,
    COLUMN_PHONE,
    COLUMN_PHONE_INDEX,
    COLUMN_COUNTRY_CODE,
    COLUMN_NICKNAME,
    COLUMN_AVATAR,
    COLUMN_CREATED_AT,
    COLUMN_UPDATED_AT,
    COLUMN_LAST_LOGIN_AT,
};

struct reading {
    struct user_row *row;
    const struct phone_vault *vault;
};

/* A phone that does not open must not lock its owner out: it reads as unknown until proved anew. */
static void take_phone(struct reading *r, struct slice sealed, struct slice index)
{
    struct user *u = r->row->user;
    u->phone[0] = '\0';
    if (!sealed.n)
        return;
    enum aead_result opened = phone_vault_open(r->vault, u->appid, u->id, sealed, u->phone);
    if (opened == AEAD_OK)
        r->row->phone_current = phone_vault_is_current_pair(r->vault, u->appid, u->country_code,
                                                            u->phone, sealed, index);
    else
        log_error("users.phone_unreadable", LOG_INT("user_id", u->id),
                  LOG_STR("why", aead_result_name(opened)));
}

static void on_user(const struct db_value *columns, void *arg)
{
    struct reading *r = arg;
    struct user *u = r->row->user;
    u->id = columns[COLUMN_ID].num;
    db_read_text(&columns[COLUMN_APPID], u->appid, sizeof u->appid);
    db_read_text(&columns[COLUMN_OPENID], u->openid, sizeof u->openid);
    db_read_text(&columns[COLUMN_UNIONID], u->unionid, sizeof u->unionid);
    db_read_text(&columns[COLUMN_COUNTRY_CODE], u->country_code, sizeof u->country_code);
    db_read_text(&columns[COLUMN_NICKNAME], u->nickname, sizeof u->nickname);
    db_read_text(&columns[COLUMN_AVATAR], u->avatar, sizeof u->avatar);
    u->created_at.ms = columns[COLUMN_CREATED_AT].num;
    u->updated_at.ms = columns[COLUMN_UPDATED_AT].num;
    u->last_login_at.ms = columns[COLUMN_LAST_LOGIN_AT].num;
    take_phone(r, columns[COLUMN_PHONE].bytes, columns[COLUMN_PHONE_INDEX].bytes);
    r->row->found = true;
}

bool user_row_find(struct user_row *row, struct user *user, struct db *db,
                   const struct phone_vault *vault, enum query q, const struct db_value *params,
                   struct db_error *e)
{
    *row = (struct user_row){user, false, false};
    struct reading r = {row, vault};
    return db_run(db, q, params, on_user, &r, e);
}

bool user_row_find_by_phone(struct user_row *row, struct user *user, struct db *db,
                            const struct phone_vault *vault, const char *appid,
                            const char *country_code, const char *phone, struct db_error *e)
{
    uint8_t indexes[KEYRING_MAX][PHONE_INDEX_SIZE];
    struct db_value params[1 + KEYRING_MAX] = {db_text(appid)};
    for (size_t i = 0; i < phone_vault_keys(vault); i++) {
        phone_vault_index(vault, i, appid, country_code, phone, indexes[i]);
        params[1 + i] = db_blob(indexes[i], PHONE_INDEX_SIZE);
    }
    return user_row_find(row, user, db, vault, QUERY_USER_BY_PHONE, params, e);
}

bool user_row_lock(struct db *db, int64_t user_id, bool *found, struct db_error *e)
{
    const struct db_value params[] = {db_int(user_id)};
    if (!db_run(db, QUERY_USER_LOCK, params, NULL, NULL, e))
        return false;
    *found = db_changes(db) == 1;
    return true;
}

/* Sealing the same number again at each login would use the key up (aead.h) and move the index. */
static bool same_phone(const struct user_row *row, const char *country_code, const char *phone)
{
    return row->phone_current && strcmp(row->user->phone, phone) == 0 &&
           strcmp(row->user->country_code, country_code) == 0;
}

static bool store_phone(const struct user *u, struct db *db, const struct phone_vault *vault,
                        struct db_error *e)
{
    uint8_t sealed[PHONE_SEALED_MAX], index[PHONE_INDEX_SIZE];
    size_t n = phone_vault_seal(vault, u->appid, u->id, u->phone, sealed);
    phone_vault_index(vault, 0, u->appid, u->country_code, u->phone, index);
    const struct db_value params[] = {
        db_blob(sealed, n),       db_blob(index, sizeof index), db_text(u->country_code),
        db_int(u->updated_at.ms), db_int(u->updated_at.ms),     db_int(u->id),
    };
    return db_run(db, QUERY_PHONE_SET, params, NULL, NULL, e);
}

bool user_row_bind_phone(struct user_row *row, struct db *db, const struct phone_vault *vault,
                         const char *country_code, const char *phone, wall_ms_t now,
                         struct db_error *e)
{
    struct user *u = row->user;
    if (same_phone(row, country_code, phone)) {
        const struct db_value params[] = {db_int(now.ms), db_int(u->id)};
        return db_run(db, QUERY_PHONE_PROVED, params, NULL, NULL, e);
    }
    if (!slice_copy(slice_of(phone), u->phone, sizeof u->phone) ||
        !slice_copy(slice_of(country_code), u->country_code, sizeof u->country_code))
        return db_fail(e, ERR_BUG, "a phone that does not fit its field");
    u->updated_at = now;
    row->phone_current = true;
    return store_phone(u, db, vault, e);
}
