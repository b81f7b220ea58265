import { find } from "./dom.js";
import { send } from "./server.js";

const answer = find("answer");
/** @type {EventSource | undefined} */
let source;

/** @param {string} state What to tell, when nothing more comes. */
function end(state) {
  source?.close();
  source = undefined;
  showRunning(false);
  find("answer-status").textContent = state;
}

/** @param {boolean} isRunning */
function showRunning(isRunning) {
  find("ask").disabled = isRunning;
  find("stop").disabled = !isRunning;
  answer.setAttribute("aria-busy", String(isRunning));
}

/**
 * Follows an answer from its beginning: the log has it all.
 *
 * @param {string} id
 */
function follow(id) {
  answer.textContent = "";
  showRunning(true);
  find("answer-status").textContent = "Reload the page: the answer goes on.";
  source = new EventSource(`/answers/${id}`);
  source.addEventListener("token", ({ data }) => answer.append(data));
  source.addEventListener("done", () => end("Complete."));
  source.addEventListener("failed", ({ data }) => end(data));
  source.onerror = () => {
    // 204: the stream has ended without its last event, for somebody stopped it.
    if (source?.readyState === EventSource.CLOSED) end("Stopped.");
  };
}

find("ask").onclick = async () => {
  try {
    const response = await send("POST", "/answers");
    const { id } = await response.json();
    sessionStorage.setItem("answer", id);
    follow(id);
  } catch (error) {
    end(error.message);
  }
};

find("stop").onclick = () =>
  send("DELETE", `/answers/${sessionStorage.getItem("answer")}`).catch((
    error,
  ) => end(error.message));

const id = sessionStorage.getItem("answer");
if (id !== null) follow(id);
