import type { RedisClient } from "./client.ts";

/** A Lua script: one atomic step in Redis. */
export class Script {
  readonly text: string;
  /** The text's SHA-1. It is known beforehand, so that no call waits for it and calls keep their order. */
  readonly hash: string;

  constructor(text: string, hash: string) {
    this.text = text;
    this.hash = hash;
  }

  /** Runs it by its hash; where Redis does not have it (any more), by its text, which Redis keeps then. */
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
 * A log is one stream, so that no eviction can tear it: every entry carries the epoch and how many bytes of
 * bodies the epoch had with it. As the numbers are dense, any entry is found by its number, and a limit is found
 * by search: the work is bounded however much is kept. Their count tells the oldest. An append is always kept by its own trim, so a log that
 * exists has a newest entry, which says how the log stands.
 */
const entries = `
local log = KEYS[1]
local final = {['end'] = true, failed = true, aborted = true}

local function text(number)
  return string.format('%.0f', number)
end

local function parse(item)
  local fields = item[2]
  if fields[9] ~= 'body' then
    error('WRONGTYPE the stream ' .. log .. ' is not a log')
  end
  return {
    seq = tonumber(string.match(item[1], '^%d+')),
    epoch = fields[2],
    time = tonumber(fields[4]),
    stop = tonumber(fields[6]),
    start = tonumber(fields[6]) - #fields[10],
    kind = fields[8],
    body = fields[10],
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
 * KEYS: the log and, if there is one, the idempotency key.
 * ARGV: the channel, an epoch to begin with, the expected last or '', the key's time to live, the retention's count,
 * bytes and age or '', then kind and body of each entry.
 *
 * All that can be refused is refused before something has been written: keys of another type by the reads, a replica
 * and full memory by the first XADD.
 */
export const append: Script = new Script(
  `${entries}
local head = newest()
local epoch = head and head.epoch or ARGV[2]
local last = head and head.seq or 0
local stop = head and head.stop or 0

if KEYS[2] then
  local position = redis.call('GET', KEYS[2]) or ''
  local known, seq = string.match(position, '^(%w+)-(%d+)$')
  if head and known == epoch then
    return {'appended', epoch, seq}
  end
end
if head and final[head.kind] then
  return {'closed'}
end
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= last then
  return {'conflict', text(last)}
end

local clock = now()
local time = head and math.max(clock, head.time) or clock
for i = 8, #ARGV, 2 do
  last = last + 1
  stop = stop + #ARGV[i + 1]
  redis.call('XADD', log, text(last) .. '-0', 'epoch', epoch, 'time', text(time), 'end', text(stop),
    'kind', ARGV[i], 'body', ARGV[i + 1])
end
if KEYS[2] then
  redis.call('SET', KEYS[2], epoch .. '-' .. text(last), 'PX', ARGV[4])
end
redis.call('PERSIST', log)

local oldest = last - redis.call('XLEN', log) + 1
local first = math.max(oldest, last - tonumber(ARGV[5]) + 1)
local from = stop - tonumber(ARGV[6])
local after = ARGV[7] ~= '' and clock - tonumber(ARGV[7]) or -1
first = search(first, last, function(entry)
  return entry.start >= from and entry.time > after
end)
if first > oldest then
  redis.call('XTRIM', log, 'MINID', text(first))
end

-- The entries stand, whether this user may publish or not.
redis.pcall('PUBLISH', ARGV[1], '')
return {'appended', epoch, text(last)}
`,
  "6f7061583d06ded8570c24c8f10e91541c111549",
);

/**
 * KEYS: the log. ARGV: after which number, how many entries and bytes at most, the retention's age or ''.
 * It gives the epoch, the first and the last number, then number, time, kind and body of each entry. It is not sent
 * by EVALSHA_RO, which clients and services may pass to a replica that lags behind: the reader would be woken, find
 * nothing, and wait.
 */
export const read: Script = new Script(
  `${entries}
local head = newest()
if not head then
  return {'0', '1', '0'}
end
local first = head.seq - redis.call('XLEN', log) + 1
if ARGV[4] ~= '' then
  local after = now() - tonumber(ARGV[4])
  -- What ended the log stays however old.
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
  "c0c671ec7b2d0ca6888ca37ac6c0de1bcb57d3e8",
);

/** KEYS: the log. ARGV: the milliseconds. A key of another type is refused by the read. */
export const expire: Script = new Script(
  `
redis.call('XLEN', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {}
`,
  "6c29dce7c1c373d7f530fade7768ecbac2d29009",
);
