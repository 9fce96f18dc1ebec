import { type ListenAddress, parseListenAddress } from "../ground/listenAddress.ts";
import { cannotRead, quoted, type Reading, readText } from "./reading.ts";
import type { BaseUrlSetting, ListenSetting } from "./settings.ts";

/** Where to listen, and whether a person chose that address. */
export interface ChosenAddress extends ListenAddress {
  readonly isExplicit: boolean;
}

/** Null: `off`. */
export function readListen(reading: Reading, setting: ListenSetting): ChosenAddress | null {
  const text = readText(reading, setting);
  if ((text ?? setting.default) === "off") {
    return null;
  }
  const address = parseListenAddress(text ?? setting.default);
  if (address === null) {
    const remedy = `use HOST:PORT such as ${setting.example ?? setting.default}, [ADDRESS]:PORT for IPv6, or off`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text ?? "")}`, remedy));
    return null;
  }
  return { ...address, isExplicit: text !== null };
}

const BASE_URL_CHARS_MAX = 1_024;

/** Without a slash at its end. No fault repeats the URL, which may hold a password by mistake. */
export function readBaseUrl(reading: Reading, setting: BaseUrlSetting): string | null {
  const text = readText(reading, setting);
  if (text === null) {
    return null;
  }
  const problem = baseUrlProblem(text);
  if (problem !== null) {
    reading.faults.push(cannotRead(setting.name, problem, "use a URL such as https://events.example.com/postrider"));
    return null;
  }
  return new URL(text).href.replace(/\/+$/, "");
}

function baseUrlProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\/[^/]/i.test(text)) {
    return "it is no http or https URL";
  }
  if (url.username !== "" || url.password !== "") {
    return "it has a user name or a password";
  }
  if (/[?#]/.test(text)) {
    return "it has a query or a fragment";
  }
  return text.length > BASE_URL_CHARS_MAX ? `it has more than ${BASE_URL_CHARS_MAX} characters` : null;
}
