/**
 * A separate process that publishes to a log and follows it, in Deno or Bun:
 * `process.ts LIBRARY PLACE LOG PUBLISHERS EVENTS FOLLOWERS`. It prints the result as JSON. Without a number of
 * EVENTS it publishes until its standard input ends.
 */
import process from "node:process";
import { libraries } from "../logs/libraries.ts";
import { follow, publish, type Published } from "../../support/traffic.ts";

/** What a worker prints. */
export interface Work {
  published: Published[];
  followed: string[][];
}

const [library = "", place = "", name = "", ...numbers] = process.argv.slice(2);

const [publishers = 0, events = 0, followers = 0] = numbers.map(Number);
let stopped = false;
process.stdin.on("data", () => {}).on("end", () => stopped = true);

const connect = await libraries[library]!(place, "");
const log = connect().log(name, { maxEvents: 1_000_000 });
const publishing = Array.from({ length: publishers }, (_, i) =>
  publish(
    log,
    `${library}.${process.pid}.${i}`,
    (count) => events ? count < events : !stopped,
  ));
const following = Array.from({ length: followers }, () => follow(log));
const published = await Promise.all(publishing);
console.log("published");
const work: Work = { published, followed: await Promise.all(following) };
console.log(JSON.stringify(work));
process.exit();
