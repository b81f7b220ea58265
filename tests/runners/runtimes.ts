import { runCommand } from "../../tools/command.ts";
import { toolPath } from "../_tools.ts";
import { runChromium } from "./chromium.ts";
import { CASE_LIMIT, type Outcome, readOutcome } from "./outcome.ts";

/** The settings that the cases read with {@linkcode setting}, and `CASE_FILTER`, a part of the cases' names. */
export interface Settings extends Record<string, string> {
  FIXTURE_URL: string;
}

/** Runs the suite in `folder` in one runtime. */
export type Runtime = (folder: string, settings: Settings) => Promise<Outcome>;

async function runProcess(
  command: string,
  args: string[],
  env: Settings,
): Promise<Outcome> {
  const options = { env, limit: CASE_LIMIT };
  return readOutcome((await runCommand(command, args, options)).output);
}

/** The runtimes that run the bundled suite: all except Deno. */
export const runtimes: Record<string, Runtime> = {
  node: (folder, settings) =>
    runProcess("node", [`${folder}/process.js`], settings),
  bun: async (folder, settings) =>
    runProcess(await toolPath("bun"), [`${folder}/process.js`], settings),
  workerd: async (folder, settings) => {
    const args = ["test", `${folder}/workerd.capnp`];
    return runProcess(await toolPath("workerd"), args, settings);
  },
  chromium: (_, settings) => runChromium(settings),
};
