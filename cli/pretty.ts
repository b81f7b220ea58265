const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const OPENING = ["{", "["];
const CLOSING = ["}", "]"];

/** Indents JSON and changes nothing else, no digit and no order of keys. Returns any other text unchanged. */
export function indentJson(text: string): string {
  const tokens = isJson(text) ? text.match(TOKENS)! : [];
  let indented = "";
  let depth = 0;
  let last = "";
  for (const token of tokens) {
    const closes = CLOSING.includes(token);
    if (closes) depth--;
    const begins = OPENING.includes(last) && !closes || last === ",";
    const ends = closes && !OPENING.includes(last);
    if (begins || ends) indented += `\n${"  ".repeat(depth)}`;
    indented += token === ":" ? ": " : token;
    if (OPENING.includes(token)) depth++;
    last = token;
  }
  return tokens.length === 0 ? text : indented;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
