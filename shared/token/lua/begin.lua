-- Stores the intent to refresh, before WeChat is called, and counts it against the day's budget.
-- ARGV: epoch, version, day, issued at least, budget, intent, force.
-- Gives fenced + epoch, newer, budget, forced (force_refresh is not allowed now), or ok, now, issued.
local forbidden = fenced()
if forbidden then
    return {'fenced', forbidden}
end
if version_now() > tonumber(ARGV[2]) then
    return {'newer'}
end
local day, issued = tonumber(ARGV[3]), tonumber(ARGV[4])
if number(STATE, 'day') >= day then
    day = number(STATE, 'day')
    issued = math.max(issued, number(STATE, 'issued_today'))
end
if issued >= tonumber(ARGV[5]) then
    return {'budget'}
end
if ARGV[7] == '1' then
    -- WeChat allows 20 a day and ignores one within 30 s of the last
    local forced = number(STATE, 'forced_day') == day and number(STATE, 'forced_today') or 0
    if forced >= 20 or now - number(STATE, 'forced_at') < 30000 then
        return {'forced'}
    end
    redis.call('HSET', STATE, 'forced_day', day, 'forced_today', forced + 1, 'forced_at', now)
end
redis.call('HSET', STATE, 'day', day, 'issued_today', issued + 1)
redis.call('SET', INTENT, ARGV[6])
return {'ok', now, issued + 1}
