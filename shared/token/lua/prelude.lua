-- Stands in front of every script of a refresh. KEYS, all of one app: access_token,
-- previous_access_token, token, state, intent, events. ARGV[1]: the caller's epoch, 0 for one that
-- only looks. All times are unix ms on this server's clock.
local ACCESS, PREVIOUS, RECORD, STATE, INTENT, EVENTS = unpack(KEYS)
local epoch = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A key of another kind is none of ours, and would make every script fail.
for i, kind in ipairs({'string', 'string', 'hash', 'hash', 'string', 'stream'}) do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= kind and found ~= 'none' then
        redis.call('DEL', KEYS[i])
    end
end

-- What we never write counts as 0: no version and no epoch could outdo the highest there is.
local function number(key, field)
    local n = tonumber(redis.call('HGET', key, field) or '0') or 0
    return n >= 0 and n < 2 ^ 50 and n or 0
end

-- Adds to the events, and publishes the entry's id on a channel of the same name.
local function event(name, ...)
    local id = redis.call('XADD', EVENTS, 'MAXLEN', '~', 1000, '*', 'event', name, ...)
    redis.call('PUBLISH', EVENTS, id)
end

-- The epoch that forbids the caller to write, if a later leader has been here; else nil, and from
-- now on the caller's own epoch forbids all earlier ones.
local function fenced()
    local seen = number(STATE, 'epoch')
    if seen > epoch then
        return seen
    end
    if seen < epoch then
        redis.call('HSET', STATE, 'epoch', ARGV[1])
    end
    return nil
end

-- The highest version ever written.
local function version_now()
    return math.max(number(STATE, 'version'), number(RECORD, 'version'))
end

-- What is left of a life that ends at `at` and lasts no longer than `ttl` from now.
local function left(at, ttl)
    return math.min(tonumber(at) - now, tonumber(ttl))
end

-- Writes the record of ARGV[3..10] (token, mode, issued_at, expires_at, ttl, previous,
-- previous_until, previous_ttl) as `version`. False when the token is over already.
local function write_record(version)
    local token, mode, issued_at, expires_at = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
    local previous, previous_until = ARGV[8], ARGV[9]
    local life = left(expires_at, ARGV[7])
    if life <= 0 then
        return false
    end
    redis.call('SET', ACCESS, token, 'PX', life)
    redis.call('DEL', RECORD, PREVIOUS)
    redis.call('HSET', RECORD, 'access_token', token, 'version', version, 'issued_at', issued_at,
               'expires_at', expires_at, 'mode', mode)
    local previous_life = previous ~= '' and left(previous_until, ARGV[10]) or 0
    if previous_life > 0 then
        redis.call('SET', PREVIOUS, previous, 'PX', previous_life)
        redis.call('HSET', RECORD, 'previous_access_token', previous,
                   'previous_usable_until', previous_until)
    end
    redis.call('PEXPIRE', RECORD, life)
    redis.call('HSET', STATE, 'version', version)
    return true
end
