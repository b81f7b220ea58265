import { handle } from "./handler.ts";

const worker: { fetch(request: Request): Response | Promise<Response> } = {
  fetch: (request) => handle(request),
};

export default worker;
