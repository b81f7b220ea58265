/** How long a member may be without a connection before the others are told that it left, in milliseconds. */
const GRACE = 5000;

interface Member {
  readonly name: string;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Who is in the chat, by the tab that they chat from. A tab's ID is known to that tab and the server alone: who has it
 * speaks for the member.
 */
export class Members {
  readonly #members = new Map<string, Member>();
  readonly #connections = new Map<string, number>();
  readonly #onLeave: (name: string) => void;

  /** `onLeave` is called with the name of a member whose tab has been away for too long. */
  constructor(onLeave: (name: string) => void) {
    this.#onLeave = onLeave;
  }

  /** The name of the tab's member. */
  name(tab: string): string | undefined {
    return this.#members.get(tab)?.name;
  }

  /** Lets a tab's member in; tells whether it is new. */
  add(tab: string, name: string): boolean {
    if (this.#members.has(tab)) return false;
    this.#members.set(tab, { name, timer: undefined });
    this.#look(tab);
    return true;
  }

  /** Lets a tab's member go, and gives its name. */
  delete(tab: string): string | undefined {
    const member = this.#members.get(tab);
    clearTimeout(member?.timer);
    this.#members.delete(tab);
    return member?.name;
  }

  /** Notes that a connection to a tab was made (1) or lost (-1). A reload is both, in any order. */
  connect(tab: string, change: 1 | -1): void {
    const count = (this.#connections.get(tab) ?? 0) + change;
    if (count > 0) this.#connections.set(tab, count);
    else this.#connections.delete(tab);
    this.#look(tab);
  }

  /** A member without a connection has some time to come back. */
  #look(tab: string): void {
    const member = this.#members.get(tab);
    if (member === undefined) return;
    clearTimeout(member.timer);
    if (this.#connections.has(tab)) return;
    member.timer = setTimeout(() => {
      this.delete(tab);
      this.#onLeave(member.name);
    }, GRACE);
  }
}
