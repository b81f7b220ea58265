import { serveExample } from "../../support/example.ts";
import type { Served } from "../../support/served.ts";

/** The model of examples/proxy, started as its user does. */
export type RunningModel = Served & {
  /** The URL of completions. */
  readonly completions: string;
  /** The number of answers that it is writing. */
  running(): Promise<number>;
};

export async function startModel(): Promise<RunningModel> {
  const served = await serveExample("proxy/model.ts");
  const { url } = served;
  return Object.assign(served, {
    completions: `${url}/v1/chat/completions`,
    async running() {
      const { running } = await (await fetch(`${url}/running`)).json();
      return running;
    },
  });
}
