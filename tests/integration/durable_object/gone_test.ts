import { assertEquals } from "@std/assert";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { RemoteChannel } from "./remote_channel.ts";

const SQL = { sql: true };
const options = {
  worker: "tests/integration/durable_object/channel_worker.ts",
  classes: { LivelyChannel: SQL, QuietChannel: SQL },
};

/** A client that follows a channel over a separate socket. */
async function connect(channel: RemoteChannel): Promise<Deno.TcpConn> {
  const { hostname, port, pathname } = new URL(channel.url);
  const socket = await Deno.connect({ hostname, port: Number(port) });
  const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  await socket.write(new TextEncoder().encode(head));
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("id: ")) {
    const read = await socket.read(buffer);
    if (read === null) throw new Error(`The response ended: ${text}`);
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return socket;
}

async function subscribers(channel: RemoteChannel): Promise<number> {
  return (await channel.stats()).subscribers;
}

for (const flag of ["enable_request_signal", "no flag"]) {
  const flags = flag === "no flag" ? [] : [flag];

  Deno.test(`ChannelObject removes an idle client that has disconnected, with ${flag}`, async () => {
    await using workerd = await Workerd.start({ ...options, flags });
    const channel = new RemoteChannel(workerd.url, "LivelyChannel");
    const sockets = await Promise.all([connect(channel), connect(channel)]);
    assertEquals(await subscribers(channel), 2);
    sockets[0]!.close();
    await until(async () => await subscribers(channel) === 1);
    sockets[1]!.close();
    await until(async () => await subscribers(channel) === 0);
  });

  Deno.test(`ChannelObject removes a client that disconnects during a write, with ${flag}`, async () => {
    await using workerd = await Workerd.start({ ...options, flags });
    const channel = new RemoteChannel(workerd.url, "QuietChannel");
    const sockets = await Promise.all([connect(channel), connect(channel)]);
    assertEquals(await subscribers(channel), 2);
    sockets[0]!.close();
    await until(async () => {
      await channel.publish({ data: "a" });
      return await subscribers(channel) === 1;
    });
    sockets[1]!.close();
    await until(async () => {
      await channel.publish({ data: "b" });
      return await subscribers(channel) === 0;
    });
  });

  Deno.test(`ChannelObject removes a client whose connection is reset, with ${flag}`, async () => {
    await using workerd = await Workerd.start({ ...options, flags });
    const channel = new RemoteChannel(workerd.url, "QuietChannel");
    const socket = await connect(channel);
    // What a socket has not read when it is closed resets the connection; no write is needed after that.
    await channel.publish({ data: "never read" });
    await until(async () => (await channel.stats()).delivered === 1);
    socket.close();
    await until(async () => await subscribers(channel) === 0);
  });
}
