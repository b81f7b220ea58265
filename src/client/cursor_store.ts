import { describe } from "../internal/check.ts";

/**
 * Where a client keeps its last event ID, so that the next one resumes from it: after a reload of the
 * page, a restart, a move to another machine.
 *
 * `load` is called once, before the first request. `save` is called once an event has been handled: for `connect()`
 * when the next event is asked for, for `EventSource` when its listeners have returned. So after a crash, an exception
 * or a `break` in the loop body the last event is received again; none is lost. `save` is called for blocks with an
 * ID alone too, one call at a time, and of the IDs that arrive during a call only the last is saved. `""` means that
 * there is none.
 *
 * When either fails, or `load` returns what no header can carry, the connection fails for good with the error: it
 * could not resume from the right position.
 */
export interface CursorStore {
  /** Returns the ID that was saved last; nothing, or `""`, when there is none. */
  load(): string | null | undefined | Promise<string | null | undefined>;
  /** Saves an ID; `""` when there is none any more. */
  save(id: string): void | Promise<void>;
}

/**
 * Makes a cursor store of `localStorage` or `sessionStorage`, so that a page resumes after a reload.
 *
 * Tabs of one origin share `localStorage`, and so would resume from each other's place: give each
 * stream its own key, and use `sessionStorage` where each tab is to see every event.
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
 * @param storage Where to keep the ID.
 * @param key Under which name.
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

/** The position that is stored: loads it, and saves one ID after another, none that a newer one has overtaken. */
export class StoredPosition {
  readonly #store: CursorStore;
  readonly #onError: (reason: unknown) => boolean;
  #id: string;
  #isSaved = true;
  #saving: Promise<void> | undefined;
  #loading: Promise<string> | undefined;

  /** Starts with an ID that counts where none is stored; `onError` returns whether the error will be reported. */
  constructor(
    store: CursorStore,
    lastEventId: string,
    onError: (reason: unknown) => boolean,
  ) {
    this.#store = store;
    this.#id = lastEventId;
    this.#onError = onError;
  }

  /** Resolves with the position to start from; the store is asked once, whoever stops waiting for its answer. */
  load(): Promise<string> {
    return this.#loading ??= this.#load();
  }

  async #load(): Promise<string> {
    const id = await this.#store.load() ?? "";
    if (!isEventId(id)) {
      throw new TypeError(
        `Cannot connect: cursor.load() must give text without NUL, CR and LF: received ${
          describe(id)
        }`,
      );
    }
    return this.#id = id || this.#id;
  }

  save(id: string): void {
    if (id === this.#id) return;
    this.#id = id;
    this.#isSaved = false;
    if (this.#saving !== undefined) return;
    this.#saving = this.#saveAll();
    // flush() reports it.
    this.#saving.catch(() => {});
  }

  /** Resolves when everything is saved; rejects with an error that was not reported yet. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #saveAll(): Promise<void> {
    try {
      while (!this.#isSaved) {
        this.#isSaved = true;
        await this.#store.save(this.#id);
      }
      this.#saving = undefined;
    } catch (reason) {
      if (!this.#onError(reason)) throw reason;
    }
  }
}

/** Whether a `Last-Event-ID` header can carry a value. */
export function isEventId(value: unknown): value is string {
  return typeof value === "string" && !/[\0\r\n]/.test(value);
}
