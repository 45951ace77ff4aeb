"""What Redis does in one step: the scripts of the Redis engine (SPEC §10.4).

The rules of this file:

- A script looks at everything before it writes anything: what it refuses leaves no trace but what was forgotten.
- Nothing that could allow something lapses by Redis's own clock. Scripts forget, and write down up to when: a clock
  that jumped ahead and came back refuses, and takes nothing twice.
- The memory has a home: the replication id of this server, which is another one after every restart and every failover.
  It begins anew wherever the home is another one, or one of its keys is gone: each holds a mark.
- A server that follows another one answers nothing; one that lacks the replicas that it must have does not write, and
  `PERSIST`, which changes nothing here, is refused as a write: so it does not say either what it may have missed.
- Of all that a script writes a field is the first, or the news: Redis looks whether it has room before the first write
  of a script, and only before one that needs room.
- The version of what is revoked is a random token, and changes with every addition. The news of it goes out before
  anything is written: what may not send the news may not add.
- Lua's numbers are doubles, exact to 2^53. Amounts reach to 2^63−1 and are handled as two numbers of at most ten
  digits each. Outcomes are numbers.
"""

from __future__ import annotations

from typing import Final

DONE: Final = 1
CLAIMED: Final = 2
SHORT: Final = 3
LAPSED: Final = 4
POOL_LAPSED: Final = 5
BEFORE: Final = 6

# KEYS of every script: the clock, the claims, the pools, the records. ARGV[1]: a token, should the memory begin.
# `delegate:clock` has of this memory: its home; `since`, when it began; `version`, of what is revoked; of claims and
# pools the latest time of those that were forgotten; and of proofs, for each `window` that they were claimed with, the
# latest time of any.
_OPENED: Final = """
local info = redis.call('INFO', 'replication')
local home = string.match(info, 'master_replid:(%x+)')
if not string.find(info, 'role:master', 1, true) or not home then
  return redis.error_reply('READONLY this server only follows another one')
end
local now = tonumber(redis.call('TIME')[1])
local function time(number) return string.format('%.0f', number) end
local memory = redis.call('HMGET', KEYS[1], 'since', 'version', 'claims', 'pools', 'home')
if memory[5] ~= home or not (memory[1] and memory[2] and memory[3] and memory[4]
  and redis.call('ZSCORE', KEYS[2], '') and redis.call('HEXISTS', KEYS[3], '') == 1
  and redis.call('HEXISTS', KEYS[4], '') == 1) then
  memory[1], memory[2] = time(math.max(now, tonumber(memory[1] or now))), ARGV[1]
  for i = 3, 4 do memory[i] = memory[i] or '-1' end
  redis.call('HSET', KEYS[1], 'since', memory[1], 'version', memory[2], 'claims', memory[3], 'pools', memory[4],
    'home', home)
  redis.call('ZADD', KEYS[2], '+inf', '')
  redis.call('HSET', KEYS[3], '', '')
  redis.call('HSET', KEYS[4], '', '')
end
local since = tonumber(memory[1])
local forgotten = {claims = tonumber(memory[3]), pools = tonumber(memory[4])}
"""

# Before what only looks.
_LOOKING: Final = "redis.call('PERSIST', KEYS[1])"

# Forgets some of what is over: members of a sorted set, and fields of the same names.
_FORGET: Final = """
local function forget(name, until_key, hash_key, kept, count)
  local over = '(' .. time(now - kept)
  local gone = redis.call('ZRANGEBYSCORE', until_key, '-inf', over, 'WITHSCORES', 'LIMIT', 0, count)
  local latest = forgotten[name]
  for i = 2, #gone, 2 do latest = math.max(latest, tonumber(gone[i])) end
  if #gone > 0 then redis.call('HSET', KEYS[1], name, time(latest)) end
  forgotten[name] = latest
  for i = 1, #gone, 2 do
    redis.call('ZREM', until_key, gone[i])
    if hash_key then redis.call('HDEL', hash_key, gone[i]) end
  end
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

# A pool is a field of KEYS[3]: the block's id, and packed the amount of each unit.
_POOL: Final = """
local pools = {}
local function pool(block)
  if not pools[block] then
    local packed = redis.call('HGET', KEYS[3], block)
    pools[block] = packed and cmsgpack.unpack(packed) or {}
  end
  return pools[block]
