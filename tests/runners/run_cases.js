const timeout = 60_000;
let current = "(before the first case)";

/**
 * Runs the bundled suite, one case after another, and writes a JSON line for each start, each end and the end of all, so
 * that a run which stops without a word still names the case it was in.
 */
export async function runCases(fixtureUrl) {
  globalThis.fixtureUrl = fixtureUrl;
  for (const { name, run } of await loadCases()) {
    current = name;
    write({ start: name });
    write({ end: name, error: await failure(run) });
    // A rejection is reported a turn after its promise was left alone.
    await new Promise((resolve) => setTimeout(resolve));
  }
  write({ done: true });
}

/** Reports an error that nobody awaited; every runtime has its own way to hear of it. */
export function failOutside(error) {
  write({ end: `${current} (outside the case)`, error: describe(error) });
}

async function loadCases() {
  try {
    return (await import("./suite.js")).cases;
  } catch (error) {
    failOutside(error);
    return [];
  }
}

async function failure(run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Not finished after ${timeout} ms`)),
      timeout,
    );
  });
  try {
    await Promise.race([run(), late]);
  } catch (error) {
    return describe(error);
  } finally {
    clearTimeout(timer);
  }
}

function write(line) {
  console.log(`@case ${JSON.stringify(line)}`);
}

// Not every stack begins with the message, and not everything that is thrown has one.
function describe(error) {
  const stack = String(error?.stack ?? "");
  return stack.includes(error?.message) ? stack : `${error}\n${stack}`;
}
