import { Process } from "../../../tools/process.ts";
import { toolPath } from "../../_tools.ts";
import { call } from "../durable_object/outcome.ts";
import { type Operator, operatorOf } from "./operator.ts";
import {
  type AdaptedClient,
  ioRedisClient,
  nodeRedisClient,
  restRedisClient,
  startRestBridge,
} from "./redis_clients.ts";

/** An operator that also ends what it depends on. */
export interface OpenOperator extends AsyncDisposable {
  readonly operator: Operator;
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
    const client = restRedisClient({ url, token: bridge.token });
    return local(client, bridge);
  },
  bunRedis: async (port, through = same) => remote(await through(port)),
};

function same(port: number): Promise<number> {
  return Promise.resolve(port);
}

function local(
  client: AdaptedClient,
  dependency: AsyncDisposable = client,
): OpenOperator {
  return {
    operator: operatorOf(client),
    [Symbol.asyncDispose]: () => dependency[Symbol.asyncDispose](),
  };
}

async function remote(port: number): Promise<OpenOperator> {
  const script = new URL("./bun_operator.ts", import.meta.url).pathname;
  const args = [script, `redis://127.0.0.1:${port}`];
  const process = new Process(await toolPath("bun"), args);
  const url = await process.line();
  const operation = <Value>(name: string) => (...args: string[]) =>
    call<Value>(`${url}/${name}`, args);
  return {
    operator: {
      append: operation("append"),
      read: operation("read"),
      watch: operation("watch"),
      wakes: operation("wakes"),
      unwatch: operation("unwatch"),
    },
    [Symbol.asyncDispose]: () => process.kill(),
  };
}
