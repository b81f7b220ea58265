/** The documents as their readers walk through them. */
import { assertEquals } from "@std/assert";
import { findFiles } from "../../tools/files.ts";

const documents = findFiles(".", ".md");

/** Every link of a document to another place of the project: the path, and the heading that is meant. */
async function linksOf(document: string): Promise<[string, string][]> {
  const text = await Deno.readTextFile(document);
  const prose = text.replace(/^```.*?^```/gms, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!);
  return targets.filter((to) => !/^[a-z]+:/.test(to)).map((to) => {
    const [path = "", heading = ""] = to.split("#");
    const base = new URL(document, "file:///");
    const { pathname } = new URL(path === "" ? base : path, base);
    return [pathname.slice(1), heading];
  });
}

/** What a heading is linked to by. */
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

async function headingsOf(document: string): Promise<string[]> {
  const text = await Deno.readTextFile(document);
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    anchor(heading!)
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("Every link of a document has a target", async () => {
  const broken: string[] = [];
  for (const document of documents) {
    for (const [path, heading] of await linksOf(document)) {
      const leads = await exists(path) &&
        (heading === "" || (await headingsOf(path)).includes(heading));
      if (!leads) broken.push(`${document}: ${path}#${heading}`);
    }
  }
  assertEquals(broken, []);
});

Deno.test("Every configuration for wrangler has a compatibility date that the last one for Node 20 knows", async () => {
  const dates: string[] = [];
  for (const document of documents) {
    const text = await Deno.readTextFile(document);
    for (const [block] of text.matchAll(/^```jsonc\n.*?^```$/gms)) {
      if (!block.includes("compatibility_flags")) continue;
      const [, date = "none"] = /"compatibility_date": "(.*?)"/.exec(block) ??
        [];
      dates.push(`${document}: ${date}`);
    }
  }
  assertEquals(dates.length > 0, true);
  assertEquals(dates.filter((date) => !date.endsWith(" 2026-04-01")), []);
});