end
"""

# Begins the memory where there is none.
BEGIN: Final = _OPENED + _LOOKING + " return {since, now}"

# KEYS: …, until when pools are kept, the record of the charge.
# ARGV: …, how long claims are kept beyond their time, how long the rest, how many claims;
#       of each claim id, issued and until; of each charge block id, unit, amount, limit and until.
# Gives what came of it, the place at fault from 0, and what is left there.
SPEND: Final = (
    _OPENED
    + _FORGET
    + _AMOUNTS
    + _POOL
    + f"""
local claims_kept, kept, claims = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local charges = (#ARGV - 4 - 3 * claims) / 5
forget('claims', KEYS[2], nil, claims_kept, 4)
local proved = -1 -- of no proof that was forgotten the `iat` is later
local windows = redis.call('HGETALL', KEYS[1])
for i = 1, #windows, 2 do
  local window = tonumber(string.match(windows[i], '^window:(%-?%d+)$'))
  if window then proved = math.max(proved, math.min(forgotten.claims, tonumber(windows[i + 1])) - window) end
end
if charges > 0 then forget('pools', KEYS[5], KEYS[3], kept, 4) end
for i = 1, claims do
  local at = 2 + 3 * i
  local ends = tonumber(ARGV[at + 2])
  if tonumber(ARGV[at + 1]) < since then return {{{BEFORE}, i - 1}} end
  if ends + claims_kept < now or ends <= forgotten.claims
    or (i == 1 and tonumber(ARGV[at + 1]) <= proved) then return {{{LAPSED}, i - 1}} end
  if redis.call('ZSCORE', KEYS[2], ARGV[at]) then return {{{CLAIMED}, i - 1}} end
end
for i = 1, charges do
  local at = 5 * i + 3 * claims
  local block, unit, amount, ends = ARGV[at], ARGV[at + 1], parse(ARGV[at + 2]), tonumber(ARGV[at + 4])
  if ends + kept < now or ends <= forgotten.pools then return {{{POOL_LAPSED}, i - 1}} end
  local before = parse(pool(block)[unit] or '0')
  local left = minus(parse(ARGV[at + 3]), before)
  if less(left, amount) then return {{{SHORT}, i - 1, show(left)}} end
  pool(block)[unit] = show(plus(before, amount))
end
for i = 1, claims do redis.call('ZADD', KEYS[2], ARGV[4 + 3 * i], ARGV[2 + 3 * i]) end
local ends = tonumber(ARGV[7])
local window = 'window:' .. time(ends - tonumber(ARGV[6]))
if ends > tonumber(redis.call('HGET', KEYS[1], window) or -1) then redis.call('HSET', KEYS[1], window, time(ends)) end
local latest = 0
for i = 1, charges do
  local at = 5 * i + 3 * claims
  local block, ends = ARGV[at], tonumber(ARGV[at + 4])
  redis.call('HSET', KEYS[3], block, cmsgpack.pack(pool(block)))
  redis.call('ZADD', KEYS[5], time(math.max(ends, tonumber(redis.call('ZSCORE', KEYS[5], block) or ends))), block)
  redis.call('HSET', KEYS[6], block .. ARGV[at + 1], ARGV[at + 2])
  latest = math.max(latest, ends + kept)
end
if charges > 0 then redis.call('EXPIREAT', KEYS[6], time(latest)) end
return {{{DONE}, 0}}
"""
)

# KEYS: …, the record of a charge. ARGV: …, then unit and amount in turn.
# Gives 1 where it was settled, 0 where nothing is known of it, -1 where it would be more than was charged.
SETTLE: Final = (
    _OPENED
    + _AMOUNTS
    + _POOL
    + """
local charged = redis.call('HGETALL', KEYS[5])
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
  local block, unit = string.sub(charged[i], 1, 32), string.sub(charged[i], 33)
  local spent = pool(block)[unit]
  if actual[unit] and spent then
    pool(block)[unit] = show(minus(parse(spent), minus(parse(charged[i + 1]), actual[unit])))
    redis.call('HSET', KEYS[3], block, cmsgpack.pack(pool(block)))
  end
end
redis.call('DEL', KEYS[5])
return 1
"""
)

# ARGV: …, then block ids. Gives of each unit of each pool its block's id, itself and the amount.
SPENT: Final = (
    _OPENED
    + _LOOKING
    + _POOL
    + """
local found = {}
for i = 2, #ARGV do
  for unit, amount in pairs(pool(ARGV[i])) do found[#found + 1] = {ARGV[i], unit, amount} end
end
return found
"""
)

# KEYS: …, the feeds, the news.
# ARGV: …, signer, sequence and the whole of the feed, or three empty ones; then of
#       each record subject, signer and kind as one, since, until and why.
# Gives how many were not there before.
ADD: Final = (
    _OPENED
    + _AMOUNTS
    + """
local added, writes, moved = 0, {}, false
for at = 5, #ARGV, 4 do
  local field, first, ends, why = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local known = redis.call('HGET', KEYS[4], field)
  if known then
    local a, b = string.match(known, '^(%d+) (%d+) ')
    first, ends, why = math.min(first, tonumber(a)), math.max(ends, tonumber(b)), string.sub(known, #a + #b + 3)
  else
    added = added + 1
  end
  local value = time(first) .. ' ' .. time(ends) .. ' ' .. why
  if value ~= known then writes[#writes + 1] = {field, value} end
end
if ARGV[2] ~= '' then
  local known = redis.call('HGET', KEYS[5], ARGV[2])
  moved = not known or less(parse(string.match(known, '^%d+')), parse(ARGV[3]))
end
if #writes > 0 or moved then
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 100, '*', 'added', added)
  redis.call('HSET', KEYS[1], 'version', ARGV[1])
  for _, each in ipairs(writes) do redis.call('HSET', KEYS[4], each[1], each[2]) end
  if moved then redis.call('HSET', KEYS[5], ARGV[2], ARGV[4]) end
end
return added
"""
)

# KEYS: …, a hash. ARGV: …, then fields of it; none: all of it.
# Gives the version, and what was found: of fields their values, of all both in turn.
FIND: Final = (
    _OPENED
    + _LOOKING
    + """
local found = {}
if #ARGV == 1 then found = redis.call('HGETALL', KEYS[5]) end
for first = 2, #ARGV, 1000 do
  local last = math.min(#ARGV, first + 999)
  for i, value in ipairs(redis.call('HMGET', KEYS[5], unpack(ARGV, first, last))) do found[first - 2 + i] = value end
end
return {home, memory[2], found}
"""
)

# KEYS: …, one that nobody else has. ARGV: …, then fields and values in turn. Gives the values back, and leaves nothing.
PROVE: Final = (
    _OPENED
    + """
local key, found = KEYS[5], {}
redis.call('HSET', key, unpack(ARGV, 2))
for i = 2, #ARGV, 2 do
  found[i - 1], found[i] = redis.call('HMGET', key, ARGV[i])[1], redis.call('HGET', key, ARGV[i])
end
local count = #redis.call('HGETALL', key)
redis.call('DEL', key)
return {count, found}
"""
)

# KEYS: …, one that nobody else has. Tries every command that the others use; gives the first that failed, and why.
MAY: Final = """
local key = KEYS[5]
for _, each in ipairs({
  {'INFO', 'replication'}, {'TIME'}, {'PERSIST', key}, {'HSET', key, 'a', ''}, {'EXPIREAT', key, '99999999999'},
  {'HGET', key, 'a'}, {'HMGET', key, 'a'}, {'HEXISTS', key, 'a'}, {'HGETALL', key}, {'HDEL', key, 'a'}, {'DEL', key},
  {'ZADD', key, '1', 'a'}, {'ZSCORE', key, 'a'}, {'ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', 0, 1},
  {'ZREM', key, 'a'}, {'XADD', key, 'MAXLEN', '~', 1, '*', 'a', 0}, {'DEL', key}
}) do
  local answer = redis.pcall(unpack(each))
  if type(answer) == 'table' and answer.err then return {each[1], answer.err} end
  if each[1] == 'INFO' and not string.find(answer, 'role:master', 1, true) then
    return {each[1], 'this server only follows another one'}
  end
end
return {}
"""
