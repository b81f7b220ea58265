import { APPEND, HELPERS, OTHERS } from "./postgres_functions.ts";

/** The version of the tables. Increase it when the tables or their meaning change. */
export const FORMAT = 1;

/** The schema of a log's tables and functions, and the prefix of their names. */
export interface Place {
  readonly schema: string;
  readonly prefix: string;
}

/**
 * Returns the statement that installs the tables and functions, or replaces the functions of the same format.
 *
 * A log is a row of `logs`, and its entries refer to it by number, not by name. An expired log keeps its row, without
 * the name, until a sweep has deleted its entries; the next append creates another row. This way, no append waits for
 * the deletion of a whole log.
 */
export function migration(place: Place): string {
  return statement(migrationText(), place);
}

/** Returns the qualified name of a table or function. Quoted, because a schema may be called `user`. */
export function qualified({ schema, prefix }: Place, name: string): string {
  return `"${schema}".${prefix}${name}`;
}

/** Fills in the schema, the prefix and the format. */
function statement(text: string, place: Place): string {
  const { schema, prefix } = place;
  return text
    .replaceAll(/\{(\w+)\}/g, (_, name) => qualified(place, name))
    .replaceAll("<schema>", schema)
    .replaceAll("<prefix>", prefix)
    .replaceAll("<format>", String(FORMAT));
}

const TABLES = `
CREATE TABLE {format} (format int NOT NULL);
INSERT INTO {format} VALUES (<format>);
-- Rows are updated in place: half of each page is left free for that.
CREATE TABLE {logs} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" UNIQUE,
  epoch text NOT NULL DEFAULT '0', timeline text NOT NULL,
  first bigint NOT NULL DEFAULT 1, last bigint NOT NULL DEFAULT 0, deleted bigint NOT NULL DEFAULT 0,
  size bigint NOT NULL DEFAULT 0, time bigint NOT NULL DEFAULT 0, ended boolean NOT NULL DEFAULT false,
  expires_at bigint
) WITH (fillfactor = 50);
CREATE INDEX ON {logs} (expires_at) WHERE expires_at IS NOT NULL;
-- \`size\` counts the bytes of the epoch up to and including the entry, so that a search finds the limit in bytes.
CREATE TABLE {entries} (
  log bigint NOT NULL, seq bigint NOT NULL, time bigint NOT NULL, size bigint NOT NULL,
  kind text NOT NULL, body bytea NOT NULL, PRIMARY KEY (log, seq)
);
CREATE TABLE {keys} (
  log bigint NOT NULL, key text COLLATE "C" NOT NULL, seq bigint NOT NULL, forget_at bigint NOT NULL,
  PRIMARY KEY (log, key)
);
CREATE INDEX ON {keys} (log, forget_at);
`;

// One statement, so that every driver accepts it and either all of it takes effect or nothing. In a function, because
// bundlers keep a constant that is computed from others.
function migrationText(): string {
  return `DO $migration$
DECLARE
  found_format int;
  timeline text := $sql$SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)$sql$;
  other text;
BEGIN
  -- Serializes processes that start at the same time.
  PERFORM pg_advisory_xact_lock(hashtext('rivulet <schema>'));
  IF to_regnamespace('"<schema>"') IS NULL THEN
    CREATE SCHEMA "<schema>";
  END IF;
  IF to_regclass('{format}') IS NOT NULL THEN
    EXECUTE 'SELECT format FROM {format}' INTO found_format;
    IF found_format IS NULL AND current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'another process has created the tables' USING ERRCODE = 'serialization_failure';
    END IF;
    IF found_format IS DISTINCT FROM <format> THEN
      RAISE EXCEPTION 'the log must be of format <format>: it is of format %', found_format;
    END IF;
  ELSE
    SELECT c.relname INTO other FROM pg_class c
      WHERE c.oid IN (to_regclass('{logs}'), to_regclass('{entries}'), to_regclass('{keys}'));
    IF FOUND THEN
      RAISE EXCEPTION 'the table <schema>.% was not created by this package', other;
    END IF;
    SELECT p.proname INTO other FROM pg_proc p
      WHERE p.pronamespace = to_regnamespace('"<schema>"') AND p.proname IN (${functionNames()});
    IF FOUND THEN
      RAISE EXCEPTION 'the function <schema>.% exists already: drop it, or choose another schema or prefix', other;
    END IF;
    ${TABLES}
  END IF;
  -- Some services do not let users read the timeline.
  BEGIN
    EXECUTE timeline;
  EXCEPTION WHEN OTHERS THEN
    timeline := $sql$SELECT ''$sql$;
  END;
  EXECUTE 'CREATE OR REPLACE FUNCTION {timeline}() RETURNS text LANGUAGE sql VOLATILE AS ' || quote_literal(timeline);
  ${HELPERS}
  ${APPEND}
  ${OTHERS}
END $migration$`;
}

/** Returns the names of the functions as SQL literals. */
function functionNames(): string {
  const created = `${HELPERS}${APPEND}${OTHERS}`.matchAll(
    /FUNCTION \{(\w+)\}/g,
  );
  return ["timeline", ...Array.from(created, ([, name]) => name)]
    .map((name) => `'<prefix>${name}'`).join(", ");
}
