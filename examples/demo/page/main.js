import { rejoin, showChat } from "./chat.js";
import { Connection } from "./connection.js";
import { showNews } from "./news.js";
import { count } from "./plot.js";
import { logEvent } from "./raw_log.js";
import { setClock } from "./server.js";
import { History } from "./tab.js";
import "./tokens.js";
import "./upload.js";

/** @param {import("./tab.js").Received} event */
function show(event) {
  const content = JSON.parse(event.data);
  logEvent(event);
  showNews(event.type, content);
  showChat(event.type, content);
  return content;
}

const history = new History();
for (const event of history.events) show(event);

const connection = new Connection(history.lastEventId, (event) => {
  history.add(event);
  count(show(event).at);
}, rejoin);

await setClock().catch(() => {});
connection.open();
