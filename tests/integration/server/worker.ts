import { handle } from "./handler.ts";

export default { fetch: (request: Request) => handle(request) };
