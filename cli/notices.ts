import { reasonOf } from "./failure.ts";
import type { ConnectionObserver } from "./follow.ts";
import { notice } from "./terminal.ts";

/** Reports on standard error what happens to the connection. */
export function connectionNotices(url: URL): ConnectionObserver {
  return {
    onOpen: () => notice(`Connected to ${url.href}`),
    onLost: (reason) =>
      notice(
        reason === undefined
          ? "The server has ended the stream"
          : `The connection is lost: ${reasonOf(reason)}`,
      ),
  };
}
