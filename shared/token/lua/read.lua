-- Reads what is known of an app; with an epoch above 0 the caller leads it from now on.
-- ARGV: epoch, by. Gives fenced and the epoch that forbids it, or ok, now, version, token,
-- remaining ms, issued_at, expires_at, mode, previous, its remaining ms, intent, day, issued today,
-- class and errcode of the last error.
if epoch > 0 then
    local before = number(STATE, 'epoch')
    local forbidden = fenced()
    if forbidden then
        return {'fenced', forbidden}
    end
    if before < epoch then
        event('leader', 'epoch', ARGV[1], 'by', ARGV[2])
    end
end

-- A token counts when both its keys hold it and both will expire; else it was tampered with or lost.
local record = redis.call('HMGET', RECORD, 'access_token', 'issued_at', 'expires_at', 'mode')
local remaining = math.min(redis.call('PTTL', ACCESS), redis.call('PTTL', RECORD))
local token = ''
if record[1] and remaining > 0 and redis.call('GET', ACCESS) == record[1] then
    token = record[1]
end
return {'ok', now, version_now(), token, remaining, record[2] or '0', record[3] or '0',
        record[4] or 'classic', redis.call('GET', PREVIOUS) or '', redis.call('PTTL', PREVIOUS),
        redis.call('GET', INTENT) or '', number(STATE, 'day'), number(STATE, 'issued_today'),
        redis.call('HGET', STATE, 'last_error') or '', number(STATE, 'last_errcode')}
