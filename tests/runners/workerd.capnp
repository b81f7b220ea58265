using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (
      name = "suite",
      worker = (
        modules = [
          (name = "workerd.js", esModule = embed "workerd.js"),
          (name = "web.js", esModule = embed "web.js"),
          (name = "run_cases.js", esModule = embed "run_cases.js"),
          (name = "suite.js", esModule = embed "suite.js"),
        ],
        compatibilityDate = "2026-11-01",
        compatibilityFlags = ["enable_request_signal"],
        bindings = [
          (name = "FIXTURE_URL", fromEnvironment = "FIXTURE_URL"),
          (name = "RIVULET_SEED", fromEnvironment = "RIVULET_SEED"),
          (name = "RIVULET_FULL", fromEnvironment = "RIVULET_FULL"),
          (name = "CASE_FILTER", fromEnvironment = "CASE_FILTER"),
        ],
        globalOutbound = "loopback",
      ),
    ),
    (name = "loopback", network = (allow = ["local"])),
  ],
);
