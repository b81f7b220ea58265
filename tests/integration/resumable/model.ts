import { serveExample } from "../../support/example.ts";
import type { Served } from "../../support/served.ts";

/** The model of examples/proxy, started as its user does. */
export interface RunningModel extends Served {
  /** Where completions are asked for. */
  readonly completions: string;
  /** How many answers it is writing. */
  running(): Promise<number>;
}

export async function startModel(): Promise<RunningModel> {
  const served = await serveExample("proxy/model.ts");
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
