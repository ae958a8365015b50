-- The end of a claimed request: keeps its answer, frees the codes that are certainly unspent,
-- counts what was paid. KEYS: the answer to keep, the requests under way of the app, its paid calls
-- of the day, the list of the user's phone exchanges, then the codes.
-- ARGV: fingerprint, answer ("" = none), how long it is kept (ms), how long a code is remembered
-- (ms), paid calls to add, what their number is then at least (Redis may have lost its own), count
-- and ms of the user's limit (count 0 = nothing to count), then for each code "spent" or "whole".
-- Gives the app's paid calls of the day.
local KEPT, UNDER_WAY, PAID, PHONES = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mine, count = ARGV[1], tonumber(ARGV[7])

redis.call('ZREM', UNDER_WAY, mine)
for i = 5, #KEYS do
    local value = redis.call('GET', KEYS[i])
    if not value or string.sub(value, 1, #mine + 1) == mine .. ':' then
        if ARGV[i + 4] == 'whole' then
            redis.call('DEL', KEYS[i])
        else
            redis.call('SET', KEYS[i], mine .. ':0', 'PX', ARGV[4])
        end
    end
end
if ARGV[2] ~= '' then
    redis.call('SET', KEPT, ARGV[2], 'PX', ARGV[3])
end
if count > 0 then
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    redis.call('LPUSH', PHONES, string.format('%.0f', now))
    redis.call('LTRIM', PHONES, 0, count - 1)
    redis.call('PEXPIRE', PHONES, ARGV[8])
end
local had = tonumber(redis.call('GET', PAID) or '0')
local total = math.max(had + tonumber(ARGV[5]), tonumber(ARGV[6]))
if total > had then
    redis.call('SET', PAID, string.format('%.0f', total), 'PX', 3 * 24 * 3600 * 1000)
end
return total
