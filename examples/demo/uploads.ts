import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { Channel } from "../../mod.ts";
import { readJson, readText } from "./input.ts";

const MAX_SIZE = 5 * 1024 * 1024;
/** How many uploads are kept. A new one replaces the oldest. */
const MAX_UPLOADS = 16;
const MAX_NAME = 200;
/** How many bytes are accepted in one step, and in a second. The rest waits at the sender, so that the bar moves visibly. */
const STEP = 64 * 1024;
const RATE = 3 * 1024 * 1024;

/** The first bytes of accepted files, `.` for any byte. */
const signatures =
  // deno-lint-ignore no-control-regex -- bytes as characters
  /^(\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|%PDF-)/s;
const SIGNATURE_LENGTH = 12;

type Body = ReadableStream<Uint8Array<ArrayBuffer>> | null;

interface Upload {
  readonly name: string;
  readonly size: number;
  /** Its progress. Only this process writes and reads it, so its log is in memory. */
  readonly events: Channel;
  isStarted: boolean;
  file: Blob | undefined;
}

/** Uploads: a POST announces one, an EventSource follows it, and a PUT sends the file. */
export function uploads(): Hono {
  const kept = new Uploads();
  const app = new Hono();

  app.post("/", async (c) => {
    const id = await kept.add(parseUpload(await readJson(c.req.raw)));
    return c.json({ id }, 201);
  });

  app.get("/:id/events", (c) => {
    const { events } = kept.get(c.req.param("id"));
    return events.respond(c.req.raw);
  });

  app.put("/:id", async (c) => {
    const id = c.req.param("id");
    await store(kept.get(id), c.req.raw.body, `/uploads/${id}/file`);
    return c.body(null, 201);
  });

  app.get("/:id/file", (c) => {
    const { file, name } = kept.get(c.req.param("id"));
    if (file === undefined) return c.text("The upload is not complete.", 409);
    // Downloaded, and never shown as a page of this origin.
    return c.body(file.stream(), 200, {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${fileName(name)}`,
    });
  });
  return app;
}

/** The latest uploads, under IDs that cannot be guessed. */
class Uploads {
  readonly #uploads = new Map<string, Upload>();

  async add(upload: Upload): Promise<string> {
    const id = crypto.randomUUID();
    this.#uploads.set(id, upload);
    if (this.#uploads.size > MAX_UPLOADS) await this.#dropOldest();
    return id;
  }

  get(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload !== undefined) return upload;
    throw new HTTPException(404, { message: "There is no such upload." });
  }

  async #dropOldest(): Promise<void> {
    const [id, { events, isStarted }] = this.#uploads.entries().next().value!;
    this.#uploads.delete(id);
    if (!isStarted) await events.close();
  }
}

function parseUpload({ name, size }: Record<string, unknown>): Upload {
  if (!Number.isInteger(size) || Number(size) < 1) {
    throw new HTTPException(400, { message: "The file is empty." });
  }
  const upload = {
    name: readText("A file name", name, MAX_NAME),
    size: Number(size),
    events: new Channel({ from: "earliest", keepAlive: 2000 }),
    isStarted: false,
    file: undefined,
  };
  if (upload.size > MAX_SIZE) throw tooLarge();
  return upload;
}

/** Stores a file, once, and publishes its progress and its end. */
async function store(
  upload: Upload,
  body: Body,
  link: string,
): Promise<void> {
  if (upload.isStarted) {
    throw new HTTPException(409, { message: "This upload has been sent." });
  }
  upload.isStarted = true;
  try {
    upload.file = await receive(upload, body);
    await report(upload, "upload-complete", { link, name: upload.name });
  } catch (cause) {
    const error = cause instanceof HTTPException ? cause : brokenOff(cause);
    await report(upload, "upload-error", { message: error.message });
    throw error;
  } finally {
    // Followers receive what is left, and later requests a 204, which stops an EventSource.
    await upload.events.close();
  }
}

/** Receives a file at the limited rate, and checks the size and the type that were announced. */
async function receive(
  upload: Upload,
  body: Body,
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
    await report(upload, "progress-update", { received, size });
    await until(start + 1000 * received / RATE);
  }
  if (received < size) throw brokenOff();
  if (!isKnown) await checkSignature(parts);
  return new Blob(parts);
}

async function* steps(
  body: Body,
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
  const message = "This is not a PNG, JPEG, GIF, WebP or PDF file.";
  throw new HTTPException(415, { message });
}

async function report(
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
