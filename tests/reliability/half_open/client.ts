import net from "node:net";

/** The address of the client, until it is removed. */
export const CLIENT = "10.99.0.2";

/** Requests a URL from the client's address, and resolves when the response has begun. */
export function follow(url: string): Promise<void> {
  const { port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      host: "127.0.0.1",
      port: Number(port),
      localAddress: CLIENT,
    });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("id: ")) resolve();
    });
    socket.on("error", reject);
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  });
}
