import { Channel, type EventLog } from "@rivulet/sse";

/** What the routes of the app do. */
export interface App {
  /** Answers with the last events, then with each that is published. */
  follow(request: Request): Promise<Response>;
  /** Publishes the body of a request. */
  publish(request: Request): Promise<Response>;
  /** Ends all responses; their clients reconnect to another instance. */
  stop(): Promise<void>;
}

const MAX_LENGTH = 1000;

/** Makes the app; its events are kept in the log. */
export function createApp(log: EventLog): App {
  const news = new Channel({ log, from: { last: 20 } });
  return {
    follow: (request) => news.respond(request),
    async publish(request) {
      // Everybody may publish here. In an app of your own, check who it is.
      const data = await request.text();
      if (data === "" || data.length > MAX_LENGTH) {
        const message = `Send 1 to ${MAX_LENGTH} characters`;
        return new Response(message, { status: 400 });
      }
      return new Response(await news.publish({ data }), { status: 201 });
    },
    stop: () => news.drain({ over: 2000 }),
  };
}
