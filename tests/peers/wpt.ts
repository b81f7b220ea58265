/**
 * The tests of the web platform for `EventSource`, in Chromium. Their folder is served as their own server does it, as far
 * as these tests go: names for other origins, pages made of scripts, and what their handlers in Python answer.
 */
import type { Browser } from "npm:playwright-core@1.65.1";
import { launchChromium } from "../runners/chromium.ts";
import type { CaseResult } from "../runners/outcome.ts";
import { inLanes } from "../support/lanes.ts";
import { answer } from "./wpt_handlers.ts";

type Case = Pick<CaseResult, "name" | "error">;

/** The timeout of a page in milliseconds. */
const LIMIT = 60_000;
/** How many pages run at a time. */
const WIDTH = 4;
/** Lets the page report the results of its harness. */
const REPORT = `add_completion_callback((tests, { status, message }) => {
  globalThis.found = {
    message: status === 0 ? undefined : message ?? "status " + status,
    cases: tests.map(({ name, status, message }) => ({
      name,
      error: status === 0 ? undefined : message ?? "status " + status,
    })),
  };
});`;

/** Runs the pages one after the other; without `script`, with the browser's own class. */
export async function runWpt(
  folder: string,
  script: string = Deno.readTextFileSync(`${folder}/rivulet.js`),
): Promise<Case[]> {
  const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using server = Deno.serve(
    listen,
    (request) => respond(folder, script, request),
  );
  const browser = await launchChromium([
    "--host-resolver-rules=MAP *.test 127.0.0.1",
  ]);
  const pages = findPages(folder);
  const cases: Record<string, Case[]> = {};
  try {
    // Most of a page's time is a wait.
    const url = `http://web-platform.test:${server.addr.port}`;
    await inLanes(pages.length, WIDTH, async (index) => {
      const path = pages[index]!;
      cases[path] = await runPage(browser, url, path);
    });
  } finally {
    await browser.close();
  }
  return Object.values(cases).flat();
}

async function runPage(
  browser: Browser,
  origin: string,
  path: string,
): Promise<Case[]> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${origin}/eventsource/${path}`);
  const found = await page
    .waitForFunction("globalThis.found", undefined, { timeout: LIMIT })
    .then((handle) => handle.jsonValue() as Promise<Found>)
    .catch((error) => ({ message: String(error), cases: [] }));
  await context.close();
  if (found.cases.length === 0) {
    return [{ name: path, error: found.message ?? "no case" }];
  }
  return found.cases.map(({ name, error }) => ({
    name: `${path}: ${name}`,
    ...error !== undefined && { error },
  }));
}

interface Found {
  message?: string;
  cases: { name: string; error?: string }[];
}

/** The pages of the folder, one for each place in which a script is to run. */
function findPages(folder: string): string[] {
  const pages: string[] = [];
  for (const sub of ["", "dedicated-worker/", "shared-worker/"]) {
    for (const { name } of Deno.readDirSync(`${folder}/eventsource/${sub}`)) {
      const path = sub + name;
      const stem = path.slice(0, -3);
      if (/\.html?$/.test(path)) pages.push(path);
      else if (/\.any(\.window)?\.js$/.test(path)) {
        pages.push(`${stem}.html`);
        if (path.endsWith(".any.js")) {
          pages.push(`${stem}.worker.html`, `${stem}.sharedworker.html`);
        }
      } else if (/\.(window|worker)\.js$/.test(path)) {
        pages.push(`${stem}.html`);
      }
    }
  }
  return pages.sort();
}

async function respond(
  folder: string,
  script: string,
  request: Request,
): Promise<Response> {
  const url = new URL(request.url);
  const { pathname } = url;
  if (pathname === "/rivulet.js") return javaScript(script);
  if (pathname === "/resources/testharnessreport.js") return javaScript(REPORT);
  if (pathname.endsWith(".py") || pathname.endsWith(".event_stream")) {
    return await answer(url, request);
  }
  const read = (path: string) =>
    Deno.readTextFile(folder + decodeURI(path)).catch(() => undefined);
  const text = await read(pathname);
  if (text === undefined) return await makePage(pathname, read);
  if (pathname.endsWith(".js")) {
    const target = request.headers.get("sec-fetch-dest") ?? "";
    const isWorker = target.endsWith("worker");
    return javaScript(isWorker ? `${script}\n${text}` : text);
  }
  return html(text.replace(/<head>|<meta[^>]*>|<title>|$/, `${TAG}$&`));
}

const TAG = `<script src="/rivulet.js"></script>`;

/** Makes a page, or a worker's script, of a script that wants one. */
async function makePage(
  pathname: string,
  read: (path: string) => Promise<string | undefined>,
): Promise<Response> {
  const worker = pathname.match(/^(.*\.any)\.worker\.js$/)?.[1];
  if (worker !== undefined) {
    return javaScript(`importScripts("/rivulet.js");
self.GLOBAL = { isWindow: () => false, isWorker: () => true };
importScripts("/resources/testharness.js");
${scriptsOf(await read(`${worker}.js`)).map(importOf).join("\n")}
importScripts("${worker}.js");
done();`);
  }
  const [, stem, kind] =
    pathname.match(/^(.*?)(?:\.any\.(worker|sharedworker))?\.html$/) ?? [];
  const source = `${stem}${kind ? ".any" : ""}.js`;
  const text = await read(source);
  if (text === undefined) return new Response(null, { status: 404 });
  const isWorker = kind !== undefined || stem!.endsWith(".worker");
  const name = kind === undefined ? source : `${stem}.any.worker.js`;
  const make = kind === "sharedworker" ? "SharedWorker" : "Worker";
  const title = text.match(/META: title=(.*)/)?.[1] ?? "";
  const run = isWorker
    ? `<script>fetch_tests_from_worker(new ${make}("${name}"));</script>`
    : `${scriptsOf(text).map(tagOf).join("")}<script src="${source}"></script>`;
  return html(`<!doctype html><meta charset="utf-8"><title>${title}</title>
${TAG}<script>self.GLOBAL = { isWindow: () => true, isWorker: () => false };</script>
<script src="/resources/testharness.js"></script>
<script src="/resources/testharnessreport.js"></script>
<body><div id="log"></div>${run}`);
}

function scriptsOf(text = ""): string[] {
  return [...text.matchAll(/META: script=(\S+)/g)].map(([, path]) => path!);
}

function importOf(path: string): string {
  return `importScripts("${path}");`;
}

function tagOf(path: string): string {
  return `<script src="${path}"></script>`;
}

function javaScript(text: string): Response {
  const headers = { "content-type": "text/javascript; charset=utf-8" };
  return new Response(text, { headers });
}

function html(text: string): Response {
  const headers = { "content-type": "text/html; charset=utf-8" };
  return new Response(text, { headers });
}
