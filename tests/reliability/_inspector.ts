/** The heap of a workerd process, read through its inspector. */
export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (result: { usedSize: number }) => void>();
  #next = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    };
  }

  /** Connects to the Worker with this name. */
  static async open(port: number, worker: string): Promise<Inspector> {
    const url = `ws://127.0.0.1:${port}/${worker}`;
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () =>
        reject(new Error(`Cannot connect to the inspector ${url}`));
    });
    return new Inspector(socket);
  }

  /** The bytes in use. Does not collect garbage, which workerd (2026-11-17) postpones to the next request. */
  async heap(): Promise<number> {
    return (await this.#send("Runtime.getHeapUsage")).usedSize;
  }

  #send(method: string): Promise<{ usedSize: number }> {
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ id, method }));
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
