import { serve } from "npm:@hono/node-server@2.1.8";
import { handle } from "./handler.ts";

serve(
  { fetch: handle, hostname: "127.0.0.1", port: 0 },
  ({ port }) => console.log(`http://127.0.0.1:${port}`),
);
