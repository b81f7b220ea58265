/** Milliseconds that a member may be away before the others learn that it has left. */
const GRACE = 5000;

interface Member {
  readonly name: string;
  readonly browser: string;
  timer?: ReturnType<typeof setTimeout>;
}

/**
 * Who is in the chat, by tab. Only a tab and the server know the tab's ID: a request that has it speaks for the member.
 */
export class Members {
  readonly #members = new Map<string, Member>();
  readonly #onLeave: (name: string) => void;

  /** `onLeave` is called with the name of a member that has been away for too long. */
  constructor(onLeave: (name: string) => void) {
    this.#onLeave = onLeave;
  }

  /** The name of the tab's member. */
  name(tab: string): string | undefined {
    return this.#members.get(tab)?.name;
  }

  /** Adds the tab's member, or notes that it is back; returns whether it is new. */
  add(tab: string, name: string, browser: string): boolean {
    const member = this.#members.get(tab);
    clearTimeout(member?.timer);
    this.#members.set(tab, { name, browser });
    return member === undefined;
  }

  /** Removes the tab's member; returns its name. */
  delete(tab: string): string | undefined {
    const member = this.#members.get(tab);
    clearTimeout(member?.timer);
    this.#members.delete(tab);
    return member?.name;
  }

  /** Notes that a tab, or all tabs of a browser, are away. A reload is away and back. */
  away(tabOrBrowser: string): void {
    for (const [tab, member] of this.#members) {
      if (tab !== tabOrBrowser && member.browser !== tabOrBrowser) continue;
      clearTimeout(member.timer);
      member.timer = setTimeout(() => {
        this.delete(tab);
        this.#onLeave(member.name);
      }, GRACE);
    }
  }
}
