/** The frameworks of docs/frameworks.md that are slow to install and to build. */
import { decode } from "../../../mod.ts";
import {
  checks,
  type Differences,
  follow,
  publish,
} from "../../integration/frameworks/checks.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { NodeProject } from "./project.ts";

interface Framework extends Differences {
  readonly section: string;
  readonly packages: readonly string[];
  /** The files of a new project that its section assumes. */
  readonly files: Readonly<Record<string, string>>;
  readonly build: readonly [string, ...string[]];
  readonly start: readonly [string, ...string[]];
}

const svelteKit = {
  section: "SvelteKit",
  files: {
    "vite.config.ts": `
        import adapter from "@sveltejs/adapter-node";
        import { sveltekit } from "@sveltejs/kit/vite";
        import { defineConfig } from "vite";
        export default defineConfig({ plugins: [sveltekit({ adapter: adapter() })] });`,
    "src/app.html":
      "<head>%sveltekit.head%</head><body>%sveltekit.body%</body>",
  },
  build: ["vite", "build"],
  start: ["node", "build"],
  contentType: "application/json",
} as const;

const frameworks: Record<string, Framework> = {
  next: {
    section: "Next.js",
    packages: [
      "next@16.4.6",
      "react@19.3.1",
      "react-dom@19.3.1",
      "typescript@5.9.3",
      "@types/react@19.3.3",
      "@types/node@24.19.4",
    ],
    files: {},
    build: ["next", "build"],
    start: ["next", "start", "-H", "localhost", "-p", "$PORT"],
    exitCode: 130,
  },
  nuxt: {
    section: "Nuxt",
    packages: ["nuxt@4.5.2"],
    files: {
      "nuxt.config.ts":
        `export default defineNuxtConfig({ compatibilityDate: "2026-11-01" });`,
    },
    build: ["nuxt", "build"],
    start: ["node", ".output/server/index.mjs"],
    reason: "closed",
  },
  sveltekit: {
    ...svelteKit,
    packages: [
      "@sveltejs/kit@3.2.0",
      "@sveltejs/adapter-node@6.0.1",
      "@sveltejs/vite-plugin-svelte@7.3.1",
      "svelte@5.57.3",
      "vite@8.4.0",
    ],
  },
  sveltekit2: {
    ...svelteKit,
    packages: [
      "@sveltejs/kit@2.70.4",
      "@sveltejs/adapter-node@5.5.7",
      "@sveltejs/vite-plugin-svelte@7.3.1",
      "svelte@5.57.3",
      "vite@8.4.0",
    ],
  },
};

/** In development a changed module is loaded again: its clients must receive the events that the new copy publishes. */
async function* reload(project: NodeProject): AsyncGenerator<string> {
  const dev = ["next", "dev", "-H", "localhost", "-p", "$PORT"] as const;
  await using app = await project.start(...dev);
  const received: string[] = [];
  const events = decode(await follow(app, {}));
  const reading = (async () => {
    for await (const { data } of events) {
      received.push(data);
      if (data === "It pours") break;
    }
  })();
  // Its failure would hide the error that ends the app.
  reading.catch(() => {});
  const source = await project.read("news.ts");
  await project.write("news.ts", `${source}\nconsole.log("loaded again");\n`);
  await until(async () => {
    await publish(app, "It rains", {});
    return app.output.includes("loaded again");
  });
  await publish(app, "It pours", {});
  await until(() => received.includes("It pours"));
  await reading;
  yield "keeps its clients when a module is loaded again in development";
}

/** The proofs, by the name of the framework. */
export const proofs: Record<string, Proof> = Object.fromEntries(
  Object.entries(frameworks).map(([name, framework]) => [
    name,
    (tarball) => prove(framework, tarball),
  ]),
);

/** Yields a line for each proof, and throws if one fails. */
export type Proof = (tarball: string) => AsyncIterable<string>;

async function* prove(
  framework: Framework,
  tarball: string,
): AsyncGenerator<string> {
  const { section, packages, build, start } = framework;
  const { files } = await readSection("docs/frameworks.md", section);
  const all = { ...framework.files, ...files };
  await using project = await NodeProject.make("24.21.0", all);
  await project.install(tarball, ...packages);
  await project.run(...build);
  yield `${packages[0]} builds with the files of the section`;
  for (const [name, check] of Object.entries(checks)) {
    await using app = await project.start(...start);
    await check(app, framework);
    yield name;
  }
  if (section === "Next.js") yield* reload(project);
}
