-- Claims the one-time codes of a request, if no limit forbids it: one round trip, one atomic step.
-- KEYS: the answer that is kept, the requests under way of the app, its paid calls of the day, then
-- the codes, then the lists of the limits.
-- ARGV: fingerprint, how long the request may take (ms), how long a code is remembered (ms), number
-- of codes, most requests under way (0 = any), most paid calls (0 = any), paid calls that the
-- process knows of, then for each limit its count and its ms.
-- Gives {"mine"}, {"held"}, {"kept", answer}, {"used"}, {"busy"}, {"budget"} or {"limited", ms}.
local KEPT, UNDER_WAY, PAID = KEYS[1], KEYS[2], KEYS[3]
local mine, login_ms, code_ms, codes = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A code's value: the fingerprint of who has it, and until when that one is at it.
local function take()
    local till = string.format('%.0f', now + login_ms)
    for i = 4, 3 + codes do
        redis.call('SET', KEYS[i], mine .. ':' .. till, 'PX', code_ms)
    end
    redis.call('ZADD', UNDER_WAY, till, mine)
    redis.call('PEXPIRE', UNDER_WAY, login_ms)
end

local kept = redis.call('GET', KEPT)
if kept then
    if string.sub(kept, 1, 1) == 'x' then -- exchanged and not stored: the next one goes on with it
        redis.call('DEL', KEPT)
        take()
    end
    return {'kept', kept}
end
for i = 4, 3 + codes do
    local value = redis.call('GET', KEYS[i])
    if value then
        local whose, till = string.match(value, '^(%x+):(%d+)$')
        if whose ~= mine or now >= tonumber(till) then
            return {'used'}
        end
        return {'held'}
    end
end

redis.call('ZREMRANGEBYSCORE', UNDER_WAY, '-inf', string.format('%.0f', now))
local most, budget = tonumber(ARGV[5]), tonumber(ARGV[6])
if most > 0 and redis.call('ZCARD', UNDER_WAY) >= most then
    return {'busy'}
end
local paid = math.max(tonumber(redis.call('GET', PAID) or '0'), tonumber(ARGV[7]))
if budget > 0 and paid >= budget then
    return {'budget'}
end
local limit = 8
for i = 4 + codes, #KEYS do
    local oldest = redis.call('LINDEX', KEYS[i], tonumber(ARGV[limit]) - 1)
    local wait = oldest and tonumber(oldest) + tonumber(ARGV[limit + 1]) - now or 0
    if wait > 0 then
        return {'limited', wait}
    end
    limit = limit + 2
end
limit = 8
for i = 4 + codes, #KEYS do
    redis.call('LPUSH', KEYS[i], string.format('%.0f', now))
    redis.call('LTRIM', KEYS[i], 0, tonumber(ARGV[limit]) - 1)
    redis.call('PEXPIRE', KEYS[i], ARGV[limit + 1])
    limit = limit + 2
end
take()
return {'mine'}
