"""What Redis does in one step: the scripts of the Redis engine (SPEC §10.4).

The rules of this file:

- A script looks at everything before it writes anything: what it refuses leaves no trace.
- The server's clock decides what is forgotten, and refuses what it would have forgotten already. Whether the clocks
  of verifiers agree with it makes no used proof new; one that goes back is taken for standing still.
- Lua's numbers are doubles, exact to 2^53. Amounts reach to 2^63−1 and are handled as two numbers of at most ten
  digits each.
"""

from __future__ import annotations

from typing import Final

# `delegate:clock` has two fields. `since`: when this memory began; after a loss of data it begins again, and proofs
# made before are refused. `latest`: the latest time that the server's clock was seen to show.
_CLOCK: Final = """
local function clock(key)
  local now = tonumber(redis.call('TIME')[1])
  local kept = redis.call('HMGET', key, 'since', 'latest')
  local since = tonumber(kept[1] or now)
  local latest = math.max(now, tonumber(kept[2] or now))
  if not kept[1] or latest > tonumber(kept[2] or -1) then
    return latest, since, {'HSET', key, 'since', string.format('%.0f', since), 'latest', string.format('%.0f', latest)}
  end
  return latest, since, nil
end
"""

_AMOUNTS: Final = """
local function parse(text)
  return {tonumber(string.sub(text, 1, -10)) or 0, tonumber(string.sub(text, -9))}
end
local function show(a)
  if a[1] == 0 then return string.format('%.0f', a[2]) end
  return string.format('%.0f%09.0f', a[1], a[2])
end
local function less(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end
local function plus(a, b)
  local low = a[2] + b[2]
  if low >= 1e9 then return {a[1] + b[1] + 1, low - 1e9} end
  return {a[1] + b[1], low}
end
local function minus(a, b)
  if less(a, b) then return {0, 0} end
  if a[2] < b[2] then return {a[1] - b[1] - 1, a[2] + 1e9 - b[2]} end
  return {a[1] - b[1], a[2] - b[2]}
end
"""

# KEYS: the clock. Begins the memory where there is none; writes nothing where there is one.
BEGIN: Final = (
    _CLOCK
    + """
if redis.call('HEXISTS', KEYS[1], 'since') == 0 then
  local _, _, begin = clock(KEYS[1])
  redis.call(unpack(begin))
end
return 1
"""
)

# KEYS: the clock, the record of the charge, each claim, each pool.
# ARGV: how long claims are kept beyond their time, how long the rest, how many claims;
#       of each claim issued and until; of each charge block id, unit, amount, limit and until.
# Gives what came of it, the place at fault from 0, and what is left there.
SPEND: Final = (
    _CLOCK
    + _AMOUNTS
    + """
local now, since, begin = clock(KEYS[1])
local claims_kept, kept, claims = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 1, claims do
  if tonumber(ARGV[2 + 2 * i]) < since then
    if begin then redis.call(unpack(begin)) end
    return {'before', i - 1}
  end
  if tonumber(ARGV[3 + 2 * i]) + claims_kept <= now then return {'lapsed', i - 1} end
  if redis.call('EXISTS', KEYS[2 + i]) == 1 then return {'claimed', i - 1} end
end
local charges = #KEYS - 2 - claims
local spent = {}
for i = 1, charges do
  local at = 3 + 2 * claims + 5 * (i - 1)
  if tonumber(ARGV[at + 5]) + kept <= now then return {'pool', i - 1} end
  local amount = parse(ARGV[at + 3])
  local before = parse(redis.call('HGET', KEYS[2 + claims + i], ARGV[at + 2]) or '0')
  local left = minus(parse(ARGV[at + 4]), before)
  if less(left, amount) then return {'short', i - 1, show(left)} end
  spent[i] = show(plus(before, amount))
end
if begin then redis.call(unpack(begin)) end
for i = 1, claims do
  redis.call('SET', KEYS[2 + i], '', 'PXAT', string.format('%.0f', (tonumber(ARGV[3 + 2 * i]) + claims_kept) * 1000))
end
local latest = 0
for i = 1, charges do
  local at = 3 + 2 * claims + 5 * (i - 1)
  local key, ends = KEYS[2 + claims + i], tonumber(ARGV[at + 5]) + kept
  redis.call('HSET', key, ARGV[at + 2], spent[i])
  if redis.call('TTL', key) < ends - now then redis.call('EXPIREAT', key, string.format('%.0f', ends)) end
  redis.call('HSET', KEYS[2], ARGV[at + 1] .. ARGV[at + 2], ARGV[at + 3])
  latest = math.max(latest, ends)
end
if charges > 0 then redis.call('EXPIREAT', KEYS[2], string.format('%.0f', latest)) end
return {'done', 0}
"""
)

