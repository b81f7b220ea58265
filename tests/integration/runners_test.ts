import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../../tools/command.ts";
import { startFixture } from "../fixture/start.ts";
import { copyRunners } from "../runners/bundle.ts";
import { findChromium } from "../runners/chromium.ts";
import { runDenoTest } from "../runners/deno.ts";
import { type CaseResult, readOutcome } from "../runners/outcome.ts";
import { describeFailure, describeSlowest } from "../runners/report.ts";
import { runtimes } from "../runners/runtimes.ts";

const suite = `
export const cases = [
  { name: "passes", run() {} },
  { name: "reaches the fixture", async run() {
    const response = await fetch(globalThis.FIXTURE_URL + "/echo");
    if ((await response.json()).method !== "GET") throw new Error("no echo");
  } },
  { name: "throws", run() { throw new Error("thrown") } },
  { name: "leaves a rejection", run() { Promise.reject(new Error("left")) } },
  { name: "hangs", timeout: 300, run() { return new Promise(() => {}) } },
  { name: "passes again", async run() {} },
];
`;

function reportOf(cases: CaseResult[]): string {
  return cases.filter(({ error }) => error !== undefined)
    .map(({ name, error }) => `${name}\n${error}`).join("\n");
}

for (const [name, runtime] of Object.entries(runtimes)) {
  if (name === "chromium" && await findChromium() === undefined) continue;
  Deno.test(`${name} reports failures, timeouts and unhandled rejections`, async () => {
    const folder = await Deno.makeTempDir();
    await copyRunners(folder);
    await Deno.writeTextFile(`${folder}/suite.js`, suite);
    await using fixture = await startFixture({ SUITE_FOLDER: folder });
    const { passed, failed, cases } = await runtime(folder, {
      FIXTURE_URL: fixture.url,
    });
    await Deno.remove(folder, { recursive: true });
    const report = reportOf(cases);

    assertEquals({ passed, failed }, { passed: 4, failed: 3 }, report);
    assertStringIncludes(report, "throws\nError: thrown");
    assertStringIncludes(report, "leaves a rejection (outside the case)\n");
    assertStringIncludes(report, "hangs\nError: Not finished after 300 ms");
  });
}

Deno.test("runDenoTest() reports failures, leaks and unhandled rejections", async () => {
  const path = await Deno.makeTempFile({ suffix: "_test.js" });
  await Deno.writeTextFile(
    path,
    `Deno.test("passes", () => {});
     Deno.test("throws", () => { throw new Error("thrown") });
     Deno.test("leaves a timer", () => void setTimeout(() => {}, 1e5));`,
  );
  const cases = await runDenoTest([path]);
  await Deno.writeTextFile(path, `Promise.reject(new Error("left"));`);
  const outside = await runDenoTest([path]);
  await Deno.remove(path);

  const report = reportOf(cases.cases);
  assertEquals([cases.passed, cases.failed], [1, 2], report);
  assertStringIncludes(report, "Error: thrown");
  assertStringIncludes(report, "timer");
  assertEquals([outside.passed, outside.failed], [0, 1], outside.report);
  assertStringIncludes(outside.report, "Error: left");
});

Deno.test("runDenoTest() reports the case that hangs", async () => {
  const path = await Deno.makeTempFile({ suffix: "_test.js" });
  await Deno.writeTextFile(
    path,
    `Deno.test("passes", () => {});
     Deno.test("hangs", () => new Promise((end) => setTimeout(end, 1e8)));`,
  );
  // A hundred times the time to reach the case.
  const { failed, report } = await runDenoTest([path], {}, 10_000);
  await Deno.remove(path);

  assertEquals(failed, 1, report);
  assertStringIncludes(report, "hangs => ");
  assertEquals(report.includes("passes"), false, report);
});

Deno.test("runCommand() does not wait for a child process that holds the output of a hanging command", async () => {
  const script = "trap '' INT; sleep 60 & echo $!; wait";
  const { success, stdout, output } = await runCommand("sh", ["-c", script], {
    limit: 2000,
  });
  Deno.kill(Number(stdout), "SIGKILL");
  assertEquals(success, false);
  assertStringIncludes(output, "silent for 2000 ms");
});

Deno.test("readOutcome() reports the case during which a run ended early", () => {
  const { passed, failed, cases } = readOutcome(
    '@case {"start":"a"}\n@case {"end":"a"}\n@case {"start":"b"}\nkilled',
  );
  assertEquals({ passed, failed }, { passed: 1, failed: 1 });
  const report = reportOf(cases);
  assertStringIncludes(report, "b ended early");
  assertStringIncludes(report, "killed");
});

Deno.test("describeFailure() returns the case, its runtime, its seed and the command that runs only this case", () => {
  const name = "x does what's right";
  const place = "tests/a_test.ts:1:2";
  const error = "Error: no";
  const one = { name, place, error, seconds: 1 };
  assertEquals(
    describeFailure("deno", one, "7"),
    `FAILED in deno: x does what's right
  file: tests/a_test.ts:1:2
  seed: 7
  repeat: deno task test --only=deno --seed=7 --filter='x does what'\\''s right' tests/a_test.ts

Error: no
`,
  );
});

Deno.test("describeSlowest() lists the slowest cases and files", () => {
  const cases = [1, 12, 5].map((seconds) => ({
    name: `takes ${seconds}`,
    place: `tests/${seconds % 2}_test.ts:1:${seconds}`,
    seconds,
  }));
  const lines = describeSlowest(cases).split("\n").map((line) => line.trim());
  assertEquals(lines.slice(1, 4), [
    "12.0 s  takes 12",
    "5.0 s  takes 5",
    "1.0 s  takes 1",
  ]);
  assertEquals(lines.slice(5), [
    "12.0 s  tests/0_test.ts",
    "6.0 s  tests/1_test.ts",
  ]);
});
