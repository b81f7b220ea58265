/** Runs a function this many times, several at a time. */
export async function inLanes(
  count: number,
  lanes: number,
  work: (index: number, lane: number) => unknown,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    while (next < count) await work(next++, lane);
  }));
}
