let current = "(before the first case)";

/**
 * Runs the bundled suite with its `settings`, one case after another. Writes a JSON line when a case starts and ends,
 * and at the end of the run, so that the output of a hanging run shows the pending case.
 */
export async function runCases({ CASE_FILTER = "", ...settings }) {
  for (const [name, value] of Object.entries(settings)) {
    // In workerd, a missing environment variable is null.
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
    // Unhandled rejections are reported in a separate task, in Chromium even after timers without a delay.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  write({ done: true });
}

/** Reports an unhandled error, unless the case expects it. Each runtime detects such errors differently. */
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

// Not every stack starts with the message, and not every thrown value has a stack.
function describe(error) {
  const stack = String(error?.stack ?? "");
  return stack.includes(error?.message) ? stack : `${error}\n${stack}`;
}
