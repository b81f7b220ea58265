/** The project of examples/cloudflare with the current tools from npm, and the workerd they install. */
// Not @std/assert: the task also runs where JSR cannot be reached.
import {
  deepStrictEqual as assertEquals,
  match as assertMatch,
} from "node:assert/strict";
import {
  checks,
  follow,
  publish,
} from "../../integration/frameworks/checks.ts";
import { decode } from "../../../mod.ts";
import { findFiles } from "../../../tools/files.ts";
import type { App } from "../../support/app.ts";
import type { Proof } from "./frameworks.ts";
import { NodeProject } from "./project.ts";

const example = "examples/cloudflare";
const room = { path: "/rooms/lobby" };
const listen = ["--ip", "localhost", "--port", "$PORT"];

/** Starts the bundle of `wrangler` in miniflare, without wrangler. */
const script = `
  import { Miniflare } from "miniflare";
  const miniflare = new Miniflare({
    modules: true,
    scriptPath: "dist/index.js",
    compatibilityDate: "2026-04-01",
    compatibilityFlags: ["enable_request_signal"],
    durableObjects: { ROOMS: { className: "Room", useSQLite: true } },
    durableObjectsPersist: "state",
    host: "localhost",
    port: Number(process.env.PORT),
  });
  process.once("SIGINT", () => miniflare.dispose());`;

/** The proofs, by tool and version of Node. */
export const proofs: Record<string, Proof> = {
  "wrangler-node20": (tarball) => proveWrangler("20.20.2", "wrangler", tarball),
  "wrangler-node24": (tarball) =>
    proveWrangler("24.21.0", "wrangler@latest", tarball),
  miniflare: proveMiniflare,
};

async function* proveWrangler(
  node: string,
  wrangler: string,
  tarball: string,
): AsyncGenerator<string> {
  await using project = await NodeProject.make(node, readExample());
  await project.install(tarball, "--save-dev", wrangler);
  yield `Node ${node} installs ${await versions(project, "wrangler")}`;
  await project.run("npm", "run", "check");
  yield "the Worker type-checks with what wrangler types writes";
  const start = () => project.start("wrangler", "dev", ...listen);
  {
    await using app = await start();
    await checkPage(app);
    yield "wrangler dev serves the page, and 404 for other paths";
  }
  yield* proveRoom(start);
}

async function* proveMiniflare(tarball: string): AsyncGenerator<string> {
  const files = { ...readExample(), "miniflare.mjs": script };
  await using project = await NodeProject.make("24.21.0", files);
  await project.install(tarball, "miniflare@latest", "wrangler@latest");
  await project.run("wrangler", "deploy", "--dry-run", "--outdir", "dist");
  yield `Node 24 installs ${await versions(project, "miniflare")}`;
  yield* proveRoom(() => project.start("node", "miniflare.mjs"));
}

/** Tests a room. The tools cut connections when they are stopped, and have no middleware. */
async function* proveRoom(start: () => Promise<App>): AsyncGenerator<string> {
  const name = "sends each event when it is published";
  let id: string;
  {
    await using app = await start();
    await checks[name]!(app, room);
    yield name;
    id = await publish(app, "seen", room);
    await publish(app, "missed", room);
    app.signal("SIGINT");
    await app.status;
  }
  await using app = await start();
  const response = await follow(app, room, { "last-event-id": id });
  for await (const { data } of decode(response)) {
    assertEquals(data, "missed");
    break;
  }
  yield "resumes a client after it was stopped and started again";
}

async function checkPage({ url }: App): Promise<void> {
  const page = await fetch(url);
  assertMatch(await page.text(), /<title>Room</);
  for (const path of ["/nothing", "/rooms/a/b", "/rooms/%20"]) {
    const response = await fetch(url + path);
    assertEquals([response.status, await response.text()], [404, "Not found"]);
  }
  const body = "x".repeat(1001);
  const refused = await fetch(url + room.path, { method: "POST", body });
  assertEquals(refused.status, 400);
  assertMatch(await refused.text(), /1 to 1000/);
}

async function versions(project: NodeProject, tool: string): Promise<string> {
  const [version, workerd] = [
    await project.versionOf(tool),
    await project.versionOf("workerd"),
  ];
  return `${tool} ${version} with workerd ${workerd}`;
}

function readExample(): Record<string, string> {
  return Object.fromEntries(
    findFiles(example, "").map((path) => [
      path.slice(example.length + 1),
      Deno.readTextFileSync(path),
    ]),
  );
}
