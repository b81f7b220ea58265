/** The programs that documents print, as their readers follow them: in fresh folders with the packed package. */
import { assertEquals } from "@std/assert";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import { pack } from "../../../tools/packed.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { bare, readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { Project } from "../package/package.ts";

/** The command that runs a file in Deno. */
export function deno(file: string): [string, ...string[]] {
  const permissions = ["net", "read", "write", "env"]
    .map((name) => `--allow-${name}`);
  return [Deno.execPath(), "run", "--quiet", ...permissions, file];
}

/** `Deno.serve()` listens on this port, whichever the program passes. */
export const onPort = { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:$PORT" };

/** What a reader has: the packed package, and a browser. */
export class Reader implements AsyncDisposable {
  readonly #folder: string;
  readonly #tarball: string;
  readonly #browser: Browser;

  private constructor(folder: string, tarball: string, browser: Browser) {
    this.#folder = folder;
    this.#tarball = tarball;
    this.#browser = browser;
  }

  static async start(): Promise<Reader> {
    const folder = await Deno.makeTempDir({ prefix: "documents_" });
    const all = await Promise.all([pack(folder), launchChromium()]);
    return new Reader(folder, ...all);
  }

  /** Follows a section in a fresh project. */
  async install(
    document: string,
    heading: string,
    ...packages: string[]
  ): Promise<Project> {
    const section = await readSection(document, heading);
    assertEquals(section.packages, packages.map(bare));
    const project = await Project.empty();
    await writeAll(project, section.files);
    await project.install(this.#tarball, ...packages);
    return project;
  }

  /** Opens a page in a separate browser, which accepts any certificate. */
  async open(url: string): Promise<Page> {
    const options = { ignoreHTTPSErrors: true };
    const page = await (await this.#browser.newContext(options)).newPage();
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The command in a section that begins with these words; `deno` is the one that runs the test. */
export async function printedCommand(
  document: string,
  heading: string,
  words: string,
): Promise<[string, ...string[]]> {
  const text = await Deno.readTextFile(document);
  const [, section] = text.split(`\n## ${heading}\n`);
  const line = section?.split("\n").find((line) => line.startsWith(words));
  if (line === undefined) throw new Error(`${document} lacks ${words}`);
  const [command = "", ...args] = line.split(" ");
  return [command === "deno" ? Deno.execPath() : command, ...args];
}

/** Writes files into a project. */
export async function writeAll(
  project: Project,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await project.write(name, text);
  }
}

/** Publishes a headline. */
export async function publish(url: string, text: string): Promise<void> {
  const response = await fetch(url, { method: "POST", body: text });
  await response.body?.cancel();
  assertEquals(response.ok, true);
}

/** Waits until a list of the page shows these items, and no others. */
export async function shows(
  page: Page,
  list: string,
  ...expected: string[]
): Promise<void> {
  const items = () => page.locator(`${list} li`).allTextContents();
  await until(async () => (await items()).length >= expected.length);
  assertEquals(await items(), expected);
}
