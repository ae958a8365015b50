-- Notes an attempt that brought no token. The intent goes only when certainly nothing was issued
-- since it was first stored. ARGV: epoch, drop, refund, error class, errcode, by, intent.
-- Gives fenced + epoch, or ok, now.
local forbidden = fenced()
if forbidden then
    return {'fenced', forbidden}
end
if ARGV[2] == '1' and redis.call('GET', INTENT) == ARGV[7] then
    redis.call('DEL', INTENT)
end
if ARGV[3] == '1' and number(STATE, 'issued_today') > 0 then
    redis.call('HINCRBY', STATE, 'issued_today', -1)
end
redis.call('HSET', STATE, 'failed_at', now, 'last_error', ARGV[4], 'last_errcode', ARGV[5])
event('refresh_failed', 'class', ARGV[4], 'errcode', ARGV[5], 'by', ARGV[6])
return {'ok', now}
