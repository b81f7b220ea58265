import { failOutside } from "./run_cases.js";

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  failOutside(event.reason);
});
globalThis.addEventListener("error", (event) => failOutside(event.error));
