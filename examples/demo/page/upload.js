import { element, find, send } from "./dom.js";

const status = find("upload-status");
const bar = find("upload-bar");
/** @type {EventSource | undefined} */
let source;

/** @param {string} message */
function fail(message) {
  source?.close();
  status.classList.add("error");
  status.replaceChildren(message);
}

/**
 * Follows an upload on a separate stream, which both ends close with it. Resolves once the stream is open: one that
 * opens after the upload has ended would receive nothing.
 */
function follow(id) {
  source?.close();
  source = new EventSource(`/uploads/${id}/events`);
  source.addEventListener("progress-update", ({ data }) => {
    const { received, size } = JSON.parse(data);
    bar.value = received / size;
  });
  source.addEventListener("upload-complete", ({ data }) => {
    source?.close();
    const { link, name } = JSON.parse(data);
    status.replaceChildren("Complete: ", element("a", { href: link }, name));
  });
  source.addEventListener(
    "upload-error",
    ({ data }) => fail(JSON.parse(data).message),
  );
  return new Promise((resolve, reject) => {
    source.onopen = resolve;
    source.onerror = ({ target }) => {
      if (target.readyState !== EventSource.CLOSED) return;
      reject(new Error("Cannot follow the upload. Try again."));
    };
  });
}

find("send-file").onsubmit = async (event) => {
  event.preventDefault();
  const [file] = event.target.elements.file.files;
  bar.value = 0;
  status.classList.remove("error");
  status.textContent = "Uploading …";
  try {
    const { name, size } = file;
    const response = await send("POST", "/uploads", { name, size });
    const { id } = await response.json();
    await follow(id);
    await send("PUT", `/uploads/${id}`, file);
  } catch (error) {
    fail(error.message);
  }
};
