import type { CodecReport } from "./codec.ts";
import { meanOf } from "./_ratios.ts";

const BASE = "eventsource-parser/stream";
const SHOWN = [
  "batches()",
  "decode()",
  "EventDecoderStream",
  "eventsource-parser",
  BASE,
  "@std/http",
  "parse-sse",
  "fetch-event-stream",
];
const OWN = 3;
const BAR = 18;
const LEFT = 190;
const WIDTH = 640;

/** A bar and where its text stands. */
interface Row {
  name: string;
  value: number;
  isOwn: boolean;
}

/** Draws how fast each decoder is in each runtime, as a geometric mean over the loads, in multiples of one peer. */
export function drawChart(reports: Record<string, CodecReport>): string {
  const parts: string[] = [];
  let top = 34;
  const groups = Object.entries(reports)
    .map(([runtime, report]) => [runtime, rowsOf(report)] as const);
  for (const [runtime, rows] of groups) {
    // Each runtime has its own scale: the peer that is 1 is dozens of times slower in one than in another.
    const most = Math.max(...rows.map(valueOf));
    parts.push(text(12, top + 14, runtime, "bold"));
    top += 22;
    for (const row of rows) {
      parts.push(drawRow(row, top, most));
      top += BAR + 4;
    }
    top += 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(12, 22, `Decoding speed, ${BASE} = 1 (more is better)`, "bold"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function rowsOf({ decode }: CodecReport): Row[] {
  return SHOWN.flatMap((name, index) => {
    const claim = { group: "decode", ours: name, peers: [BASE] } as const;
    const value = meanOf(decode, claim);
    return value === undefined ? [] : [{ name, value, isOwn: index < OWN }];
  });
}

function valueOf({ value }: Row): number {
  return value;
}

function drawRow(
  { name, value, isOwn }: Row,
  top: number,
  most: number,
): string {
  const width = (value / most * (WIDTH - LEFT - 60)).toFixed(1);
  const fill = isOwn ? "#1a6fd6" : "#b4bcc8";
  return text(24, top + 13, name, "normal") +
    `<rect x="${LEFT}" y="${top}" width="${width}" height="${BAR}" fill="${fill}"/>` +
    text(LEFT + Number(width) + 6, top + 13, value.toFixed(2), "normal");
}

function text(x: number, y: number, content: string, weight: string): string {
  return `<text x="${x}" y="${y}" font-weight="${weight}" fill="#1c2330">${content}</text>`;
}
