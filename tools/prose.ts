/**
 * Checks the prose of documents and doc comments. Banned words and long sentences are errors; passive voice and weasel
 * words are warnings. As the main module it prints both.
 */
import { fromMarkdown } from "npm:mdast-util-from-markdown@2.0.2";
import { gfmFromMarkdown } from "npm:mdast-util-gfm@3.1.0";
import { toString } from "npm:mdast-util-to-string@4.0.0";
import { gfm } from "npm:micromark-extension-gfm@3.0.0";
import { visit } from "npm:unist-util-visit@5.0.0";
import writeGood from "npm:write-good@1.0.8";
import { findFiles } from "./files.ts";

/** Banned words, and what to write instead. */
const BANNED: readonly [RegExp, string][] = [
  [
    /\bbehind (?:the |its |an? |each |every |that |this |their )?(?:last |next |first )?(?:append|blank|byte|chunk|commit|connection|end|events?|gap|ids?|publication|read|response|write)\b/i,
    "after",
  ],
  [/\b(?:tells?|told|says?|said) of\b/i, "reports, describes"],
  [/\b(?:is|are|was|be|been) told\b/i, "receives"],
  [/\banew\b/i, "again"],
  [
    /\bof (?:yours|ours|(?:its|their|our|your|one's|his) own)\b/i,
    "your, its own",
  ],
  [/\bcom(?:es?|ing) to nothing\b|\bcame to nothing\b/i, "fails"],
  [/\blet(?:s|ting)? go\b/i, "releases, deletes"],
  [/\bsigns? of life\b/i, "activity, heartbeat"],
  [/\b(?:it|this|that|which) is no (?!longer|more|one)\w/i, "is not a"],
  [/\b(?:in )?so many\b/i, "the number"],
  [/(?:^|[.;:] )Should \w/, "If"],
  [/\b(?:whoever|whosoever|somebody|strangers?)\b/i, "the actor's name"],
  [/\bwho comes (?:late|back|later)\b/i, "a client that connects later"],
  [/\bbears\b/i, "handles"],
  [/\bat hand\b/i, "available"],
  [/\bthe short of it\b/i, "in short"],
  [/\bnothing to (?:anybody|nobody|anyone)\b/i, "ignored"],
];

/** The maximum number of words in a sentence. */
const MAX_WORDS = 45;

/** A passage of text and its position. */
interface Passage {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** The errors and warnings of a check. */
export interface ProseReport {
  readonly errors: string[];
  readonly warnings: string[];
}

/** Checks documents, and the doc comments of sources. */
export async function checkProse(
  documents: readonly string[],
  sources: readonly string[],
): Promise<ProseReport> {
  const report: ProseReport = { errors: [], warnings: [] };
  for (const path of documents) {
    const text = await Deno.readTextFile(path);
    for (const one of passagesOf(path, text, 1)) check(one, report);
  }
  for (const path of sources) {
    const text = await Deno.readTextFile(path);
    for (const [comment, line] of commentsOf(text)) {
      for (const one of passagesOf(path, comment, line)) check(one, report);
    }
  }
  return report;
}

/** Returns the paragraphs, headings and table cells of a Markdown text, without code. */
function passagesOf(path: string, markdown: string, first: number): Passage[] {
  const tree = fromMarkdown(markdown, {
    extensions: [gfm()],
    mdastExtensions: [gfmFromMarkdown()],
  });
  const passages: Passage[] = [];
  visit(tree, ["paragraph", "heading", "tableCell"], (node) => {
    visit(node, "inlineCode", (code: { value: string }) => {
      // Replace code with one word, so that the sentence keeps its length.
      code.value = "CODE";
    });
    const line = first + node.position!.start.line - 1;
    const text = toString(node).replace(/\s+/g, " ");
    passages.push({ path, line, text });
  });
  return passages;
}

/** Returns the doc comments of a source, without asterisks and tag names. */
function commentsOf(source: string): [comment: string, line: number][] {
  return [...source.matchAll(/\/\*\*(.*?)\*\//gs)].map((match) => {
    const text = match[1]!.replace(/^[ \t]*\* ?/gm, "")
      .replace(/\{@linkcode ([^}]+)\}/g, "`$1`")
      .replace(/@(?:default) \{[^}]*\}/g, "")
      .replace(/^@(?:param|throws) (?:\{\w+\} )?(?:\w+ )?/gm, "\n");
    return [text, source.slice(0, match.index).split("\n").length];
  });
}

function check({ path, line, text }: Passage, report: ProseReport): void {
  const where = `${path}:${line}`;
  for (const [pattern, instead] of BANNED) {
    const [found] = text.match(pattern) ?? [];
    if (found === undefined) continue;
    report.errors.push(`${where}: "${found}": write ${instead}: ${text}`);
  }
  for (const { segment } of segmenter.segment(text)) {
    const words = segment.trim().split(" ").length;
    if (words <= MAX_WORDS) continue;
    report.errors.push(`${where}: a sentence of ${words} words: ${segment}`);
  }
  for (
    const { reason } of writeGood(text, { eprime: false, tooWordy: false })
  ) {
    report.warnings.push(`${where}: ${reason}: ${text}`);
  }
}

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

if (import.meta.main) {
  const paths = Deno.args.length > 0 ? Deno.args : [
    ...findFiles(".", ".md"),
    "mod.ts",
    ...findFiles("src", ".ts"),
  ];
  const isDocument = (path: string) => path.endsWith(".md");
  const { errors, warnings } = await checkProse(
    paths.filter(isDocument),
    paths.filter((path) => !isDocument(path)),
  );
  console.log([...warnings, ...errors].join("\n"));
  console.log(`${errors.length} errors, ${warnings.length} warnings`);
}
