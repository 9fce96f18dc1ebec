/** What the listener's openapi.json lacks of an answer that was given. */
import { readFileSync } from "node:fs";

interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly content?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, Answer>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: { readonly Problem: Answer } };
}

const { paths, components }: Document = JSON.parse(
  readFileSync(new URL("../../src/listen/openapi.json", import.meta.url), "utf8"),
);
const { Problem } = components.responses;
/** Of which the description says that every path may have them. */
const EVERYWHERE = new Set(Problem.description?.match(/\d{3}/g));
/** For a client that has gone, which gets no answer. */
const CLIENT_GONE = 499;
/** It has no content, and some headers of what it stands for. */
const NOT_MODIFIED = 304;

export function undescribed(request: Request, response: Response): readonly string[] {
  const { pathname, searchParams } = new URL(request.url);
  const shown = `${request.method} ${pathname}: ${response.status}`;
  const [, operations] = Object.entries(paths).find(([path]) => patternOf(path).test(pathname)) ?? [];
  if (operations === undefined) {
    return response.status === 404 ? [] : [`${shown} is on no path of openapi.json`];
  }
  const operation = operations[request.method === "HEAD" ? "get" : request.method.toLowerCase()];
  if (operation === undefined) {
    return response.status === 405 ? [] : [`${shown} is of no operation of openapi.json`];
  }
  if (response.status === CLIENT_GONE) {
    return [];
  }
  const described = answerOf(operation, response.status);
  if (described === undefined) {
    return [`${shown} is not described`];
  }
  const type = response.headers.get("content-type")?.split(";")[0] ?? null;
  const types = Object.keys(described.content ?? {});
  const faults = [];
  if (response.status !== NOT_MODIFIED && !(type === null ? types.length === 0 : types.includes(type))) {
    faults.push(`${shown} is described as ${types.join(" or ")}, and is ${type}`);
  }
  const known = operation.parameters?.filter((parameter) => parameter.in === "query").map(({ name }) => name) ?? [];
  // A route that reads none lets any pass.
  if (response.ok && known.length > 0) {
    faults.push(...[...searchParams.keys()].filter((name) => !known.includes(name)).map((name) => `${shown}: ${name}`));
  }
  return faults;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`);
}

function answerOf({ tags, responses }: Operation, status: number): Answer | undefined {
  const answer = responses[status];
  if (answer !== undefined) {
    return answer.$ref === undefined ? answer : Problem;
  }
  const isHidden = status === 404 && tags.includes("operators");
  return isHidden || EVERYWHERE.has(String(status)) ? Problem : undefined;
}
