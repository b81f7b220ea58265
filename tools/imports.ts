/** Checks the imports of the source: allowed directions, entry points of each room (a part of `src`), and no cycles. */
import { runDeno } from "./command.ts";
import { findFiles } from "./files.ts";

/** An import, including type imports: paths relative to the project, or the URL of an external module. */
export interface Import {
  from: string;
  to: string;
}

interface Room {
  /** The files and folders of the room in `src`. */
  files: string[];
  /** The other rooms that it may import. */
  uses: string[];
  /** The files that other rooms may import besides `mod.ts`. */
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
  // Separate from the streams, because the server parses the frames that it encoded without this parser.
  decoder: {
    files: [
      "wire_parser.ts",
      "event_parser.ts",
      "event_reader.ts",
      "decode.ts",
    ],
    uses: [...BASE, "contract", "streams"],
  },
  client: {
    files: ["client/"],
    uses: [...BASE, "contract", "streams", "decoder"],
  },
  log: { files: ["log/"], uses: BASE, open: ["log/"] },
  // A Durable Object checks requests and options before it forwards them to a channel, and the AI SDK adapter
  // subscribes to its resumable stream.
  server: {
    files: ["server/"],
    uses: [...BASE, "contract", "streams", "log"],
    open: [
      "server/channel_options.ts",
      "server/request.ts",
      "server/event_response.ts",
      "server/resumable.ts",
    ],
  },
  deno_kv: { files: ["deno_kv/"], uses: [...BASE, "log"] },
  // Redis over HTTP sends pub/sub messages as an event stream.
  redis: { files: ["redis/"], uses: [...BASE, "log", "decoder"] },
  // Durable Objects use the same tables.
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

/** Known violations. Do not add any. Remove an entry when its import is removed. */
const KNOWN: string[] = [];

/** Reads the imports of `mod.ts` and all files in `src`, relative to a folder. */
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

/** Returns the new violations, and the known ones that no longer exist. */
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
  const cycle = findCycle(rest);
  return [
    ...broken.filter(({ name }) => !known.includes(name))
      .map(({ name, reason }) => `${name}: ${reason}`),
    ...cycle === undefined ? [] : [`a cycle: ${cycle.join(" -> ")}`],
    ...known.filter((name) => !names.has(name))
      .map((name) =>
        `${name} no longer exists: remove it from tools/imports.ts`
      ),
  ];
}

function nameOf({ from, to }: Import): string {
  return `${from} -> ${to}`;
}

function reasonAgainst({ from, to }: Import): string | undefined {
  if (!to.startsWith("src/")) return "it imports from outside the package";
  const target = roomOf(to);
  if (target === undefined) return `${to} is in no room of tools/imports.ts`;
  // The root module may import everything.
  const source = from === "mod.ts" ? undefined : roomOf(from);
  if (source === target) return undefined;
  if (source !== undefined && !ROOMS[source]!.uses.includes(target)) {
    return `${source} may not import from ${target}`;
  }
  return isOpen(target, to) ? undefined : `${to} is private to ${target}`;
}

function roomOf(path: string): string | undefined {
  return Object.keys(ROOMS).find((name) =>
    ROOMS[name]!.files.some((file) => isWithin(path, file))
  );
}

function isOpen(room: string, path: string): boolean {
  const { files, open = [] } = ROOMS[room]!;
  const isEntry = path.endsWith("/mod.ts") || files.includes(path.slice(4));
  return isEntry || open.some((file) => isWithin(path, file));
}

function isWithin(path: string, file: string): boolean {
  return file.endsWith("/")
    ? path.startsWith(`src/${file}`)
    : path === `src/${file}`;
}

/** Finds a cycle. */
function findCycle(imports: Import[]): string[] | undefined {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const { to } of targets.get(file) ?? []) {
      const cycle = visit(to);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
