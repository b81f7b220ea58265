using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (
      name = "main",
      worker = (
        modules = [(name = "worker", esModule = embed "bundle.js")],
        compatibilityDate = "2026-11-01",
        compatibilityFlags = ["enable_request_signal"],
        bindings = [(name = "SERVER_URL", fromEnvironment = "SERVER_URL")],
        globalOutbound = "loopback",
      ),
    ),
    (name = "loopback", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);
