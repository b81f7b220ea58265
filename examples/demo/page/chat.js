import {
  append,
  element,
  find,
  randomId,
  send,
  storedId,
  time,
  untilReached,
} from "./dom.js";

const MAX = 200;
const member = `/chat/members/${storedId(sessionStorage, "tab")}`;

/**
 * Shows what happens in the chat room.
 *
 * @param {string} type
 * @param {any} happening
 */
export function showChat(type, { at, name, text }) {
  const content = {
    "new-message": () => [element("strong", {}, name), " ", text],
    "user-joined": () => [element("em", {}, `${name} joined`)],
    "user-left": () => [element("em", {}, `${name} left`)],
  }[type]?.();
  if (content === undefined) return;
  append(find("messages"), element("li", {}, time(at), " ", ...content), MAX);
}

/** Joins again after a connection was opened: the server may be another process, which knows no members. */
export async function rejoin() {
  if (membership() !== null) await attempt(join);
}

/** Tells the server that the page is closed or reloaded. */
export function goAway() {
  if (membership() !== null) send("POST", `${member}/away`).catch(() => {});
}

/** The name and the key of this tab's member. The key makes the server announce the member once. */
function membership() {
  return JSON.parse(sessionStorage.getItem("membership"));
}

async function join() {
  const browser = localStorage.getItem("browser");
  await send("PUT", member, { ...membership(), browser });
}

/** Sends a message until the server has it, which may be another server by now. With its key, it is published once. */
function deliver(message) {
  return untilReached(
    async () => {
      await join();
      await send("POST", `${member}/messages`, message);
    },
    () => showError("Cannot reach the server. The message is sent again …"),
  );
}

function showForm() {
  const isMember = membership() !== null;
  find("join").hidden = isMember;
  find("say").hidden = !isMember;
}

/** @param {string} text */
function showError(text) {
  find("chat-error").textContent = text;
}

/** @param {() => Promise<unknown>} action */
async function attempt(action) {
  try {
    await action();
    showError("");
  } catch (error) {
    showError(error.message);
  }
}

find("join").onsubmit = (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value;
  sessionStorage.setItem(
    "membership",
    JSON.stringify({ name, key: randomId() }),
  );
  attempt(async () => {
    try {
      await join();
    } catch (error) {
      sessionStorage.removeItem("membership");
      throw error;
    }
    showForm();
    find("say").elements.text.focus();
  });
};

find("say").onsubmit = (event) => {
  event.preventDefault();
  const { text: input, send: button } = event.target.elements;
  const text = input.value;
  button.disabled = true;
  attempt(() => deliver({ text, key: randomId() })).then(() => {
    button.disabled = false;
    if (find("chat-error").textContent === "" && input.value === text) {
      input.value = "";
    }
  });
};

find("leave").onclick = () =>
  attempt(async () => {
    await send("DELETE", member);
    sessionStorage.removeItem("membership");
    showForm();
    find("join").elements.name.focus();
  });

showForm();
