import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { Channel } from "../../mod.ts";
import { readJson, readText } from "./input.ts";

const MAX_SIZE = 5 * 1024 * 1024;
/** How many uploads are kept; a new one takes the place of the oldest. */
const MAX_UPLOADS = 16;
const MAX_NAME = 200;
/** How much is taken at once and a second, in bytes: the rest waits at the sender, and the bar can be seen to move. */
const STEP = 64 * 1024;
const RATE = 3 * 1024 * 1024;

/** The first bytes of the files that are taken, `.` for any byte. */
const signatures =
  // deno-lint-ignore no-control-regex -- bytes as characters
  /^(\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|%PDF-)/s;
const SIGNATURE_LENGTH = 12;

interface Upload {
  readonly name: string;
  readonly size: number;
  /** What becomes of it. Nobody else follows it, so its log is in memory. */
  readonly events: Channel;
  isStarted: boolean;
  file: Blob | undefined;
}

/** Uploads: announced with a POST, sent with a PUT, and followed by an EventSource meanwhile. */
export function uploads(): Hono {
  const kept = new Map<string, Upload>();
  const app = new Hono();

  function find(id: string): Upload {
    const upload = kept.get(id);
    if (upload !== undefined) return upload;
    throw new HTTPException(404, { message: "There is no such upload." });
  }

  async function dropOldest(): Promise<void> {
    const [id, { events, isStarted }] = kept.entries().next().value!;
    kept.delete(id);
    if (!isStarted) await events.close();
  }

  app.post("/", async (c) => {
    const upload = announced(await readJson(c.req.raw));
    const id = crypto.randomUUID();
    kept.set(id, upload);
    if (kept.size > MAX_UPLOADS) await dropOldest();
    return c.json({ id }, 201);
  });

  app.get(
    "/:id/events",
    (c) => find(c.req.param("id")).events.respond(c.req.raw),
  );

  app.put("/:id", async (c) => {
    const id = c.req.param("id");
    const upload = find(id);
    if (upload.isStarted) return c.text("This upload has been sent.", 409);
    upload.isStarted = true;
    try {
      upload.file = await receive(upload, c.req.raw.body);
      const link = `/uploads/${id}/file`;
      await tell(upload, "upload-complete", { link, name: upload.name });
      return c.body(null, 201);
    } catch (cause) {
      const error = cause instanceof HTTPException ? cause : brokenOff(cause);
      await tell(upload, "upload-error", { message: error.message });
      throw error;
    } finally {
      // Followers get what is left, and later requests 204: an EventSource stops by itself.
      await upload.events.close();
    }
  });

  app.get("/:id/file", (c) => {
    const { file, name } = find(c.req.param("id"));
    if (file === undefined) return c.text("The upload is not complete.", 409);
    // Whatever it holds is saved, and never shown as a page of this origin.
    return c.body(file.stream(), 200, {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${fileName(name)}`,
    });
  });
  return app;
}

function announced({ name, size }: Record<string, unknown>): Upload {
  if (!Number.isInteger(size) || Number(size) < 1) {
    throw new HTTPException(400, { message: "The file is empty." });
  }
  const upload = {
    name: readText("A file name", name, MAX_NAME),
    size: Number(size),
    events: new Channel(undefined, { from: "earliest", keepAlive: 2000 }),
    isStarted: false,
    file: undefined,
  };
  if (upload.size > MAX_SIZE) throw tooLarge();
  return upload;
}

/** Takes a file in as fast as the rate allows; what it says of its size and kind is not believed. */
async function receive(
  upload: Upload,
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Promise<Blob> {
  const { size } = upload;
  const start = performance.now();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  let isKnown = false;
  for await (const part of steps(body)) {
    received += part.length;
    if (received > size) throw tooLarge();
    parts.push(part);
    isKnown ||= received >= SIGNATURE_LENGTH && await checkSignature(parts);
    await tell(upload, "progress-update", { received, size });
    await until(start + 1000 * received / RATE);
  }
  if (received < size) throw brokenOff();
  if (!isKnown) await checkSignature(parts);
  return new Blob(parts);
}

async function* steps(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (body === null) return;
  for await (const chunk of body) {
    for (let start = 0; start < chunk.length; start += STEP) {
      yield chunk.subarray(start, start + STEP);
    }
  }
}

async function checkSignature(parts: Uint8Array<ArrayBuffer>[]): Promise<true> {
  const head = await new Blob(parts).slice(0, SIGNATURE_LENGTH).bytes();
  if (signatures.test(String.fromCharCode(...head))) return true;
  const message = "This is no PNG, JPEG, GIF, WebP or PDF file.";
  throw new HTTPException(415, { message });
}

async function tell(
  { events }: Upload,
  event: string,
  data: Record<string, unknown>,
): Promise<void> {
  await events.publish({ event, data: JSON.stringify(data) });
}

function until(time: number): Promise<void> {
  const delay = Math.max(0, time - performance.now());
  return new Promise((resolve) => setTimeout(resolve, delay));
}

function tooLarge(): HTTPException {
  const limit = `${MAX_SIZE / 1024 / 1024} MiB`;
  return new HTTPException(413, {
    message: `The file is larger than announced, or than ${limit}.`,
  });
}

function brokenOff(cause?: unknown): HTTPException {
  return new HTTPException(400, { message: "The upload broke off.", cause });
}

/** RFC 8187, section 3.2: what `encodeURIComponent` leaves of what a parameter may not hold. */
function fileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
}
