import process from "node:process";
import { run } from "./example.js";

console.log(JSON.stringify(await run(process.argv[2])));
