import { printable } from "../ground/printable.ts";
import type { ReceivedRequest } from "./localReceiver.ts";

/** Shown of a body. */
const BODY_CHARS_MAX = 4_000;
const ONE_LINE_CHARS_MAX = 120;
const NAME_CHARS_MAX = 80;

/**
 * A request for a person to read, with a line end:
 *
 *     12:00:01.123Z  order.paid  0198c2f4-…  verified
 *       {"type":"order.paid","timestamp":"…","data":{"order_id": 42}}
 *
 * Everything that the sender wrote is made printable.
 */
export function requestText(request: ReceivedRequest): string {
  const { judgement, body } = request;
  const text = body.toString("utf8");
  const head = [
    new Date(request.receivedAtMs).toISOString().slice(11),
    shortened(typesOf(request)),
    shortened(request.id ?? noWebhookId(request)),
    "reason" in judgement ? `${judgement.kind.toUpperCase()}: ${judgement.reason}` : judgement.kind,
    ...(request.isDecrypted ? ["decrypted"] : []),
    ...(request.isDuplicate ? ["duplicate"] : []),
  ].join("  ");
  const lines = bodyLines(text.slice(0, BODY_CHARS_MAX), text.length > BODY_CHARS_MAX).map((line) => `  ${line}\n`);
  const rest = text.length > BODY_CHARS_MAX ? `  … (${body.length} bytes in all)\n` : "";
  return `${head}\n${lines.join("")}${rest}`;
}

function shortened(text: string): string {
  return printable(text.length > NAME_CHARS_MAX ? `${text.slice(0, NAME_CHARS_MAX)}…` : text);
}

function typesOf({ events, contentType = "" }: ReceivedRequest): string {
  const types = [...new Set(events.map(({ type }) => type))].join(", ");
  return events.length === 0
    ? `(no event) ${contentType}`.trim()
    : events.length === 1
      ? types
      : `${events.length} of ${types}`;
}

function noWebhookId({ events }: ReceivedRequest): string {
  const id = events[0]?.id ?? "";
  return id === "" ? "(no webhook-id)" : `${id} (no webhook-id)`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function bodyLines(text: string, isCut: boolean): readonly string[] {
  if (text === "") {
    return ["(empty)"];
  }
  const isOneLine = text.length <= ONE_LINE_CHARS_MAX && !text.includes("\n");
  if (isOneLine || isCut) {
    return text.split(/\r?\n/).map(printable);
  }
  return (text.startsWith("<") ? layOutXml(text) : isJson(text) ? layOut(text) : text.split(/\r?\n/)).map(printable);
}

/**
 * JSON over several lines. The text is cut into its tokens, not parsed and written again, which would change numbers such
 * as 1.10 or 12345678901234567890: a person sees what was signed.
 */
function layOut(json: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  let depth = 0;
  const breakLine = (): void => {
    lines.push(line);
    line = "  ".repeat(depth);
  };
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]\s*[\]}]|[[\]{}:,]|[^\s"[\]{}:,]+/g)) {
    if (token === "{" || token === "[") {
      line += token;
      depth += 1;
      breakLine();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      breakLine();
      line += token;
    } else if (token === ",") {
      line += token;
      breakLine();
    } else {
      line += token === ":" ? ": " : token;
    }
  }
  return [...lines, line];
}

/** XML over several lines: an element that has only text stays on one. Its texts are not changed. */
function layOutXml(xml: string): readonly string[] {
  const lines: string[] = [];
  let depth = 0;
  let isAfterText = false;
  for (const [part] of xml.matchAll(/<[^<>]*>|<|[^<]+/g)) {
    const isText = !part.startsWith("<") || part === "<";
    const isEnd = part.startsWith("</");
    depth -= isEnd ? 1 : 0;
    if (isAfterText || isText || (isEnd && isStart(lines.at(-1)?.trimStart() ?? ""))) {
      lines.push(`${lines.pop() ?? ""}${part}`);
    } else {
      lines.push(`${"  ".repeat(Math.max(0, depth))}${part}`);
    }
    isAfterText = isText;
    depth += isStart(part) ? 1 : 0;
  }
  return lines.flatMap((line) => line.split(/\r?\n/));
}

/** Whether it is nothing but a start tag. */
function isStart(part: string): boolean {
  return /^<[^/?!][^>]*>$/.test(part) && !part.endsWith("/>");
}
