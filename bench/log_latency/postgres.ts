import pg from "npm:pg@8.23.1";
import type { EventLog } from "../../src/log/log.ts";
import { PostgresLog } from "../../src/sql/postgres_mod.ts";
import { PostgresServer } from "../../tests/integration/postgres/postgres.ts";
import {
  type AdaptedClient,
  pgClient,
  pollingClient,
} from "../../tests/integration/postgres/postgres_clients.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  logWay,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

const CHUNK = 100;

/** Measures a log in Postgres beside NOTIFY and LISTEN, and beside INSERT. */
export async function measurePostgres(effort: Effort): Promise<void> {
  await using lab = new Lab(await PostgresServer.start());
  await PostgresLog.migrate(lab.adapt().client);
  await compareWays({
    "bare NOTIFY and LISTEN": await bareWay(lab),
    "bare INSERT and NOTIFY": await bareWay(lab, "stored"),
    "log": await logWay(lab.log("log"), lab.log("log"), lab.signal),
    "log without LISTEN, pollInterval 20": await logWay(
      lab.log("polled"),
      new PostgresLog(lab.adapt(pollingClient).client, "polled", {
        pollInterval: 20,
      }),
      lab.signal,
    ),
  }, effort);
  await compareWrites(lab, effort);
}

/** A server and its clients. */
class Lab implements AsyncDisposable {
  readonly #server: PostgresServer;
  readonly #controller = new AbortController();
  readonly #stack = new AsyncDisposableStack();

  constructor(server: PostgresServer) {
    this.#server = server;
    this.#stack.use(server);
  }

  /** Aborts at the end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  adapt(make: typeof pgClient = pgClient): AdaptedClient {
    return this.#stack.use(make(this.#server.url));
  }

  log(name: string): EventLog {
    return new PostgresLog(this.adapt().client, name);
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#server.url);
    await client.connect();
    this.#stack.defer(() => client.end());
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#stack.disposeAsync();
  }
}

/** A notification alone, which is not stored; or with a row, which is on the disk before it is sent. */
async function bareWay(lab: Lab, table?: string): Promise<Way> {
  const [publisher, subscriber] = [await lab.connect(), await lab.connect()];
  const channel = table ?? "bare";
  const delays: number[] = [];
  subscriber.on(
    "notification",
    ({ payload }: { payload: string }) => delays.push(age(payload)),
  );
  await subscriber.query(`LISTEN ${channel}`);
  if (table) await publisher.query(`CREATE TABLE ${table} (body text)`);
  const notify = `SELECT pg_notify('${channel}', $1)`;
  const statement = table
    ? `WITH stored AS (INSERT INTO ${table} VALUES ($1)) ${notify}`
    : notify;
  return { publish: () => publisher.query(statement, [stamped()]), delays };
}

async function compareWrites(lab: Lab, effort: Effort): Promise<void> {
  const client = await lab.connect();
  const bare = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text";
  await client.query(`CREATE TABLE bare (${bare})`);
  const log = lab.log("rate");
  const places = Array.from({ length: CHUNK }, (_, i) => `($${i + 1})`);
  const many = `INSERT INTO bare (body) VALUES ${places}`;
  const bodies = Array(CHUNK).fill(PADDING);
  let asked = 0;
  let inserting: Promise<unknown> = Promise.resolve();
  await compareRates(
    () => client.query("INSERT INTO bare (body) VALUES ($1)", [PADDING]),
    () => log.append([{ kind: "event", body: PADDING }]),
    effort,
    // A hundred rows at a time go into one statement.
    () => {
      if (asked++ % CHUNK === 0) inserting = client.query(many, bodies);
      return inserting;
    },
  );
}
