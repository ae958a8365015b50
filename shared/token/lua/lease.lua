-- The lease of the refreshing tokend. KEYS: leader, epoch.
-- ARGV: acquire|renew|release, owner, ttl ms, epoch, channel of releases.
-- Gives ok and the epoch, or held, for how many ms more (0 when nobody has it), by whom and the
-- highest epoch. A lease that never ends is none.
for _, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'string' and kind ~= 'none' then
        redis.call('DEL', key) -- none of ours, and nobody could lead
    end
end
local verb, owner, ttl, epoch = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local holder = redis.call('GET', KEYS[1])
if holder and redis.call('PTTL', KEYS[1]) == -1 then
    holder = false -- no tokend writes one that never ends: nobody would lead ever again
end
local counter = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
if not (counter >= 0 and counter < 2 ^ 50) then
    counter = 0 -- no tokend writes such a one: no epoch could ever be above it
end

if holder ~= owner and (holder or verb ~= 'acquire') then
    return {'held', math.max(redis.call('PTTL', KEYS[1]), 0), holder or '', counter}
end
if verb == 'release' then
    redis.call('DEL', KEYS[1])
    redis.call('PUBLISH', ARGV[5], owner)
    return {'ok', epoch}
end
redis.call('SET', KEYS[1], owner, 'PX', ttl)
if verb == 'acquire' then
    -- above all epochs before, and at least the clock: it grows even when the counter was lost
    local clock = redis.call('TIME')
    epoch = math.max(counter, epoch) + 1
    epoch = math.max(epoch, clock[1] * 1000 + math.floor(clock[2] / 1000))
end
if counter < epoch then
    redis.call('SET', KEYS[2], string.format('%d', epoch))
end
return {'ok', epoch}
