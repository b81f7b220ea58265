import type { RedisClient } from "./client.ts";

/** A Lua script, which Redis executes atomically. */
export class Script {
  readonly text: string;
  /** The SHA-1 of the text, precomputed so that no call waits for it. */
  readonly hash: string;

  constructor(library: string, body: string, hash: string) {
    this.text = library + body;
    this.hash = hash;
  }

  /** Runs the script by its hash, or by its text if Redis does not have it. Redis then keeps it. */
  async run(
    client: RedisClient,
    keys: readonly string[],
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await client.send("EVALSHA", [this.hash, ...rest], signal);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return await client.send("EVAL", [this.text, ...rest], signal);
    }
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.includes("NOSCRIPT");
}

/**
 * A log is one stream, so that an eviction cannot delete a part of it. Every entry carries the epoch and the total size
 * of the bodies of the epoch so far. Sequence numbers are dense, so any entry is found by its number and a limit by
 * binary search: the work is bounded however much is stored. The number of entries gives the oldest. An append never
 * deletes its own entries, so a log that exists has a newest entry, which holds the state of the log.
 *
 * Each entry begins with a format version, which increases when the fields or their meaning change. The newest entry's
 * is that of the log. A process that finds another version leaves the log unchanged.
 */
const entries = `
local log = KEYS[1]
local final = {['end'] = true, failed = true, aborted = true}

local function text(number)
  return string.format('%.0f', number)
end

local function parse(item)
  local fields = item[2]
  if fields[1] ~= 'format' then
    error('WRONGTYPE the stream ' .. log .. ' is not a log')
  elseif fields[2] ~= '1' then
    error('the log must be of format 1: it is of format ' .. fields[2])
  end
  return {
    seq = tonumber(string.match(item[1], '^%d+')),
    epoch = fields[4],
    time = tonumber(fields[6]),
    stop = tonumber(fields[8]),
    start = tonumber(fields[8]) - #fields[12],
    kind = fields[10],
    body = fields[12],
  }
end

local function newest()
  local item = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return item and parse(item)
end

local function at(seq)
  return parse(redis.call('XRANGE', log, text(seq), '+', 'COUNT', 1)[1])
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The first number from which on something holds, or 'upto'; near 'from' it takes the fewest steps.
local function search(from, upto, holds)
  local step = 1
  while from < upto do
    local seq = math.min(from + step - 1, math.floor((from + upto) / 2))
    if holds(at(seq)) then
      upto = seq
    else
      from = seq + 1
      step = step * 2
    end
  end
  return upto
end
`;

/**
 * Executes several appends in order, each separately.
 *
 * KEYS: the log, and the idempotency keys of those appends that have one. ARGV: the channel; an epoch for a new log;
 * the retention's count, bytes, age or '', and idle time or ''. Then for each append: the expected last or '', the
 * lifetime of its key or '', its number of entries, and their kinds and bodies. Returns three strings for each: the
 * outcome, the epoch or '', a number or ''.
 *
 * Everything that can be refused is refused before anything has been written: keys of another type by the reads, a
 * replica and full memory by the first XADD.
 */
