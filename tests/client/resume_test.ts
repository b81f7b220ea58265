import { assertEquals } from "@std/assert";
import { test } from "../_test.ts";
import { faces } from "./_faces.ts";
import { realServer } from "./_server.ts";

const options = {
  retry: { delay: 0, minDelay: 0, maxAttempts: Infinity },
  // Without it, connect() treats a stream that ends before the first ID as finished.
  reconnectOnEnd: true,
};
const frames = [
  "id: 1\ndata: a\n\n",
  "id: é😀\n: a comment\ndata: é\ndata: 😀\n\n",
  "id: 3\n\n",
  "id: 4\nretry: 0\ndata\n\n",
  "id: 5\ndata: e\n\n",
];
const events = [["a", "1"], ["é\n😀", "é😀"], ["", "4"], ["e", "5"]];
const { length } = new TextEncoder().encode(frames.join(""));

for (const [name, read] of faces) {
  for (const untilClose of [false, true]) {
    const how = untilClose ? "ended" : "broken";

    test(`${name} delivers every event once and in order when a real stream is ${how} at any byte`, async () => {
      let cut = 0;
      const cutOn = async () => {
        while (cut <= length) {
          const at = cut++;
          const server = await realServer({ frames, cuts: [at], untilClose });
          const outcome = await read(server.url, options);
          assertEquals<unknown>(outcome.events, events, `cut at ${at}`);
        }
      };
      await Promise.all(Array.from({ length: 5 }, cutOn));
    });

    test(`${name} delivers every event once and in order when each real stream is ${how} one byte later`, async () => {
      const cuts = Array.from({ length }, (_, cut) => cut);
      const server = await realServer({ frames, cuts, untilClose });
      const outcome = await read(server.url, options);
      assertEquals<unknown>(outcome.events, events);
    });
  }
}
