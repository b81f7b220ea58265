import { runCommand } from "../../tools/command.ts";
import { toolPath } from "../_tools.ts";
import { runChromium } from "./chromium.ts";
import { CASE_LIMIT, type Outcome, readOutcome } from "./outcome.ts";

/** Runs the suite in `folder` in one runtime, with the fixture at `url`. */
export type Runtime = (folder: string, url: string) => Promise<Outcome>;

async function runProcess(
  command: string,
  args: string[],
  url: string,
): Promise<Outcome> {
  const env = { FIXTURE_URL: url };
  const { output } = await runCommand(command, args, {
    env,
    limit: CASE_LIMIT,
  });
  return readOutcome(output);
}

/** Every runtime that takes the suite as one module, which is every one but Deno. */
export const runtimes: Record<string, Runtime> = {
  node: (folder, url) => runProcess("node", [`${folder}/process.js`], url),
  bun: async (folder, url) =>
    runProcess(await toolPath("bun"), [`${folder}/process.js`], url),
  workerd: async (folder, url) => {
    const args = ["test", `${folder}/workerd.capnp`];
    return runProcess(await toolPath("workerd"), args, url);
  },
  chromium: (_, url) => runChromium(url),
};
