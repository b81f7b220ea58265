/** Which files may import which: imports point one way, rooms are entered by their doors, and nothing goes in a circle. */
import { runDeno } from "./command.ts";
import { findFiles } from "./files.ts";

/** One file's import of another, types included: paths from the root of the project, or a URL of something else. */
export interface Import {
  from: string;
  to: string;
}

interface Room {
  /** Its files and folders in `src`. */
  files: string[];
  /** The rooms that it may import from, besides itself. */
  uses: string[];
  /** What rooms above may import, when that is more than the door `mod.ts`. */
  open?: string[];
}

const BASE = ["ground", "internal"];

const ROOMS: Record<string, Room> = {
  ground: { files: ["event.ts", "error.ts", "standard_schema.ts"], uses: [] },
  internal: { files: ["internal/"], uses: ["ground"], open: ["internal/"] },
  contract: { files: ["contract.ts"], uses: BASE },
  streams: {
    files: ["encode.ts", "event_stream.ts", "merge.ts"],
    uses: [...BASE, "contract"],
  },
  // Apart from the streams: what this package has written it reads back without a parser.
  decoder: {
    files: ["parse.ts", "event_reader.ts", "decode.ts"],
    uses: [...BASE, "contract", "streams"],
  },
  client: {
    files: ["client/"],
    uses: [...BASE, "contract", "streams", "decoder"],
  },
  log: { files: ["log/"], uses: BASE, open: ["log/"] },
  // A Durable Object checks requests and options where they come in, before they go on to a channel; an answer of the AI
  // SDK follows its resumable stream.
  server: {
    files: ["server/"],
    uses: [...BASE, "contract", "streams", "log"],
    open: [
      "server/channel_options.ts",
      "server/request.ts",
      "server/response.ts",
      "server/resumable.ts",
    ],
  },
  deno_kv: { files: ["deno_kv/"], uses: [...BASE, "log"] },
  // The commands over HTTP that wait for messages answer with an event stream.
  redis: { files: ["redis/"], uses: [...BASE, "log", "decoder"] },
  // The tables are also those of a Durable Object.
  sql: {
    files: ["sql/"],
    uses: [...BASE, "log"],
    open: ["sql/tables.ts"],
  },
  durable_object: {
    files: ["durable_object/"],
    uses: [...BASE, "streams", "log", "sql", "server"],
  },
  hono: { files: ["hono/"], uses: [...BASE, "streams", "server"] },
  ai_sdk: { files: ["ai_sdk/"], uses: [...BASE, "streams", "log", "server"] },
  testing: { files: ["testing/"], uses: [...BASE, "log"] },
};

/** Imports that break a rule and are to go. Nothing is added here; one that is gone from the code is removed. */
const KNOWN: string[] = [
  "src/client/connection.ts -> src/client/options.ts",
  "src/client/request.ts -> src/client/options.ts",
];

/** Reads the imports of `mod.ts` and of everything in `src` below a folder. */
export async function readImports(root: string): Promise<Import[]> {
  const { href } = new URL(`file://${root}/`);
  const sources = ["mod.ts", ...findFiles(`${root}/src`, ".ts")];
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  const lines = sources.map((path) => `import "${new URL(path, href)}";\n`);
  await Deno.writeTextFile(entry, lines.join(""));
  const { success, stdout, output } = await runDeno(["info", "--json", entry]);
  await Deno.remove(entry);
  if (!success) throw new Error(`Cannot read the imports: ${output}`);
  const { modules } = JSON.parse(stdout) as { modules: Module[] };
  return modules.filter(({ specifier }) => specifier.startsWith(href))
    .flatMap(({ specifier, dependencies = [] }) =>
      dependencies.map(({ code, type, specifier: written }) => ({
        from: specifier.replace(href, ""),
        to: (code ?? type)?.specifier?.replace(href, "") ?? written,
      }))
    );
}

interface Module {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string };
    type?: { specifier?: string };
  }[];
}

/** Names the imports that break a rule, those known to do so aside, and the known ones that do not any more. */
export function checkImports(
  imports: Import[],
  known: string[] = KNOWN,
): string[] {
  const broken = imports.flatMap((edge) => {
    const reason = reasonAgainst(edge);
    return reason === undefined ? [] : [{ name: nameOf(edge), reason }];
  });
  const rest = imports.filter((edge) => !known.includes(nameOf(edge)));
  const names = new Set(imports.map(nameOf));
  const circle = findCircle(rest);
  return [
    ...broken.filter(({ name }) => !known.includes(name))
      .map(({ name, reason }) => `${name}: ${reason}`),
    ...circle === undefined ? [] : [`a circle: ${circle.join(" -> ")}`],
    ...known.filter((name) => !names.has(name))
      .map((name) => `${name} is gone: remove it from tools/imports.ts`),
  ];
}

function nameOf({ from, to }: Import): string {
  return `${from} -> ${to}`;
}

function reasonAgainst({ from, to }: Import): string | undefined {
  if (!to.startsWith("src/")) return "it leads out of the package";
  const target = roomOf(to);
  if (target === undefined) return `${to} is in no room of tools/imports.ts`;
  // The root door opens on everything.
  const source = from === "mod.ts" ? undefined : roomOf(from);
  if (source === target) return undefined;
  if (source !== undefined && !ROOMS[source]!.uses.includes(target)) {
    return `${source} may not import from ${target}`;
  }
  return isOpen(target, to) ? undefined : `${to} is inside of ${target}`;
}

function roomOf(path: string): string | undefined {
  return Object.keys(ROOMS).find((name) =>
    ROOMS[name]!.files.some((file) => isWithin(path, file))
  );
}

function isOpen(room: string, path: string): boolean {
  const { files, open = [] } = ROOMS[room]!;
  const isDoor = path.endsWith("/mod.ts") || files.includes(path.slice(4));
  return isDoor || open.some((file) => isWithin(path, file));
}

function isWithin(path: string, file: string): boolean {
  return file.endsWith("/")
    ? path.startsWith(`src/${file}`)
    : path === `src/${file}`;
}

/** Finds a path that ends where it began. */
function findCircle(imports: Import[]): string[] | undefined {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const { to } of targets.get(file) ?? []) {
      const circle = visit(to);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const circle = visit(file);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
