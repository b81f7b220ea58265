/** How much the server's clock is ahead, in milliseconds. */
let ahead = 0;

/** The time on the server's clock, which events bear. */
export function serverTime() {
  return Date.now() + ahead;
}

/** Sets the clock by the server's. The answer is taken to have been made halfway through the wait. */
export async function setClock() {
  const start = Date.now();
  const response = await fetch("/clock");
  const now = await response.json();
  ahead = now - (start + Date.now()) / 2;
}

/**
 * Sends a request to the server.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @throws {Error} With a message to be shown, if it was not done.
 */
export async function send(method, path, body = {}) {
  const isFile = body instanceof Blob;
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { "content-type": isFile ? body.type : "application/json" },
      body: isFile ? body : JSON.stringify(body),
    });
  } catch {
    throw new Error("The server cannot be reached. Try again.");
  }
  if (!response.ok) throw new Error(await response.text());
  return response;
}
