import { append, element, find, time } from "./dom.js";
import { send } from "./server.js";
import { randomId, tab } from "./tab.js";

const MAX = 200;
const member = `/chat/members/${tab}`;

/** What is being sent: when there was no answer, the second try has the same key. */
let draft = { text: "", key: "" };

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

/** Tells a server that may have been started anew who is here. */
export async function rejoin() {
  const name = sessionStorage.getItem("name");
  if (name !== null) await attempt(() => send("PUT", member, { name }));
}

function showForm() {
  const isMember = sessionStorage.getItem("name") !== null;
  find("join").hidden = isMember;
  find("say").hidden = !isMember;
}

/** @param {() => Promise<unknown>} action */
async function attempt(action) {
  try {
    await action();
    find("chat-error").textContent = "";
  } catch (error) {
    find("chat-error").textContent = error.message;
  }
}

find("join").onsubmit = (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value;
  attempt(async () => {
    await send("PUT", member, { name });
    sessionStorage.setItem("name", name);
    showForm();
    find("say").elements.text.focus();
  });
};

find("say").onsubmit = (event) => {
  event.preventDefault();
  const input = event.target.elements.text;
  if (draft.text !== input.value) {
    draft = { text: input.value, key: randomId() };
  }
  attempt(async () => {
    const { text } = draft;
    await send("POST", `${member}/messages`, draft);
    draft = { text: "", key: "" };
    if (input.value === text) input.value = "";
  });
};

find("leave").onclick = () =>
  attempt(async () => {
    await send("DELETE", member);
    sessionStorage.removeItem("name");
    showForm();
    find("join").elements.name.focus();
  });

showForm();
