/** Functions that other functions call. */
export const HELPERS = `
CREATE OR REPLACE FUNCTION {check_format}(format text) RETURNS void LANGUAGE plpgsql STABLE AS $body$
DECLARE
  found_format int := (SELECT f.format FROM {format} f);
BEGIN
  IF format IS DISTINCT FROM found_format::text THEN
    RAISE EXCEPTION 'the log must be of format %: it is of format %', format, found_format;
  END IF;
END $body$;

CREATE OR REPLACE FUNCTION {now}() RETURNS bigint LANGUAGE sql VOLATILE AS $body$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$body$;

-- Returns the first number from "low" on whose entry starts at "min_start" or later and is newer than "after_time",
-- or "upto". Takes the fewest steps near "low".
CREATE OR REPLACE FUNCTION {search}(of_log bigint, low bigint, upto bigint, min_start bigint, after_time bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $body$
DECLARE
  step bigint := 1;
  middle bigint;
BEGIN
  WHILE low < upto LOOP
    middle := least(low + step - 1, (low + upto) / 2);
    IF EXISTS (
      SELECT FROM {entries} e WHERE e.log = of_log AND e.seq = middle
      AND e.size - octet_length(e.body) >= min_start AND e.time > after_time
    ) THEN
      upto := middle;
    ELSE
      low := middle + 1;
      step := step * 2;
    END IF;
  END LOOP;
  RETURN upto;
END $body$;

-- Deletes a part of an expired log, if there is one. Skips logs that another process is sweeping.
CREATE OR REPLACE FUNCTION {sweep}() RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  expired bigint;
  entries bigint;
  keys bigint;
BEGIN
  SELECT l.id INTO expired FROM {logs} l WHERE l.expires_at <= {now}()
    ORDER BY l.expires_at LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  DELETE FROM {entries} e WHERE e.log = expired AND e.seq IN (
    SELECT o.seq FROM {entries} o WHERE o.log = expired ORDER BY o.seq LIMIT 500);
  GET DIAGNOSTICS entries = ROW_COUNT;
  DELETE FROM {keys} k WHERE k.log = expired AND k.key IN (
    SELECT o.key FROM {keys} o WHERE o.log = expired LIMIT 500);
  GET DIAGNOSTICS keys = ROW_COUNT;
  IF entries < 500 AND keys < 500 THEN
    DELETE FROM {logs} l WHERE l.id = expired;
  ELSE
    -- A partly deleted log must not become readable again if the clock is set back.
    UPDATE {logs} l SET name = NULL WHERE l.id = expired;
  END IF;
END $body$;
`;

/** The function that appends. */
export const APPEND = `
-- Runs several appends, each with its conditions, and returns their outcomes. The bodies are one base64 text; arrays
-- hold the start and the end of each.
CREATE OR REPLACE FUNCTION {append}(
  format text, of_name text, channel text, new_epoch text, retention text, appends text, bodies text
) RETURNS text LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  kept json := retention::json;
  bytes bytea := decode(bodies, 'base64');
  timeline text := {timeline}();
  head {logs}%ROWTYPE;
  clock bigint;
  before bigint;
  append json;
  known bigint;
  start int;
  outcomes json[] := '{}';
  oldest bigint;
BEGIN
  PERFORM {check_format}(format);
  -- The row may be deleted between the two statements.
  LOOP
    SELECT * INTO head FROM {logs} l WHERE l.name = of_name FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO {logs} AS l (name, timeline) VALUES (of_name, timeline)
      ON CONFLICT (name) DO NOTHING RETURNING * INTO head;
    EXIT WHEN FOUND;
  END LOOP;
  clock := {now}();
  IF head.expires_at <= clock THEN
    UPDATE {logs} l SET name = NULL WHERE l.id = head.id;
    INSERT INTO {logs} AS l (name, timeline) VALUES (of_name, timeline) RETURNING * INTO head;
  END IF;
  before := head.last;
  head.time := greatest(head.time, clock);

  FOR append IN SELECT a.value FROM json_array_elements(appends::json) a LOOP
    known := NULL;
    IF append->>'key' IS NOT NULL THEN
      SELECT k.seq INTO known FROM {keys} k
        WHERE k.log = head.id AND k.key = append->>'key' AND k.forget_at > clock;
    END IF;
    IF known IS NOT NULL THEN
      outcomes := outcomes || json_build_array('repeated', head.epoch, known);
    ELSIF head.ended THEN
      outcomes := outcomes || json_build_array('closed', head.epoch, head.last);
    ELSIF (append->>'expectedLast')::bigint <> head.last THEN
      outcomes := outcomes || json_build_array('conflict', head.epoch, head.last);
    ELSE
      -- After a failover, the new server may have lost commits and would assign their numbers again.
      IF head.epoch = '0' OR head.timeline <> timeline THEN
        head.epoch := new_epoch;
        head.timeline := timeline;
      END IF;
      start := append->>'start';
      -- Arrays, because JSON objects would take four times as long.
      INSERT INTO {entries} (log, seq, time, size, kind, body)
        SELECT head.id, head.last + e.place, head.time,
          head.size + e.upto - start, e.kind, substr(bytes, e.low + 1, e.upto - e.low)
        FROM unnest((append->>'kinds')::text[], (append->>'starts')::int[], (append->>'ends')::int[])
          WITH ORDINALITY e (kind, low, upto, place);
      head.last := head.last + (append->>'count')::int;
      head.size := head.size + (append->>'end')::int - start;
      head.ended := (append->>'isLast')::boolean;
      IF append->>'key' IS NOT NULL THEN
        INSERT INTO {keys} AS k (log, key, seq, forget_at)
          VALUES (head.id, append->>'key', head.last, clock + (append->>'ttl')::bigint)
          ON CONFLICT (log, key) DO UPDATE SET seq = excluded.seq, forget_at = excluded.forget_at;
        DELETE FROM {keys} k WHERE k.log = head.id AND k.key IN (
          SELECT o.key FROM {keys} o WHERE o.log = head.id AND o.forget_at <= clock ORDER BY o.forget_at LIMIT 100);
      END IF;
      outcomes := outcomes || json_build_array('appended', head.epoch, head.last);
    END IF;
  END LOOP;

  IF head.last = before THEN
    DELETE FROM {logs} l WHERE l.id = head.id AND l.epoch = '0';
    RETURN array_to_json(outcomes);
  END IF;
  head.first := {search}(
    head.id, greatest(head.first, head.last - (kept->>'maxEvents')::bigint + 1), head.last,
    head.size - (kept->>'maxBytes')::bigint, coalesce(clock - (kept->>'maxAge')::bigint, -1));
  oldest := head.deleted;
  head.deleted := least(head.first - 1, head.deleted + 1000 + head.last - before);
  IF head.deleted > oldest THEN
    DELETE FROM {entries} e WHERE e.log = head.id AND e.seq > oldest AND e.seq <= head.deleted;
  END IF;
  UPDATE {logs} l SET epoch = head.epoch, timeline = head.timeline, first = head.first, last = head.last,
    deleted = head.deleted, size = head.size, time = head.time, ended = head.ended,
    expires_at = clock + (kept->>'idleTtl')::bigint WHERE l.id = head.id;
  IF channel <> '' THEN
    PERFORM pg_notify(channel, '');
  END IF;
  PERFORM {sweep}();
  RETURN array_to_json(outcomes);
END $body$;
`;

