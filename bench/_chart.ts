/** A bar. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The label beside it. */
  readonly label: string;
  /** Whether it belongs to this package. */
  readonly isOwn: boolean;
}

/** Bars on one scale. */
export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const BAR = 18;
const LEFT = 210;
const WIDTH = 680;
const LABEL = 70;

// Without a background, so that it fits light and dark pages.
const style = `<style>
text { fill: #1c2330; }
.own { fill: #1a6fd6; }
.peer { fill: #9aa4b2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef; }
  .own { fill: #5aa2f5; }
  .peer { fill: #6b7686; }
}
</style>`;

/** Draws groups of bars below each other, each on its own scale. */
export function drawChart(title: string, groups: readonly BarGroup[]): string {
  const parts: string[] = [];
  let top = 34;
  for (const { title, bars } of groups) {
    const most = Math.max(...bars.map(({ value }) => value));
    parts.push(text(12, top + 14, title, "bold"));
    top += 22;
    for (const bar of bars) {
      parts.push(drawBar(bar, top, most));
      top += BAR + 4;
    }
    top += 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escape(title)}</title>`,
    style,
    text(12, 22, title, "bold"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function drawBar(
  { name, value, label, isOwn }: Bar,
  top: number,
  most: number,
): string {
  const width = (value / most * (WIDTH - LEFT - LABEL)).toFixed(1);
  const kind = isOwn ? "own" : "peer";
  return text(24, top + 13, name, "normal") +
    `<rect class="${kind}" x="${LEFT}" y="${top}" width="${width}" height="${BAR}"/>` +
    text(LEFT + Number(width) + 6, top + 13, label, "normal");
}

function text(x: number, y: number, content: string, weight: string): string {
  return `<text x="${x}" y="${y}" font-weight="${weight}">${
    escape(content)
  }</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
