import { FORMATS, type FormatName, SIGNED_FORMATS, UNSIGNED_FORMATS } from "./formatNames.ts";
import { HANDLING_OPTIONS, type Handling, readHandling } from "./handling.ts";
import { type NamesOf, numberOf, refuseUnknown, textsOf, wrong } from "./judgedOption.ts";
import { KEY_OPTIONS, readKeyOptions } from "./keyOptions.ts";
import type { Opener } from "./open.ts";
import type { ReceiverOptions } from "./options.ts";

/** Options that were found to be good, with what the others are by default. */
export interface Settings<Tx> extends Opener, Handling<Tx> {
  readonly formats: ReadonlySet<FormatName>;
  readonly handshakeOrigins: readonly string[];
  readonly bodyBytesMax: number;
}

const NAMES: NamesOf<ReceiverOptions<object, unknown>> = {
  ...KEY_OPTIONS,
  ...HANDLING_OPTIONS,
  formats: true,
  handshakeOrigins: true,
  bodyBytesMax: true,
};

const BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Judges options as they came, because not every caller has types. Throws ReceiveError. */
export function readOptions<Events extends object, Tx>(options: ReceiverOptions<Events, Tx>): Settings<Tx> {
  refuseUnknown(options, NAMES);
  return {
    ...readKeyOptions(options),
    ...readHandling(options),
    formats: formatsOf(options.formats ?? SIGNED_FORMATS),
    handshakeOrigins: textsOf("handshakeOrigins", options.handshakeOrigins),
    bodyBytesMax: numberOf("bodyBytesMax", options.bodyBytesMax ?? BODY_BYTES_MAX, 1, Number.MAX_SAFE_INTEGER),
  };
}

function formatsOf(formats: readonly FormatName[]): ReadonlySet<FormatName> {
  if (!Array.isArray(formats) || formats.length === 0) {
    throw wrong("formats", `give an array of ${FORMATS.join(", ")}`);
  }
  const unknown = formats.findIndex((format) => !FORMATS.includes(format));
  if (unknown !== -1) {
    throw wrong(`formats[${unknown}]`, `it is none of ${FORMATS.join(", ")}`);
  }
  const unsigned = formats.find((format) => UNSIGNED_FORMATS.includes(format));
  if (unsigned !== undefined && formats.length > 1) {
    throw wrong(
      "formats",
      `${unsigned} stands beside others; only headers tell it from them, and no signature covers headers: make a receiver for it alone`,
    );
  }
  return new Set(formats);
}
