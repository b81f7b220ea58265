# The demo on workerd. From the root of the project:
#
#   deno bundle --platform=browser --output=examples/demo/build/worker.js examples/demo/worker.ts
#   deno bundle --platform=browser --minify --output=examples/demo/build/client.js src/client/mod.ts
#   npx workerd serve examples/demo/worker.capnp
#
# and open http://127.0.0.1:8000/.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "demo", worker = (
      modules = [(name = "worker.js", esModule = embed "build/worker.js")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "CLIENT", text = embed "build/client.js"),
        (name = "DEMO", durableObjectNamespace = "Demo"),
      ],
      durableObjectNamespaces = [(className = "Demo", uniqueKey = "demo", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "disk", disk = (path = "examples/demo/build", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8000", http = (), service = "demo")],
);
