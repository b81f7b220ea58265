import { checkFunction } from "../internal/check.ts";
import { type Connection, Notifications } from "../log/notifications.ts";
import type { PostgresClient } from "./postgres_client.ts";

/** The part of a `Client` of `pg` or of Neon that {@linkcode pgListener} uses. */
export interface PgClient {
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Runs a statement. */
  query(text: string): Promise<unknown>;
  /** Closes the connection. */
  end(): Promise<unknown>;
  /** Calls a listener for each notification. */
  on(
    event: "notification",
    listener: (message: { channel: string }) => void,
  ): unknown;
  /** Calls a listener when the connection has failed or ended. */
  on(event: "error" | "end", listener: () => void): unknown;
}

/**
 * Creates {@linkcode PostgresClient.listen} from clients of `pg`, or of Neon over WebSockets. All channels share one
 * connection, which is open while a log is watched and reopened when it is lost. Connect to Postgres itself, or to a
 * pooler in session mode.
 *
 * @example
 * ```ts
 * import { type PgClient, pgListener, type PostgresClient, PostgresLog } from "@rivulet/sse/postgres";
 *
 * // `new Pool(config)` and `() => new Client(config)` of pg, for example.
 * function openLog(pool: PostgresClient, connect: () => PgClient): PostgresLog {
 *   const query = (text: string, params: string[]) => pool.query(text, params);
 *   return new PostgresLog({ query, listen: pgListener(connect) }, "news");
 * }
 * ```
 *
 * @param create Returns a client that is not connected yet.
 * @returns The method `listen`.
 * @throws {TypeError} If `create` is not a function.
 */
export function pgListener(
  create: () => PgClient,
): NonNullable<PostgresClient["listen"]> {
  checkFunction("Cannot listen: create", create);
  const subscriptions = new Notifications((message, lost) =>
    connectionOf(create(), message, lost)
  );
  return (channel, wake) => {
    const controller = new AbortController();
    subscriptions.add(channel, wake, controller.signal);
    return Promise.resolve(() => controller.abort());
  };
}

function connectionOf(
  client: PgClient,
  message: (channel: string) => void,
  lost: () => void,
): Connection {
  client.on("error", lost);
  client.on("end", lost);
  client.on("notification", ({ channel }) => message(channel));
  // One query: pg deprecates that one is sent while another is under way.
  const runAll = (verb: string, channels: string[]) =>
    client.query(channels.map((channel) => `${verb} ${channel}`).join("; "));
  return {
    open: () => client.connect(),
    subscribe: (channels) => runAll("LISTEN", channels),
    unsubscribe: (channels) => runAll("UNLISTEN", channels),
    // The connection may be broken, and it is no longer needed.
    close: () => void client.end().catch(() => {}),
  };
}
