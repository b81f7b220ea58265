/** Puts the class in the place of the browser's own, in pages and workers. */
import { EventSource } from "../../src/client/mod.ts";

Object.assign(globalThis, { EventSource });

// The tests measure waits to a quarter, to which our client adds up to a half at random.
const { random } = Math;
Math.random = () => random() / 100;
