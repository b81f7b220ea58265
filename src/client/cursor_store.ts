import { describe } from "../internal/check.ts";

/**
 * Stores the last event ID of a client, so that it can resume after a page reload, a restart or a move to another
 * machine.
 *
 * `load()` is called once, before the first request. `save()` is called after an event has been handled: with
 * `connect()`, when the next event is requested; with `EventSource`, when its listeners have returned. After a crash,
 * an exception or a `break` in the loop body, the last event is received again and none is lost. IDs without an event
 * are saved too. Calls do not overlap: of the IDs that arrive during a call, only the last is saved. `""` means that
 * there is no ID.
 *
 * If either method fails, or if `load()` returns an ID that a header cannot contain, the connection fails with the
 * error, because it could not resume from the right position.
 */
export interface CursorStore {
  /** Returns the last ID that was saved; `undefined`, `null` or `""` if there is none. */
  load(): string | null | undefined | Promise<string | null | undefined>;
  /** Saves an ID; `""` if there is none any more. */
  save(id: string): void | Promise<void>;
}

/**
 * Creates a cursor store in `localStorage` or `sessionStorage`, so that a page resumes after a reload.
 *
 * A reload clears the page, and the server does not send the events before the stored ID again: use it in a page that
 * stores them elsewhere. Use a separate key for each stream. The tabs of an origin share `localStorage` and would
 * resume from each other's position: use `sessionStorage` if every tab must receive every event.
 *
 * @example
 * ```ts
 * import { EventSource, storageCursor } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * sessionStorage.setItem("news", "41");
 * const { fetch, requests } = scriptedServer([{ body: "id: 42\ndata: hello\n\n" }]);
 * const cursor = storageCursor(sessionStorage, "news");
 * const source = new EventSource("https://example.com/", { cursor, fetch });
 * await new Promise((resolve) => source.onmessage = resolve);
 * source.close();
 * assertEquals(requests[0]?.headers.get("last-event-id"), "41");
 * assertEquals(sessionStorage.getItem("news"), "42");
 * sessionStorage.removeItem("news");
 * ```
 *
 * @param storage The storage for the ID.
 * @param key The key of the ID in the storage.
 * @returns The store.
 */
export function storageCursor(
  storage: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
  },
  key: string,
): CursorStore {
  return {
    load: () => storage.getItem(key),
    save: (id) =>
      id === "" ? storage.removeItem(key) : storage.setItem(key, id),
  };
}

/** Loads and saves the position. IDs are saved one at a time; an ID that a newer one has replaced is skipped. */
export class StoredPosition {
  readonly #store: CursorStore;
  readonly #onError: (reason: unknown) => boolean;
  #id: string;
  #saving: Promise<void> | undefined;

  /** `lastEventId` is used if no ID is stored. `onError` returns whether the error will be reported. */
  constructor(
    store: CursorStore,
    lastEventId: string,
    onError: (reason: unknown) => boolean,
  ) {
    this.#store = store;
    this.#id = lastEventId;
    this.#onError = onError;
  }

  /** Resolves with the start position. */
  async load(): Promise<string> {
    const id = await this.#store.load() ?? "";
    if (!isEventId(id)) {
      throw new TypeError(
        `Cannot connect: cursor.load() must return text without NUL, CR and LF: received ${
          describe(id)
        }`,
      );
    }
    return this.#id = id || this.#id;
  }

  save(id: string): void {
    if (id === this.#id) return;
    this.#id = id;
    if (this.#saving !== undefined) return;
    this.#saving = this.#saveAll();
    // `flush()` reports the error.
    this.#saving.catch(() => {});
  }

  /** Resolves when the latest ID is saved. Rejects with an error that has not been reported yet. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #saveAll(): Promise<void> {
    try {
      for (let saved; saved !== this.#id;) {
        await this.#store.save(saved = this.#id);
      }
      this.#saving = undefined;
    } catch (reason) {
      if (!this.#onError(reason)) throw reason;
    }
  }
}

/** Whether a `Last-Event-ID` header can contain the value. */
export function isEventId(value: unknown): value is string {
  return typeof value === "string" && !/[\0\r\n]/.test(value);
}
