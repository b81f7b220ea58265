import { find, send, setText, untilReached } from "./dom.js";

const answer = find("answer");
/** @type {EventSource | undefined} */
let source;
/** Whether the last action was to stop. Progress does not replace what became of it. */
let isStopping = false;

/** @param {string} text */
function say(text) {
  setText("answer-status", text);
}

/** @param {string} text */
function sayProgress(text) {
  if (!isStopping) say(text);
}

/** @param {boolean} isRunning */
function showRunning(isRunning) {
  find("ask").disabled = isRunning;
  find("stop").disabled = !isRunning;
  answer.setAttribute("aria-busy", String(isRunning));
}

/** @param {string} text Why no more words come. */
function end(text) {
  source?.close();
  source = undefined;
  showRunning(false);
  say(text);
}

/**
 * Follows an answer from its first word: the log has them all.
 *
 * @param {string} id
 */
function follow(id) {
  let words = 0;
  answer.textContent = "";
  isStopping = false;
  showRunning(true);
  say("Writing …");
  source = new EventSource(`/answers/${id}`);
  source.addEventListener("token", ({ data }) => {
    answer.append(data);
    words++;
    // After a reconnection.
    sayProgress("Writing …");
  });
  source.addEventListener("done", () => end(`Complete: ${words} words`));
  source.addEventListener("stopped", () => end(`Stopped after ${words} words`));
  source.addEventListener(
    "failed",
    () => end(`The model’s process ended after ${words} words`),
  );
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) {
      sayProgress(`Reconnecting after ${words} words …`);
    } else {
      // The server refused, or the browser gave up.
      end("The answer is no longer available");
    }
  };
}

find("ask").onclick = async () => {
  showRunning(true);
  find("stop").disabled = true;
  answer.textContent = "";
  say("Asking …");
  try {
    const response = await send("POST", "/answers");
    const { id } = await response.json();
    sessionStorage.setItem("answer", id);
    follow(id);
  } catch (error) {
    end(error.message);
  }
};

find("stop").onclick = async () => {
  find("stop").disabled = true;
  isStopping = true;
  say("Stopping …");
  const path = `/answers/${sessionStorage.getItem("answer")}`;
  try {
    await untilReached(
      () => send("DELETE", path),
      () => say("Cannot reach the server. The stop is sent again …"),
    );
  } catch (error) {
    find("stop").disabled = false;
    say(error.message);
  }
};

const id = sessionStorage.getItem("answer");
if (id !== null) follow(id);
