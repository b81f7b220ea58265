/** The answers that docs/frameworks.md prints for Express, in the page that docs/resumable.md prints. */
import { assertEquals } from "@std/assert";
import { App } from "../../support/app.ts";
import { readSection } from "../../support/section.ts";
import { Reader } from "../documents/reader.ts";

Deno.test("The answers for Express appear in the page of docs/resumable.md, also after a reload, and its button stops them", async () => {
  await using reader = await Reader.start();
  await using project = await reader.install(
    "docs/frameworks.md",
    "Express 5",
    "express@5.3.0",
    "@hono/node-server@2.1.9",
  );
  const { files } = await readSection("docs/resumable.md", "A model's answer");
  await project.write("index.html", files["index.html"]!);
  await using app = await App.start(project.folder, ["node", "answers.mjs"]);
  const page = await reader.open(app.url);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  const text = page.locator("#text");
  const status = page.locator("#status");

  await page.locator("input").fill("To be\u{2028}or not");
  await page.getByRole("button", { name: "Ask" }).click();
  await status.getByText("done", { exact: true }).waitFor();
  assertEquals(await text.textContent(), "To be\u{2028}or not");
  await page.reload();
  await status.getByText("done", { exact: true }).waitFor();
  assertEquals(await text.textContent(), "To be\u{2028}or not");

  await page.locator("input").fill("word ".repeat(1000));
  await page.getByRole("button", { name: "Ask" }).click();
  await text.getByText("word word").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await status.getByText("stopped", { exact: true }).waitFor();
  assertEquals(errors, []);
});
