import { decode } from "../../mod.ts";
import { readSection } from "./section.ts";

/**
 * Imports a program from a document, each time as a new module.
 *
 * @param replacements Texts of the program and their values in the test, such as the URL of its server.
 */
export async function importProgram<T>(
  document: string,
  heading: string,
  file: string,
  replacements: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { files } = await readSection(document, heading);
  let code = files[file];
  if (code === undefined) {
    throw new Error(`${document}, "${heading}", lacks ${file}`);
  }
  for (const [printed, actual] of Object.entries(replacements)) {
    if (!code.includes(printed)) {
      throw new Error(`${document}, "${heading}", lacks ${printed}`);
    }
    code = code.replaceAll(printed, actual);
  }
  const unique = `${code}\n// ${crypto.randomUUID()}`;
  return await import(
    `data:application/typescript;charset=utf-8,${encodeURIComponent(unique)}`
  );
}

/** A request handler in a document. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** The exports of a program that answers requests. */
export interface HandlerModule {
  readonly handler: Handler;
}

/** Serves a handler on the loopback interface. The URL has no trailing slash. */
export function serveHandler(
  handler: Handler,
): { readonly url: string } & AsyncDisposable {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve(options, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Returns the data of the first events of a response, and then cancels it. */
export async function firstDatas(
  response: Response | Promise<Response>,
  count: number,
): Promise<string[]> {
  const datas: string[] = [];
  for await (const { data } of decode(await response)) {
    if (datas.push(data) === count) break;
  }
  return datas;
}