export const append: Script = /* @__PURE__ */ new Script(
  entries,
  `
local head = newest()
local epoch = head and head.epoch or ARGV[2]
local last = head and head.seq or 0
local stop = head and head.stop or 0
local ended = head and final[head.kind]
local clock = now()
local time = head and math.max(clock, head.time) or clock

local known = {}
for i = 2, #KEYS do
  local of, seq = string.match(redis.call('GET', KEYS[i]) or '', '^(%w+)-(%d+)$')
  known[KEYS[i]] = head and of == epoch and seq
end

local function add(key, ttl, from, to)
  for i = from, to, 2 do
    last = last + 1
    stop = stop + #ARGV[i + 1]
    redis.call('XADD', log, text(last) .. '-0', 'format', '1', 'epoch', epoch, 'time', text(time),
      'end', text(stop), 'kind', ARGV[i], 'body', ARGV[i + 1])
  end
  ended = final[ARGV[to - 1]]
  if key then
    known[key] = text(last)
    redis.call('SET', key, epoch .. '-' .. text(last), 'PX', ttl)
  end
end

local outcomes = {}
local function tell(...)
  for _, value in ipairs({...}) do
    outcomes[#outcomes + 1] = value
  end
end

local added = false
local keys = 1
local i = 7
while i <= #ARGV do
  local expected, ttl = ARGV[i], ARGV[i + 1]
  local from, to = i + 3, i + 2 + 2 * ARGV[i + 2]
  local key
  if ttl ~= '' then
    keys = keys + 1
    key = KEYS[keys]
  end
  if key and known[key] then
    tell('repeated', epoch, known[key])
  elseif ended then
    tell('closed', '', '')
  elseif expected ~= '' and tonumber(expected) ~= last then
    tell('conflict', '', text(last))
  else
    add(key, ttl, from, to)
    added = true
    tell('appended', epoch, text(last))
  end
  i = to + 1
end
if not added then
  return outcomes
end
if ARGV[6] == '' then
  redis.call('PERSIST', log)
else
  redis.call('PEXPIRE', log, ARGV[6])
end

local oldest = last - redis.call('XLEN', log) + 1
local first = math.max(oldest, last - tonumber(ARGV[3]) + 1)
local from = stop - tonumber(ARGV[4])
local after = ARGV[5] ~= '' and clock - tonumber(ARGV[5]) or -1
first = search(first, last, function(entry)
  return entry.start >= from and entry.time > after
end)
if first > oldest then
  redis.call('XTRIM', log, 'MINID', text(first))
end

-- The entries are stored, whether this user may publish or not.
redis.pcall('PUBLISH', ARGV[1], '')
return outcomes
`,
  "9c0d63bec171a7c714a88fb9f34d5cafb26ec4f1",
);

/**
 * KEYS: the log. ARGV: the sequence number to read after, the maximum entries and bytes, the retention's age or ''.
 * Returns the epoch, the first and the last number, then number, time, kind and body of each entry. Not sent by
 * EVALSHA_RO, which clients and services may route to a replica that lags: the reader would wake up, find nothing, and
 * wait.
 */
export const read: Script = /* @__PURE__ */ new Script(
  entries,
  `
local head = newest()
if not head then
  return {'0', '1', '0'}
end
local first = head.seq - redis.call('XLEN', log) + 1
if ARGV[4] ~= '' then
  local after = now() - tonumber(ARGV[4])
  -- The entry that closed the log stays, whatever its age.
  first = search(first, final[head.kind] and head.seq or head.seq + 1, function(entry)
    return entry.time > after
  end)
end
local page = {head.epoch, text(first), text(head.seq)}
local from = math.max(first, tonumber(ARGV[1]) + 1)
if from > head.seq then
  return page
end

local to = math.min(head.seq, from + tonumber(ARGV[2]) - 1)
if to > from then
  local most = at(from).start + tonumber(ARGV[3])
  local function exceeds(entry)
    return entry.stop > most
  end
  if exceeds(at(to)) then
    to = search(from + 1, to, exceeds) - 1
  end
end
for _, item in ipairs(redis.call('XRANGE', log, text(from), text(to))) do
  local entry = parse(item)
  for _, value in ipairs({text(entry.seq), text(entry.time), entry.kind, entry.body}) do
    page[#page + 1] = value
  end
end
return page
`,
  "fb46f5bdaf75cd13b29fe446826f5c40082706ae",
);

/** KEYS: the log. ARGV: the minimum remaining time of an open log that expires, in milliseconds. */
export const renew: Script = /* @__PURE__ */ new Script(
  entries,
  `
local head = newest()
if head and not final[head.kind] then
  redis.call('PEXPIRE', log, ARGV[1], 'GT')
end
return {}
`,
  "c7fbf509ba797c8355dc9fe1adf3d9c353638308",
);

/** KEYS: the log. ARGV: the time in milliseconds. */
export const expire: Script = /* @__PURE__ */ new Script(
  entries,
  `
if newest() then
  redis.call('PEXPIRE', log, ARGV[1])
end
return {}
`,
  "170653e86ab93686e19aabd2b494724ed2abddc9",
);

/**
 * KEYS: logs. Returns the position of each, a text that changes with each append, `''` for an empty log. It does not
 * check the format; the reads report that.
 */
export const positions: Script = /* @__PURE__ */ new Script(
  "",
  `
local positions = {}
for i, key in ipairs(KEYS) do
  local item = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  positions[i] = item and item[1] .. ' ' .. tostring(item[2][4]) or ''
end
return positions
`,
  "0e02f9fac2fda10d0fc7811cd5654aa22932e7f0",
);
