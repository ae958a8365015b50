-- Writes a fetched token, keeps the one before through the overlap, removes the intent, publishes.
-- ARGV: epoch, version known, the record (prelude), 11 refund, 12 channel, 13 appid, 14 by,
-- 15 intent.
-- Gives fenced + epoch, newer, late (the token is over) and now, or ok, now, version. May be
-- repeated: what is written already stays, and the same token keeps its version (stable mode gives
-- it again).
local forbidden = fenced()
if forbidden then
    return {'fenced', forbidden}
end
local known, token, expires_at = tonumber(ARGV[2]), ARGV[3], ARGV[6]
local version = version_now()
if redis.call('GET', ACCESS) == token and redis.call('HGET', RECORD, 'access_token') == token then
    local life = left(expires_at, ARGV[7])
    if life > 0 then
        redis.call('PEXPIRE', ACCESS, life)
        redis.call('HSET', RECORD, 'expires_at', expires_at)
        redis.call('PEXPIRE', RECORD, life)
    end
    if version < known then -- an old snapshot of this server's
        version = known
        redis.call('HSET', RECORD, 'version', version)
        redis.call('HSET', STATE, 'version', version)
    end
else
    if version > known then
        return {'newer'}
    end
    version = known + 1
    if not write_record(version) then
        return {'late', now}
    end
    local previous_until = redis.call('HGET', RECORD, 'previous_usable_until') or '0'
    event('refreshed', 'version', version, 'mode', ARGV[4], 'expires_at', expires_at, 'by', ARGV[14])
    redis.call('PUBLISH', ARGV[12], string.format(
        '{"appid":"%s","version":%d,"expires_at":%s,"previous_usable_until":%s}',
        ARGV[13], version, expires_at, previous_until))
end
-- the intent says that this commit was not carried out before
local open = redis.call('GET', INTENT) == ARGV[15]
if ARGV[11] == '1' and open and number(STATE, 'issued_today') > 0 then
    redis.call('HINCRBY', STATE, 'issued_today', -1)
end
redis.call('HSET', STATE, 'committed_at', now, 'last_error', 'none', 'last_errcode', 0)
if open then
    redis.call('DEL', INTENT)
end
return {'ok', now, version}
