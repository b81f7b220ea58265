# The channel on workerd. From the root of the project:
#
#   deno bundle --platform=browser --output=examples/channel/build/worker.js examples/channel/worker.ts
#   npx workerd serve examples/channel/worker.capnp

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "channel", worker = (
      modules = [(name = "worker.js", esModule = embed "build/worker.js")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "NEWS", durableObjectNamespace = "News")],
      durableObjectNamespaces = [(className = "News", uniqueKey = "news", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "disk", disk = (path = "examples/channel/build", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8000", http = (), service = "channel")],
);
