import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../../tools/command.ts";
import { startFixture } from "../fixture/start.ts";
import { copyRunners } from "../runners/bundle.ts";
import { findChromium } from "../runners/chromium.ts";
import { runDenoTest } from "../runners/deno.ts";
import { readOutcome } from "../runners/outcome.ts";
import { runtimes } from "../runners/runtimes.ts";

const suite = `
export const cases = [
  { name: "passes", run() {} },
  { name: "reaches the fixture", async run() {
    const response = await fetch(globalThis.fixtureUrl + "/echo");
    if ((await response.json()).method !== "GET") throw new Error("no echo");
  } },
  { name: "throws", run() { throw new Error("thrown") } },
  { name: "leaves a rejection", run() { Promise.reject(new Error("left")) } },
  { name: "hangs", timeout: 300, run() { return new Promise(() => {}) } },
  { name: "passes again", async run() {} },
];
`;

for (const [name, runtime] of Object.entries(runtimes)) {
  if (name === "chromium" && await findChromium() === undefined) continue;
  Deno.test(`${name} reports what fails, hangs and is left alone`, async () => {
    const folder = await Deno.makeTempDir();
    await copyRunners(folder);
    await Deno.writeTextFile(`${folder}/suite.js`, suite);
    await using fixture = await startFixture({ SUITE_FOLDER: folder });
    const { passed, failed, report } = await runtime(folder, fixture.url);
    await Deno.remove(folder, { recursive: true });

    assertEquals({ passed, failed }, { passed: 4, failed: 3 }, report);
    assertStringIncludes(report, "throws\nError: thrown");
    assertStringIncludes(report, "leaves a rejection (outside the case)\n");
    assertStringIncludes(report, "hangs\nError: Not finished after 300 ms");
  });
}

Deno.test("runDenoTest() reports what fails and is left alone", async () => {
  const path = await Deno.makeTempFile({ suffix: "_test.js" });
  await Deno.writeTextFile(
    path,
    `Deno.test("passes", () => {});
     Deno.test("throws", () => { throw new Error("thrown") });
     Deno.test("leaves a timer", () => void setTimeout(() => {}, 1e5));`,
  );
  const cases = await runDenoTest([path], "");
  await Deno.writeTextFile(path, `Promise.reject(new Error("left"));`);
  const outside = await runDenoTest([path], "");
  await Deno.remove(path);

  assertEquals([cases.passed, cases.failed], [1, 2], cases.report);
  assertStringIncludes(cases.report, "Error: thrown");
  assertStringIncludes(cases.report, "timer");
  assertEquals([outside.passed, outside.failed], [0, 1], outside.report);
  assertStringIncludes(outside.report, "Error: left");
});

Deno.test("runDenoTest() names the case that hangs", async () => {
  const path = await Deno.makeTempFile({ suffix: "_test.js" });
  await Deno.writeTextFile(
    path,
    `Deno.test("passes", () => {});
     Deno.test("hangs", () => new Promise((end) => setTimeout(end, 1e8)));`,
  );
  // A hundred times as long as it takes to come to the case.
  const { failed, report } = await runDenoTest([path], "", 10_000);
  await Deno.remove(path);

  assertEquals(failed, 1, report);
  assertStringIncludes(report, "hangs => ");
  assertEquals(report.includes("passes"), false, report);
});

Deno.test("runCommand() waits for nobody who holds the output of a command that hangs", async () => {
  const script = "trap '' INT; sleep 60 & echo $!; wait";
  const { success, stdout, output } = await runCommand("sh", ["-c", script], {
    limit: 2000,
  });
  Deno.kill(Number(stdout), "SIGKILL");
  assertEquals(success, false);
  assertStringIncludes(output, "silent for 2000 ms");
});

Deno.test("readOutcome() names the case in which a run broke off", () => {
  const { passed, failed, report } = readOutcome(
    '@case {"start":"a"}\n@case {"end":"a"}\n@case {"start":"b"}\nkilled',
  );
  assertEquals({ passed, failed }, { passed: 1, failed: 1 });
  assertStringIncludes(report, "b broke off");
  assertStringIncludes(report, "killed");
});
