import type { Series } from "./_series.ts";

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 96;
const TOP = 40;
const BOTTOM = 44;
const COLOURS = ["#1a6fd6", "#c2410c", "#15803d"];

/** Draws series on one pair of axes that start at zero, as SVG. */
export function drawPlot(
  title: string,
  [xName, yName]: [string, string],
  series: Readonly<Record<string, Series>>,
): string {
  const points = Object.values(series).flat();
  const most = [0, 1].map((axis) => top(points.map((point) => point[axis]!)));
  const x = (value: number) => LEFT + value / most[0]! * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - value / most[1]! * (HEIGHT - TOP - BOTTOM);
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => {
    const [atX, atY] = [part * most[0]!, part * most[1]!];
    const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(atY)}" ` +
      `y2="${y(atY)}" stroke="#d8dde5"/>`;
    return [
      line,
      text(LEFT - 6, y(atY) + 4, atY, "end"),
      text(x(atX), HEIGHT - BOTTOM + 16, atX, "middle"),
    ];
  });
  const lines = Object.entries(series).map(([name, own], index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const path = own.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`);
    const [lastX, lastY] = own.at(-1)!;
    return `<polyline points="${path.join(" ")}" fill="none" ` +
      `stroke="${colour}" stroke-width="1.5"/>` +
      text(x(lastX) + 6, y(lastY) + 4, name, "start", colour);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(LEFT, 22, `${title} (${yName})`, "start"),
    ...grid,
    text(WIDTH - RIGHT, HEIGHT - 10, xName, "end"),
    ...lines,
    "</svg>\n",
  ].join("\n");
}

/** The maximum of an axis for the values: 1, 2 or 4 times a power of ten. */
function top(values: readonly number[]): number {
  const most = Math.max(...values);
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 10].find((times) => times * power >= most)! * power;
}

function text(
  x: number,
  y: number,
  content: string | number,
  anchor: string,
  fill = "#1c2330",
): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}