/** The functions for everything else. */
export const OTHERS = `
-- STABLE: all of its queries see the same snapshot.
CREATE OR REPLACE FUNCTION {read}(
  format text, of_name text, after text, max_entries text, max_bytes text, max_age text
) RETURNS text LANGUAGE plpgsql STABLE AS $body$
DECLARE
  head {logs}%ROWTYPE;
  clock bigint := {now}();
  low bigint;
  most bigint;
  page json;
BEGIN
  PERFORM {check_format}(format);
  SELECT * INTO head FROM {logs} l
    WHERE l.name = of_name AND (l.expires_at > clock) IS NOT FALSE;
  IF NOT FOUND THEN
    RETURN json_build_object('epoch', '0', 'first', 1, 'last', 0, 'entries', '[]'::json, 'bodies', '');
  END IF;
  IF max_age <> '' THEN
    -- The final entry is kept regardless of its age.
    head.first := {search}(head.id, head.first, CASE WHEN head.ended THEN head.last ELSE head.last + 1 END,
      0, clock - max_age::bigint);
  END IF;
  low := greatest(head.first, after::bigint + 1);
  SELECT e.size - octet_length(e.body) + max_bytes::bigint INTO most
    FROM {entries} e WHERE e.log = head.id AND e.seq = low;
  SELECT json_build_object('epoch', head.epoch, 'first', head.first, 'last', head.last, 'entries',
    coalesce(json_agg(json_build_array(e.seq, e.time, e.kind, octet_length(e.body)) ORDER BY e.seq), '[]'),
    'bodies', coalesce(translate(encode(string_agg(e.body, '' ORDER BY e.seq), 'base64'), E'\\n', ''), ''))
  INTO page FROM {entries} e WHERE e.log = head.id AND e.seq >= low
    AND e.seq <= least(head.last, low + max_entries::bigint - 1) AND (e.size <= most OR e.seq = low);
  RETURN page;
END $body$;

-- Returns the positions of several logs, for polling.
CREATE OR REPLACE FUNCTION {positions}(format text, names text) RETURNS text LANGUAGE plpgsql STABLE AS $body$
BEGIN
  PERFORM {check_format}(format);
  RETURN coalesce((
    SELECT json_object_agg(l.name, l.epoch || '-' || l.last) FROM {logs} l
    WHERE l.name IN (SELECT json_array_elements_text(names::json))), '{}');
END $body$;

CREATE OR REPLACE FUNCTION {expire}(format text, of_name text, ttl text)
RETURNS text LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM {check_format}(format);
  UPDATE {logs} l SET expires_at = {now}() + ttl::bigint
    WHERE l.name = of_name AND (l.expires_at > {now}()) IS NOT FALSE;
  PERFORM {sweep}();
  RETURN '';
END $body$;

-- Extends the lifetime of an idle log that a client follows.
CREATE OR REPLACE FUNCTION {renew}(format text, of_name text, ttl text)
RETURNS text LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
  PERFORM {check_format}(format);
  UPDATE {logs} l SET expires_at = greatest(l.expires_at, {now}() + ttl::bigint)
    WHERE l.name = of_name AND l.expires_at > {now}() AND NOT l.ended;
  PERFORM {sweep}();
  RETURN '';
END $body$;
`;
