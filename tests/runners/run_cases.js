let current = "(before the first case)";

/**
 * Runs the bundled suite with its `settings`, one case after another, and writes a JSON line for each start, each end and
 * the end of all, so that a run which stops without a word still names the case it was in.
 */
export async function runCases({ CASE_FILTER = "", ...settings }) {
  for (const [name, value] of Object.entries(settings)) {
    // What workerd does not find in the environment is null there.
    if (value) globalThis[name] = value;
  }
  const { cases } = await loadSuite();
  for (const { name, run, stack, timeout = 60_000 } of cases) {
    if (!name.includes(CASE_FILTER ?? "")) continue;
    current = name;
    write({ start: name });
    const start = Date.now();
    const error = await failure(run, timeout);
    const place = stack?.match(/suite\.js:\d+:\d+/g)?.[1];
    write({ end: name, error, place, seconds: (Date.now() - start) / 1000 });
    // A rejection that nobody awaits is reported in a task of its own, in Chromium after timers that are due at once.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  write({ done: true });
}

/** Reports an error that nobody awaited, unless a case is about just that; every runtime has its own way to hear of it. */
export function failOutside(error) {
  if (error?.isExpectedOutside) return;
  write({ end: `${current} (outside the case)`, error: describe(error) });
}

async function loadSuite() {
  try {
    return await import("./suite.js");
  } catch (error) {
    failOutside(error);
    return { cases: [] };
  }
}

async function failure(run, timeout) {
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
