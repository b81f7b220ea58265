/** What docs/metrics.md reports to OpenTelemetry, with its SDK and with Deno's built-in support. */
import { assertEquals } from "@std/assert";
import type { Attributes, Meter } from "npm:@opentelemetry/api@^1";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@^3";
import { MemoryLog } from "../../../src/log/memory.ts";
import { Channel } from "../../../src/server/channel.ts";
import { startDeno } from "../../../tools/process.ts";
import { open, publish } from "../../server/_channel.ts";
import { requestOf } from "../../server/_client.ts";
import { TestLog } from "../../server/_log.ts";
import { importProgram } from "../../support/program.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";

interface Recipe {
  observeChannel(meter: Meter, channel: Channel, name: string): () => void;
}

const place = ["docs/metrics.md", "OpenTelemetry"] as const;

/** The SDK, which exports on request. */
class Sdk implements AsyncDisposable {
  readonly #exporter = new InMemoryMetricExporter(
    AggregationTemporality.CUMULATIVE,
  );
  readonly #provider: MeterProvider;

  constructor() {
    const exporter = this.#exporter;
    const reader = new PeriodicExportingMetricReader({ exporter });
    this.#provider = new MeterProvider({ readers: [reader] });
  }

  get meter(): Meter {
    return this.#provider.getMeter("test");
  }

  async collect(): Promise<MetricData[]> {
    this.#exporter.reset();
    await this.#provider.forceFlush();
    const [exported] = this.#exporter.getMetrics();
    return exported?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? [];
  }

  async [Symbol.asyncDispose]() {
    await this.#provider.shutdown();
  }
}

/** A metric as text: one line for its description and one for its values. */
function show({ descriptor, dataPointType, dataPoints, ...rest }: MetricData) {
  const kind = dataPointType === DataPointType.GAUGE
    ? "gauge"
    : "isMonotonic" in rest && rest.isMonotonic
    ? "counter"
    : "up and down";
  const values = dataPoints.map(({ attributes, value }) => {
    const { "rivulet.channel.name": name, ...others } = attributes;
    assertEquals(name, "news");
    return [Object.values(others as Attributes).join(" "), value] as const;
  });
  return [
    descriptor.name.replace("rivulet.channel.", ""),
    `${kind} ${descriptor.unit}`,
    Object.fromEntries(values),
  ] as const;
}

Deno.test("observeChannel() of the docs reports every member of stats to the SDK of OpenTelemetry, and stops", async () => {
  await using sdk = new Sdk();
  const log = new TestLog(new MemoryLog({ maxEvents: 2 }));
  const news = new Channel({ log, keepAlive: false, maxSubscribers: 2 });
  const recipe = await importProgram<Recipe>(...place, "observe_channel.ts");
  const stop = recipe.observeChannel(sdk.meter, news, "news");

  await publish(news, "1");
  const id = await publish(news, "2", "3");
  const gone = await open(news, id.replace("-3", "-0"));
  await gone.until("data: 3\n\n");
  await gone.leave();
  const failed = await open(news, id.replace("-3", "-1"), {
    filter: () => {
      throw new Error("no");
    },
  });
  await failed.rest();
  const lost = await open(news, "made up");
  await lost.until("data: 3\n\n");
  const slow = await open(news);
  await slow.until("id: ");
  await (await news.respond(requestOf())).body?.cancel();
  await lost.leave();
  for (const data of ["4", "5", "6"]) await publish(news, data);
  await until(() => news.stats.behind > 0);
  log.appendFailure = new Error("lost");
  await publish(news, "7").catch(() => {});

  const { appends, reads, behind, delivered, bytes } = news.stats;
  assertEquals((await sdk.collect()).map(show), [
    ["subscriber.count", "up and down {subscriber}", { "": 1 }],
    ["subscriber.lag", "gauge {event}", { "": behind }],
    [
      "subscriptions",
      "counter {subscription}",
      { ended: 0, failed: 1, disconnected: 2, closed: 0, refused: 1 },
    ],
    ["published.events", "counter {event}", { "": 6 }],
    ["delivered.events", "counter {event}", { "": delivered }],
    ["delivered.size", "counter By", { "": bytes }],
    [
      "gaps",
      "counter {gap}",
      { trimmed: 1, epoch: 0, invalid: 1, ahead: 0 },
    ],
    ["evicted.events", "gauge {event}", { "": 4 }],
    ["errors", "counter {error}", { "": 1 }],
    ["log.operations", "counter {operation}", {
      "append": 5,
      "append _OTHER": 1,
      "read": reads.count,
      "read _OTHER": 0,
    }],
    [
      "log.operation.time",
      "counter s",
      { append: appends.time / 1000, read: reads.time / 1000 },
    ],
  ]);

  await slow.leave();
  stop();
  log.appendFailure = undefined;
  await publish(news, "7");
  // The SDK repeats the last values that it received.
  const after = Object.fromEntries(
    (await sdk.collect()).map(show).map(([name, , values]) => [name, values]),
  );
  assertEquals([news.stats.published, after["published.events"]], [7, {
    "": 6,
  }]);
});

Deno.test("The program of the docs sends the metrics with the OpenTelemetry of Deno", async () => {
  const folder = await Deno.makeTempDir({ prefix: "metrics_" });
  const imports = {
    "@rivulet/sse": import.meta.resolve("../../../mod.ts"),
    "@rivulet/sse/server": import.meta.resolve("../../../src/server/mod.ts"),
  };
  const config = { "deno.json": JSON.stringify({ imports }) };
  const { files } = await readSection(...place);
  for (const [name, text] of Object.entries({ ...files, ...config })) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const received = Promise.withResolvers<void>();
  const collector = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
  }, async (request) => {
    const text = await request.text();
    if (text.includes("rivulet.channel.published.events")) received.resolve();
    return Response.json({});
  });
  const program = startDeno(`${folder}/main.ts`, [], {
    cwd: folder,
    env: {
      DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    },
  });
  const ended = program.ended.then((code) => {
    throw new Error(`The program has ended with ${code}`);
  });
  await Promise.race([received.promise, ended]);
  await program.kill();
  await ended.catch(() => {});
  await collector.shutdown();
  await Deno.remove(folder, { recursive: true });
});
