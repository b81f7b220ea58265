/**
 * The `picture` task: creates docs/demo.png, which shows the demo after a disconnect and a restart, while an answer is
 * streaming. Requires Chromium.
 */
import UPNG from "npm:upng-js@2.1.0";
import { startOnDeno } from "../tests/integration/demo/demo.ts";
import { DemoPage } from "../tests/integration/demo/demo_page.ts";
import { launchChromium } from "../tests/runners/chromium.ts";

const path = "docs/demo.png";
const width = 1280;
const maxSize = 150_000;

const folder = await Deno.makeTempDir({ prefix: "picture_" });
await using stack = new AsyncDisposableStack();
stack.defer(() => Deno.remove(folder, { recursive: true }));
const demo = stack.use(await startOnDeno(`${folder}/demo.db`));
const browser = await launchChromium();
stack.defer(() => browser.close());

const viewport = { width, height: 1200 };
const options = { colorScheme: "light", viewport } as const;
const visitor = stack.use(await DemoPage.open(browser, demo.url, options));
const friend = stack.use(await DemoPage.open(browser, demo.url));

await visitor.join("Ann");
await friend.join("Ben");
await friend.say("Shall I restart the server?");
await visitor.receive(35);
await visitor.button("Cut the connection").click();
await visitor.reconnected(1);
await visitor.receive(15);
await visitor.say("Yes, right now.");
await visitor.button("Ask this question").click();
await visitor.receive(5);
await visitor.button("Restart the server").click();
await visitor.reconnected(2);
await friend.say("Everything is still here.");
await visitor.waitForText("#messages li", "still here");
await visitor.receive(4);
// Move the pointer away, so that no button shows its hover style.
await visitor.page.mouse.move(0, 0);

const box = await visitor.page.locator("#tokens").boundingBox();
const clip = { x: 0, y: 0, width, height: box!.y + box!.height + 12 };
const screenshot = await visitor.page.screenshot({ clip });
// A palette of 256 colors more than halves the size.
const image = UPNG.decode(new Uint8Array(screenshot).buffer);
const frames = UPNG.toRGBA8(image);
const encoded = UPNG.encode(frames, image.width, image.height, 256);
const picture = new Uint8Array(encoded);
if (picture.length > maxSize) {
  throw new Error(
    `Cannot save picture: ${path} must be at most ${maxSize} bytes: received ${picture.length}`,
  );
}
await Deno.writeFile(path, picture);
console.log(`${path}: ${picture.length} bytes`);
