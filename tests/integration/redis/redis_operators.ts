import { Process } from "../../../tools/process.ts";
import { toolPath } from "../../_tools.ts";
import {
  type AdaptedClient,
  ioRedisClient,
  nodeRedisClient,
  restRedisClient,
  startRestBridge,
} from "./redis_clients.ts";
import { fromOutcome } from "../durable_object/outcome.ts";
import { Operator } from "./operator.ts";

/** An operator in this process or in another one. */
export type Operations = Pick<Operator, keyof Operator>;

/** An operator that also ends what it depends on. */
export interface OpenOperator extends AsyncDisposable {
  operator: Operations;
}

/** Makes an operator of the Redis on a port; its last connection goes to the port that `through` returns. */
export type OpenOperatorBy = (
  port: number,
  through?: (port: number) => Promise<number>,
) => Promise<OpenOperator>;

/** The libraries, each with the way to make an operator that uses it. */
export const libraries: Record<string, OpenOperatorBy> = {
  ioRedis: async (port, through = same) =>
    local(ioRedisClient(await through(port))),
  nodeRedis: async (port, through = same) =>
    local(nodeRedisClient(`redis://127.0.0.1:${await through(port)}`)),
  async restRedis(port, through = same) {
    const bridge = await startRestBridge(port);
    const url = new URL(bridge.url);
    url.port = String(await through(Number(url.port)));
    const { redis } = restRedisClient({ url, token: bridge.token });
    return {
      operator: new Operator(redis),
      [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose](),
    };
  },
  bunRedis: async (port, through = same) => remote(await through(port)),
};

function same(port: number): Promise<number> {
  return Promise.resolve(port);
}

function local(client: AdaptedClient): OpenOperator {
  return {
    operator: new Operator(client.redis),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function remote(port: number): Promise<OpenOperator> {
  const script = new URL("./bun_operator.ts", import.meta.url).pathname;
  const process = new Process(await toolPath("bun"), [
    script,
    `redis://127.0.0.1:${port}`,
  ]);
  const url = await process.line();
  async function call<Value>(method: string, ...args: string[]) {
    const response = await fetch(`${url}/${method}`, {
      method: "POST",
      body: JSON.stringify(args),
    });
    return fromOutcome<Value>(await response.json());
  }
  return {
    operator: {
      append: (name, body) => call("append", name, body),
      read: (name) => call("read", name),
      watch: (name) => call("watch", name),
      wakes: (name) => call("wakes", name),
      unwatch: (name) => call("unwatch", name),
    },
    [Symbol.asyncDispose]: () => process.kill(),
  };
}
