/** An operator in Bun, with Bun's own client: `bun bun_operator.ts URL`. It prints its URL and answers {@linkcode call}. */
import process from "node:process";
import { announce } from "../../support/listen.ts";
import { answerCall } from "../durable_object/outcome.ts";
import { libraries } from "../logs/libraries.ts";
import { operatorOf } from "./operator.ts";

const connect = await libraries.bunRedis!(process.argv[2]!, "");
const operations = { ...operatorOf(connect()) };
await announce((request) => answerCall(request, operations));
