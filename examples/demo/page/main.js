import { goAway, rejoin, showChat } from "./chat.js";
import { append, element, find, setText, storedId } from "./dom.js";
import { showNews } from "./news.js";
import { count, showCounts } from "./proof.js";
import { drawEvent, drawOutages } from "./timeline.js";
import "./tokens.js";
import "./upload.js";

const MAX_ROWS = 200;
const NOTICE = find("notice").textContent;
const restarts = document.querySelectorAll("[data-action=restart]");
const browser = storedId(localStorage, "browser");
let status = { opened: 0, outages: [], ahead: 0 };

/** @returns {Promise<MessagePort>} The way to the browser's one stream. */
async function openPort() {
  if (typeof SharedWorker === "function") {
    return new SharedWorker("/stream.js", { type: "module" }).port;
  }
  // Without shared workers (Chrome on Android) each tab opens its own stream.
  const { port1, port2 } = new MessageChannel();
  const { serve } = await import("./stream.js");
  serve(port2);
  return port1;
}

/** @param {import("./stream.js").Received} event */
function show(event) {
  const content = JSON.parse(event.data);
  count(event);
  logEvent(event);
  showNews(event.type, content);
  showChat(event.type, content);
  if (content.at >= status.since) drawEvent(content.at, event.received);
}

/** Shows an event as it arrived. */
function logEvent({ type, id, data }) {
  const cells = [type, id, data].map((text) => element("td", {}, text));
  append(find("events"), element("tr", {}, ...cells), MAX_ROWS);
  setText("last-event-id", id);
}

/** Shows how the stream is. */
function showStatus(newStatus) {
  const isNew = newStatus.opened > status.opened;
  status = newStatus;
  const { isOpen, outages, client, server, reconnections, notice } = status;
  const isOut = outages.length > 0 && outages.at(-1).to === undefined;
  const connected = isOut ? "Connected, silent" : "Connected";
  const closed = isOut ? "Reconnecting" : "Connecting";
  setText("state", isOpen ? connected : closed);
  find("state").dataset.state = isOpen && !isOut ? "open" : "waiting";
  find("proof").classList.toggle("waiting", isOut);
  setText("notice", notice || NOTICE);
  find("notice").classList.toggle("error", notice !== "");
  setText("reconnections", `${reconnections}`);
  find("controls").elements.client.value = client;
  if (server !== undefined) {
    const { process, before, canRestart, isRestarting } = server;
    const processes = [before, process, isRestarting ? "…" : undefined];
    setText("server", processes.filter(Boolean).join(" → "));
    for (const button of restarts) button.disabled = !canRestart;
    if (!canRestart) setText("restart", "No restart on this runtime");
  }
  if (isNew) rejoin();
}

const port = await openPort();
port.onmessage = ({ data: { events, status } }) => {
  showStatus(status);
  for (const event of events) show(event);
  showCounts(status.published);
  drawOutages(status);
};
port.postMessage({ browser });
setInterval(() => drawOutages(status), 100);

find("controls").onchange = ({ target }) =>
  port.postMessage({ client: target.value });
for (const button of document.querySelectorAll("[data-action]")) {
  const { action } = button.dataset;
  button.onclick = () => port.postMessage({ action });
}
addEventListener("pagehide", goAway);
