-- Writes a record back that this server lost, with the version it had.
-- ARGV: epoch, version, the record (prelude), 11 day, 12 issued today, 13 intent ('' for none).
-- Gives fenced + epoch, newer (the server knows better), or late or ok, and now.
local forbidden = fenced()
if forbidden then
    return {'fenced', forbidden}
end
local version, day, issued = tonumber(ARGV[2]), tonumber(ARGV[11]), tonumber(ARGV[12])
if version_now() > version then
    return {'newer'}
end
if not write_record(version) then
    return {'late', now}
end
if number(STATE, 'day') >= day then
    day = number(STATE, 'day')
    issued = math.max(issued, number(STATE, 'issued_today'))
end
redis.call('HSET', STATE, 'day', day, 'issued_today', issued)
if ARGV[13] ~= '' then
    redis.call('SET', INTENT, ARGV[13])
end
return {'ok', now}
