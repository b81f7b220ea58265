/** `main.ts [PORT]`: the handler on Deno, Bun or Node. It prints its URL. */
import process from "node:process";
import { listen } from "../../support/listen.ts";
import { handle } from "./handler.ts";

const { port } = await listen(handle, Number(process.argv[2] ?? 0));
console.log(`http://127.0.0.1:${port}`);