# KEYS: the record of a charge. ARGV: what the names of pools begin with, then unit and amount in turn.
# Gives 1 where it was settled, 0 where nothing is known of it, -1 where it would be more than was charged.
SETTLE: Final = (
    _AMOUNTS
    + """
local charged = redis.call('HGETALL', KEYS[1])
if #charged == 0 then return 0 end
local actual, most = {}, {}
for i = 2, #ARGV, 2 do actual[ARGV[i]] = parse(ARGV[i + 1]) end
for i = 1, #charged, 2 do
  local unit, amount = string.sub(charged[i], 33), parse(charged[i + 1])
  most[unit] = amount
  if actual[unit] and less(amount, actual[unit]) then return -1 end
end
for unit, amount in pairs(actual) do
  if not most[unit] and less({0, 0}, amount) then return -1 end
end
for i = 1, #charged, 2 do
  local pool, unit = ARGV[1] .. string.sub(charged[i], 1, 32), string.sub(charged[i], 33)
  local spent = redis.call('HGET', pool, unit)
  if actual[unit] and spent then
    redis.call('HSET', pool, unit, show(minus(parse(spent), minus(parse(charged[i + 1]), actual[unit]))))
  end
end
redis.call('DEL', KEYS[1])
return 1
"""
)

# KEYS: the clock, the feeds, the news, each subject.
# ARGV: how long records of blocks are kept; signer, sequence and the whole of the feed, or three empty ones; then of
#       each record signer and kind, since, until and why.
# Gives how many were not there before.
ADD: Final = (
    _CLOCK
    + _AMOUNTS
    + """
local now, _, begin = clock(KEYS[1])
if begin then redis.call(unpack(begin)) end
local kept, added, changed = tonumber(ARGV[1]), 0, false
for i = 4, #KEYS do
  local at = 5 + 4 * (i - 4)
  local field, since, ends, why = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local known = redis.call('HGET', KEYS[i], field)
  local value = string.format('%.0f %.0f ', since, ends) .. why
  if known then
    local first, last = string.match(known, '^(%d+) (%d+) ')
    since, ends = math.min(since, tonumber(first)), math.max(ends, tonumber(last))
    value = string.format('%.0f %.0f ', since, ends) .. string.sub(known, #first + #last + 3)
  else
    added = added + 1
  end
  if value ~= known then
    changed = true
    local left = redis.call('TTL', KEYS[i])
    redis.call('HSET', KEYS[i], field, value)
    if string.sub(field, -1) == 'k' then
      redis.call('PERSIST', KEYS[i])
    elseif left ~= -1 then
      redis.call('EXPIREAT', KEYS[i], string.format('%.0f', math.max(now + left, math.max(now, ends) + kept)))
    end
  end
end
if ARGV[2] ~= '' then
  local known = redis.call('HGET', KEYS[2], ARGV[2])
  if not known or less(parse(string.match(known, '^%d+')), parse(ARGV[3])) then
    redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
    changed = true
  end
end
if changed then redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100, '*', 'added', added) end
return added
"""
)
