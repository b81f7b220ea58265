/** What the handlers of the web platform's tests for `EventSource` answer. */

type Handler = (
  query: URLSearchParams,
  headers: Headers,
  cookies: Record<string, string>,
) => Response | Promise<Response>;

const type = { "content-type": "text/event-stream" };

function stream(body: string, init: ResponseInit = {}): Response {
  return new Response(body, {
    ...init,
    headers: { ...type, ...init.headers as Record<string, string> },
  });
}

/** A Set-Cookie header that sets a cookie, or deletes it. */
function cookie(name: string, value?: string): Record<string, string> {
  const end = value === undefined ? "; max-age=0" : "";
  return { "set-cookie": `${name}=${value ?? ""}; path=/${end}` };
}

const handlers: Record<string, Handler> = {
  "accept.event_stream": (_, headers) =>
    stream(`data: ${headers.get("accept")}\n\n`),

  "cache-control.event_stream": (_, headers) =>
    stream(`data: ${headers.get("cache-control")}\n\n`),

  "message.py": async (query) => {
    const pause = Number(query.get("sleep") ?? 0);
    await new Promise((resolve) => setTimeout(resolve, pause));
    const end = query.get("newline") === "none" ? "\n" : "\n\n\n";
    const body = new TextEncoder().encode(
      (query.get("message") ?? "data: data") + end,
    );
    const mime = query.get("mime") ?? "text/event-stream";
    return new Response(body, { headers: { "content-type": mime } });
  },

  "message2.py": () => {
    const block = "data:msg\ndata: msg\n\n:\nfalsefield:msg\n\n" +
      "falsefield:msg\nData:data\n\ndata\n\ndata:end\n\n";
    let timer: ReturnType<typeof setInterval>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const send = () => controller.enqueue(new TextEncoder().encode(block));
        send();
        timer = setInterval(send, 2000);
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(body, {
      headers: { ...type, "cache-control": "no-cache" },
    });
  },

  "last-event-id.py": (query, headers) => {
    const id = headers.get("last-event-id");
    if (id) return stream(`data: ${utf8(id)}\n\n`);
    return stream(
      `id: ${query.get("idvalue") ?? "…"}\nretry: 200\ndata: hello\n\n`,
    );
  },

  "last-event-id2.py": (query) =>
    stream(
      {
        2: "id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n",
        3: "id: 1\ndata: 1\n\nid\ndata:2\n\ndata:3\n\n",
      }[Number(query.get("type"))] ??
        "id: 1\ndata: 1\n\ndata: 2\n\nid: 2\ndata:3\n\ndata:4\n\n",
    ),

  "reconnect-fail.py": (query, _, cookies) => {
    const name = `recon_fail_${query.get("id")}`;
    if (cookies[name] === "opened") {
      const headers = cookie(name, "reconnected");
      return stream("data: reconnected\n\n", { headers });
    }
    if (cookies[name] === "reconnected") {
      return new Response(null, { status: 204, headers: cookie(name) });
    }
    const headers = cookie(name, "opened");
    return stream("retry: 2\ndata: opened\n\n", { headers });
  },

  "status-error.py": (query) => {
    const status = Number(query.get("status") ?? 404);
    return status === 204 || status === 205
      ? new Response(null, { status, headers: type })
      : stream("data: data\n\n", { status });
  },

  "status-reconnect.py": (query, _, cookies) => {
    const status = query.get("status") ?? "204";
    const name = `request${query.get("id") ?? status}`;
    if (cookies[name] === status) {
      return stream("data: data\n\n", { headers: cookie(name) });
    }
    const body = `retry: 2\n${query.has("ok_first") ? "data: ok\n\n" : ""}`;
    const init = { status: Number(status), headers: cookie(name, status) };
    return init.status === 204 || init.status === 205
      ? new Response(null, { ...init, headers: { ...type, ...init.headers } })
      : stream(body, init);
  },

  "cors-cookie.py": (query, headers, cookies) => {
    const name = query.get("ident") ?? "test";
    const has = name in cookies ? "COOKIE" : "NO_COOKIE";
    const id = headers.get("last-event-id") ?? "";
    const response = id === ""
      ? stream(`id: 1\nretry: 200\ndata: first ${has}\n\n`, {
        headers: cookie(name, "COOKIE"),
      })
      : id === "1"
      ? stream(`id: 2\ndata: second ${has}\n\n`, { headers: cookie(name) })
      : new Response(`data: ${id}${has}\n\n`, {
        headers: { "content-type": "stop" },
      });
    const origin = query.get("origin") ?? headers.get("origin")!;
    const credentials = query.get("credentials") ?? "true";
    if (origin !== "none") {
      response.headers.set("access-control-allow-origin", origin);
    }
    if (credentials !== "none") {
      response.headers.set("access-control-allow-credentials", credentials);
    }
    return response;
  },

  "cors.py": async (query, headers, cookies) => {
    const run = query.get("run")!;
    const name = run === "cache-control" ? `${run}.event_stream` : `${run}.py`;
    const response = await handlers[name]!(query, headers, cookies);
    const origin = query.get("origin") ?? headers.get("origin")!;
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set(
      "access-control-allow-credentials",
      query.get("credentials") ?? "true",
    );
    return response;
  },

  "redirect.py": (query) =>
    new Response(null, {
      status: Number(query.get("status") ?? 302),
      headers: { location: query.get("location")! },
    }),
};

/** The text of a header, whose characters are the bytes of its UTF-8. */
function utf8(bytes: string): string {
  return new TextDecoder().decode(
    Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)),
  );
}

/** Answers a request as the handler of its path does. */
export async function answer(url: URL, request: Request): Promise<Response> {
  const handler = handlers[url.pathname.split("/").at(-1)!];
  if (handler === undefined) return new Response(null, { status: 404 });
  const cookies = Object.fromEntries(
    (request.headers.get("cookie") ?? "").split("; ")
      .map((pair) => pair.split("=") as [string, string]),
  );
  return await handler(url.searchParams, request.headers, cookies);
}
