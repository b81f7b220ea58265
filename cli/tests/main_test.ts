/** The command line as a whole. */
import { assertEquals, assertMatch } from "@std/assert";
import library from "../../deno.json" with { type: "json" };
import { runDeno } from "../../tools/command.ts";
import config from "../deno.json" with { type: "json" };
import { run } from "./_cli.ts";

const commands = ["tail", "serve", "record", "replay", "load"];

Deno.test("cli --help lists every command, and every command has a --help", async () => {
  const { code, stdout } = await run("--help");
  assertEquals(code, 0);
  const named = [...stdout.matchAll(/^ {2}(\w+) \[options\]/gm)];
  assertEquals(named.map(([, name]) => name), commands);
  const helps = await Promise.all(
    commands.map((name) => run(name, "--help")),
  );
  for (const [i, { code, stdout }] of helps.entries()) {
    assertEquals(code, 0);
    assertMatch(
      stdout,
      new RegExp(`^Usage: rivulet ${commands[i]} \\[options\\]`),
    );
    assertMatch(stdout, /-h, --help/);
  }
});

for (
  const [line, why] of [
    ["", /^Usage: rivulet/],
    ["listen", /unknown command 'listen'/],
    ["tail", /missing required argument 'url'/],
    ["tail localhost:8000", /It must begin with http:\/\/ or https:\/\//],
    ["tail http://localhost -H a", /It must be "name: value"/],
    ["tail http://localhost -H é:b", /It must be "name: value"/],
    ["tail http://localhost --colour", /unknown option '--colour'/],
    ["tail http://localhost -X GET -d a", /body must be omitted with GET/],
    ["record http://localhost", /missing required argument 'file'/],
    ["serve --port 65536", /It must be an integer from 0 to 65535/],
    ["serve --history 0", /It must be an integer from 1/],
    ["replay a --speed 0", /It must be a number above 0, or max/],
    ["load http://localhost -c 1.5", /It must be an integer from 1/],
    ["load http://localhost -t x", /It must be a number from 0\.001/],
  ] as const
) {
  Deno.test(`cli exits with 1 and reports what is wrong with "${line}"`, async () => {
    const args = line === "" ? [] : line.split(" ");
    const { code, stdout, stderr } = await run(...args);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, why);
  });
}

Deno.test("cli runs as a task, and prints the version of the package", async () => {
  const { success, stdout } = await runDeno(["task", "-q", "cli", "--version"]);
  assertEquals(success, true);
  assertEquals(stdout, `${config.version}\n`);
  assertEquals(config.version, library.version);
});
