/** The location of nginx that docs/deployment.md prints, in front of a channel. */
import { assertEquals } from "@std/assert";
import { Channel, decode } from "../../../mod.ts";
import { freePort } from "../../support/port.ts";
import { serveHandler } from "../../support/program.ts";
import { succeeds, until } from "../../support/until.ts";
import { Process } from "../../../tools/process.ts";

const text = await Deno.readTextFile("docs/deployment.md");
const [, location] = /^```nginx\n(.*?)^```$/ms.exec(text)!;
const printedServer = "http://127.0.0.1:3000";

const locations: Record<string, string> = {
  "as printed": location!,
  "without proxy_buffering off": location!.replace("proxy_buffering off;", ""),
  "that compresses event streams": `gzip on; gzip_types text/event-stream;
    ${location!.replace("proxy_buffering off;", "")}`,
};

for (const [name, location] of Object.entries(locations)) {
  Deno.test(`nginx with a location ${name} forwards each event when it is published`, async () => {
    const channel = new Channel();
    await using server = serveHandler((request) => channel.respond(request));
    assertEquals(location.includes(printedServer), true);
    const target = location.replace(printedServer, server.url);
    await using nginx = await startNginx(target);
    const response = await fetch(`${nginx.url}/events`);
    const encoding = location.includes("gzip") ? "gzip" : null;
    assertEquals(response.headers.get("content-encoding"), encoding);
    const events = decode(response)[Symbol.asyncIterator]();
    for (const data of ["1", "2", "3"]) {
      // The next one is not published before this one has arrived.
      await channel.publish({ data });
      assertEquals((await events.next()).value?.data, data);
    }
    await events.return?.();
    await until(() => channel.stats.subscribers === 0);
  });
}

Deno.test("nginx answers 502 while no server is available", async () => {
  const target = location!.replace(
    printedServer,
    `http://127.0.0.1:${freePort()}`,
  );
  await using nginx = await startNginx(target);
  const response = await fetch(`${nginx.url}/events`);
  await response.body?.cancel();
  assertEquals(response.status, 502);
});

async function startNginx(
  location: string,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "nginx_" });
  const port = freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const modules = paths.map((name) => `${name}_temp_path ${folder}/${name};`);
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; master_process off; pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${modules.join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    ${location}
  }
}
`,
  );
  const args = ["-p", folder, "-c", `${folder}/nginx.conf`];
  const process = new Process("nginx", args, {
    env: { PATH: `/usr/sbin:${Deno.env.get("PATH")}` },
    stdout: "null",
    stderr: "null",
  });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
  await process.untilReady(() => succeeds(connect().then((it) => it.close())));
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await process.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
