import { Workerd } from "../../support/workerd.ts";

/** The folder of the example. */
export const example = "examples/cloudflare";

/** Starts the Worker. */
export async function startRooms(version?: string): Promise<Workerd> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  const url = new URL(`../../../${example}/src/index.ts`, import.meta.url);
  // Workerd.start() names a binding as its class.
  await Deno.writeTextFile(
    entry,
    `import worker, { Room } from "${url}";
     export { Room };
     export default {
       fetch: (request, env) => worker.fetch(request, { ROOMS: env.Room }),
     };`,
  );
  const workerd = await Workerd.start({
    worker: entry,
    classes: { Room: { sql: true } },
    flags: ["enable_request_signal"],
    ...version && { version },
  });
  await Deno.remove(entry);
  return workerd;
}
