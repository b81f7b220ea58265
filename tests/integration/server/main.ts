/** `main.ts PORT`: the handler on Deno, Bun or Node. It prints its URL. */
import process from "node:process";
import { announce } from "../../support/listen.ts";
import { handle } from "./handler.ts";

await announce(handle, Number(process.argv[2]));
