// Every portable suite; `deno task test` fails when one is missing here.
import "./client/event_source_test.ts";
import "./client/event_source_interface_test.ts";
import "./client/resume_test.ts";
import "./codec/decoder_test.ts";
import "./codec/encoder_test.ts";
import "./codec/parser_test.ts";
import "./log/memory_random_test.ts";
import "./log/memory_test.ts";
import "./log/wrong_logs_test.ts";
import "./server/keep_alive_test.ts";
import "./server/respond_test.ts";
import "./contract/contract_test.ts";
import "./contract/json_test.ts";
import "./contract/ordered_encoder_test.ts";
import "./contract/typed_stream_test.ts";

export { cases } from "./_test.ts";
