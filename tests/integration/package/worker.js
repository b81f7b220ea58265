import { run } from "./example.ts";

export default {
  async fetch(_request, { SERVER_URL }) {
    return Response.json(await run(SERVER_URL));
  },
};
