/**
 * A literal, slow implementation of the standard's algorithm: the oracle of the tests.
 *
 * The quoted sentences are those of the HTML standard, 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting an event stream".
 */

/** The state of a reader after the last byte of a stream. */
export interface Interpretation {
  /** `type`, `data` and `lastEventId` of every event. */
  events: [type: string, data: string, lastEventId: string][];
  /** The last event ID string of the event source. */
  lastEventId: string;
  /** The reconnection time, if the stream set one. */
  reconnectionTime: number | undefined;
  /** The lines that the standard ignores, without the colon and one space after it. */
  comments: string[];
}

/** The buffers of 9.2.6, and the results. */
interface State extends Interpretation {
  dataBuffer: string;
  eventTypeBuffer: string;
  lastEventIdBuffer: string;
}

/** Interprets a whole stream that starts with the given last event ID. */
export function interpret(
  stream: Uint8Array,
  lastEventId = "",
): Interpretation {
  // [spec] "When a stream is parsed, a data buffer, an event type buffer, and a last event ID buffer must be associated with it. They must be
  // initialized to the empty string."
  // The buffer starts as the string here: a connection that is resumed keeps its ID until the server sets another, as in every browser.
  const state: State = {
    events: [],
    lastEventId,
    reconnectionTime: undefined,
    comments: [],
    dataBuffer: "",
    eventTypeBuffer: "",
    lastEventIdBuffer: lastEventId,
  };
  for (const line of splitLines(utf8Decode(stream))) {
    processLine(state, line);
  }
  // [spec] "Once the end of the file is reached, any pending data must be discarded. (If the file ends in the middle of an event, before the final
  // empty line, the incomplete event is not dispatched.)"
  const { events, reconnectionTime, comments } = state;
  return {
    events,
    lastEventId: state.lastEventId,
    reconnectionTime,
    comments,
  };
}

/**
 * [spec] "Streams must be decoded using the UTF-8 decode algorithm." "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
 */
function utf8Decode(stream: Uint8Array): string {
  const marked = stream[0] === 0xEF && stream[1] === 0xBB && stream[2] === 0xBF;
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(marked ? stream.subarray(3) : stream);
}

/**
 * [spec] "The stream must then be parsed by reading everything line by line, with a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single
 * U+000A LINE FEED (LF) character not preceded by a U+000D CARRIAGE RETURN (CR) character, and a single U+000D CARRIAGE RETURN (CR) character not followed
 * by a U+000A LINE FEED (LF) character being the ways in which a line can end."
 *
 * Text after the last line end is not a line.
 */
function splitLines(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === "\n" && text.charAt(index - 1) === "\r") continue;
    if (character === "\n" || character === "\r") {
      lines.push(line);
      line = "";
    } else {
      line += character;
    }
  }
  return lines;
}

/** [spec] "Lines must be processed, in the order they are received, as follows:" */
function processLine(state: State, line: string): void {
  const colon = line.indexOf(":");
  if (line === "") {
    // [spec] "If the line is empty (a blank line): Dispatch the event, as defined below."
    dispatchEvent(state);
  } else if (colon === 0) {
    // [spec] "If the line starts with a U+003A COLON character (:): Ignore the line."
    state.comments.push(withoutSpace(line.slice(1)));
  } else if (colon > 0) {
    // [spec] "If the line contains a U+003A COLON character (:): Collect the characters on the line before the first U+003A COLON character (:), and let
    // field be that string. Collect the characters on the line after the first U+003A COLON character (:), and let value be that string."
    processField(
      state,
      line.slice(0, colon),
      withoutSpace(line.slice(colon + 1)),
    );
  } else {
    // [spec] "Otherwise, the string is not empty but does not contain a U+003A COLON character (:): Process the field using the steps described below,
    // using the whole line as the field name, and the empty string as the field value."
    processField(state, line, "");
  }
}

/** [spec] "If value starts with a U+0020 SPACE character, remove it from value." */
function withoutSpace(value: string): string {
  return value.charAt(0) === " " ? value.slice(1) : value;
}

/** [spec] "The steps to process the field given a field name and a field value depend on the field name, as given in the following list." */
function processField(state: State, field: string, value: string): void {
  switch (field) {
    // [spec] "Set the event type buffer to the field value."
    case "event":
      state.eventTypeBuffer = value;
      break;
    // [spec] "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data buffer."
    case "data":
      state.dataBuffer += value;
      state.dataBuffer += "\n";
      break;
    // [spec] "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise, ignore the field."
    case "id":
      if (!value.includes("\0")) state.lastEventIdBuffer = value;
      break;
    // [spec] "If the field value consists of only ASCII digits, then interpret the field value as an integer in base ten, and set the event stream's
    // reconnection time to that integer. Otherwise, ignore the field."
    case "retry":
      if (/^[0-9]+$/.test(value)) state.reconnectionTime = Number(value);
      break;
      // [spec] "Otherwise: The field is ignored."
  }
}

/** [spec] "When the user agent is required to dispatch the event, the user agent must process the event using the steps appropriate to it:" */
function dispatchEvent(state: State): void {
  // [spec] "1. Set the last event ID string of the event source to the value of the last event ID buffer. The buffer does not get reset, so the last
  // event ID string of the event source remains set to this value until the next time it is set by the server."
  state.lastEventId = state.lastEventIdBuffer;
  const data = state.dataBuffer;
  const type = state.eventTypeBuffer;
  // [spec] "2. If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return."
  // [spec] "7. Set the data buffer and the event type buffer to the empty string."
  state.dataBuffer = "";
  state.eventTypeBuffer = "";
  if (data === "") return;
  state.events.push([
    // [spec] "5. ... Initialize event's type attribute to "message" ... 6. If the event type buffer has a value other than the empty string, change the
    // type of the newly created event to equal the value of the event type buffer."
    type === "" ? "message" : type,
    // [spec] "3. If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove the last character from the data buffer."
    data.endsWith("\n") ? data.slice(0, -1) : data,
    state.lastEventId,
  ]);
}
