/**
 * Where a client keeps its last event ID, so that the next one resumes from it: after a reload of the
 * page, a restart, a move to another machine.
 *
 * `load` is called once, before the first request. `save` is called with the ID of each event as it
 * is handed out, and of blocks that carry only an ID; one call at a time, and of the IDs that come
 * while a call is under way only the last is saved. `""` means that there is none.
 *
 * When either fails, the connection fails for good with the same error: it could not be resumed from
 * the right place.
 */
export interface CursorStore {
  /** Gives the ID that was saved last; nothing, or `""`, when there is none. */
  load(): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps an ID; `""` when there is none any more. */
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

/** Saves to a store one ID after another, and none that a newer one has overtaken. */
export class CursorSaver {
  readonly #store: CursorStore;
  readonly #onError: (reason: unknown) => boolean;
  #next: string | undefined;
  #saving: Promise<void> | undefined;

  /** `onError` tells whether somebody will hear of the error. */
  constructor(store: CursorStore, onError: (reason: unknown) => boolean) {
    this.#store = store;
    this.#onError = onError;
  }

  save(id: string): void {
    this.#next = id;
    if (this.#saving !== undefined) return;
    this.#saving = this.#saveAll();
    // flush() tells of it.
    this.#saving.catch(() => {});
  }

  /** Resolves when everything is saved; rejects with an error that nobody has heard of. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #saveAll(): Promise<void> {
    try {
      for (let id = this.#next; id !== undefined; id = this.#next) {
        this.#next = undefined;
        await this.#store.save(id);
      }
      this.#saving = undefined;
    } catch (reason) {
      if (!this.#onError(reason)) throw reason;
    }
  }
}
