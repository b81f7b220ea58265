import { serve, type Served } from "./_served.ts";

/** The model of examples/proxy, started as its user does. */
export interface RunningModel extends Served {
  /** Where completions are asked for. */
  readonly completions: string;
  /** How many answers it is writing. */
  running(): Promise<number>;
}

export async function startModel(): Promise<RunningModel> {
  const served = await serveExample("model.ts");
  const { url } = served;
  return {
    ...served,
    completions: `${url}/v1/chat/completions`,
    async running() {
      const { running } = await (await fetch(`${url}/running`)).json();
      return running;
    },
  };
}

/** Starts a part of examples/proxy. */
export function serveExample(
  entry: string,
  env: Record<string, string> = {},
): Promise<Served> {
  const listen = ["--host", "127.0.0.1", "--port", "0"];
  return serve({
    command: Deno.execPath(),
    args: ["serve", "-A", ...listen, `examples/proxy/${entry}`],
    env,
    output: "stderr",
  });
}
