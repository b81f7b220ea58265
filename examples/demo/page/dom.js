/** Milliseconds before a request is sent again. */
const RETRY = 1000;

/**
 * Finds an element by its ID.
 *
 * @param {string} id
 * @returns {any}
 */
export function find(id) {
  return document.getElementById(id);
}

/**
 * Sets an element's text. One that is the same is left alone, or screen readers would read it again.
 *
 * @param {string} id
 * @param {string} text
 */
export function setText(id, text) {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Creates an element. Its content is text or elements; text is never read as markup.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} content
 */
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

/**
 * Appends to a list and removes its oldest item when there are more than `max`.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} item
 * @param {number} max
 */
export function append(list, item, max) {
  list.append(item);
  if (list.children.length > max) list.firstElementChild.remove();
}

/** @param {number} at Milliseconds since 1970. */
export function time(at) {
  const date = new Date(at);
  const text = date.toLocaleTimeString([], { hour12: false });
  return element("time", { datetime: date.toISOString() }, text);
}

/** @returns {string} An ID that cannot be guessed. */
export function randomId() {
  // Not randomUUID(), which browsers offer only over HTTPS and on localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

/**
 * Reads an ID from a tab's or a browser's storage, where it is put when there is none.
 *
 * @param {Storage} storage
 * @param {string} name
 */
export function storedId(storage, name) {
  const id = storage.getItem(name) ?? randomId();
  storage.setItem(name, id);
  return id;
}

/**
 * Sends a request to the server.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @throws {TypeError} If the server cannot be reached.
 * @throws {Error} If the server refuses, with its reason.
 */
export async function send(method, path, body = {}) {
  const isFile = body instanceof Blob;
  const response = await fetch(path, {
    method,
    headers: { "content-type": isFile ? body.type : "application/json" },
    body: isFile ? body : JSON.stringify(body),
    // A page that is being closed sends its last request all the same.
    keepalive: !isFile,
  }).catch((cause) => {
    const message =
      "Cannot reach the server. This is not sent again: try again when it is back.";
    throw new TypeError(message, { cause });
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

/**
 * Repeats an action until the server can be reached. The server may have acted and not answered: repeating must be safe.
 *
 * @param {() => Promise<unknown>} action
 * @param {() => void} onWait Called before each repetition.
 */
export async function untilReached(action, onWait) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      onWait();
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}
