-- What consumers have reported. KEYS: the reports streams of some apps.
-- ARGV: for each the first id wanted.
-- Gives {key, first id wanted, entries} of those that have any, at most 100 entries of each. A key
-- that is no stream goes, and one with an id that no clock gives: nobody could report, and it must
-- not hide what was reported about the other apps.
local found = {}
for i, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'stream' and kind ~= 'none' then
        redis.call('DEL', key)
    end
    local entries = redis.call('XRANGE', key, ARGV[i], '+', 'COUNT', 100)
    if #entries > 0 then
        found[#found + 1] = {key, ARGV[i], entries}
        if #string.match(entries[#entries][1], '^%d+') > 18 then
            redis.call('DEL', key)
        end
    end
end
return found
