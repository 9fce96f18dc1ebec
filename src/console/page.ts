import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import type { ConsoleApp, ConsoleContext } from "./http.ts";
import type { PageName } from "./uiBundle.ts";
import { uiTexts } from "./uiTexts.ts";

/**
 * Scripts, styles and requests of this origin alone, no frame, no form that leaves, and no text that becomes markup. What
 * is shown was written by strangers: it would do nothing even if it got into the page as code.
 */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"],
].join("; ");

/** Under a name that has a hash of it, a file never changes. */
const FOR_EVER = "public, max-age=31536000, immutable";

interface File {
  readonly type: string;
  readonly cacheControl: string;
  readonly bodies: Readonly<Record<"identity" | "gzip" | "br", Uint8Array<ArrayBuffer>>>;
}

/** A page, and what it loads, for people who may see it in a frame of these sites. It asks the API like any other client. */
export function addPage(app: ConsoleApp, name: PageName, framedBy: readonly string[] = []): void {
  const policy = `${POLICY}; frame-ancestors ${framedBy.length === 0 ? "'none'" : framedBy.join(" ")}`;
  let files: Promise<ReadonlyMap<string, File>> | null = null;
  const serve = async (context: ConsoleContext): Promise<Response> => {
    files ??= makeFiles(name);
    const file = (await files).get(context.req.path);
    const accepted = context.req.header("accept-encoding") ?? "";
    return file === undefined ? context.notFound() : answerWith(file, accepted, policy);
  };
  app.get("/", serve);
  app.get("/assets/:name", serve);
}

async function makeFiles(name: PageName): Promise<ReadonlyMap<string, File>> {
  const { page, script, style, parts } = await uiTexts(name);
  const names = { script: `assets/${hashOf(script)}.js`, style: `assets/${hashOf(style)}.css` };
  const html = page.replace("{script}", names.script).replace("{style}", names.style);
  return new Map([
    ["/", await makeFile("text/html; charset=utf-8", "no-cache", html)],
    [`/${names.script}`, await makeFile("text/javascript; charset=utf-8", FOR_EVER, script)],
    [`/${names.style}`, await makeFile("text/css; charset=utf-8", FOR_EVER, style)],
    ...(await Promise.all(Object.entries(parts).map(makePart))),
  ]);
}

/** The bundler has put a hash into its name, by which the script asks for it. */
async function makePart([name, text]: readonly [string, string]): Promise<readonly [string, File]> {
  return [`/assets/${name}`, await makeFile("text/javascript; charset=utf-8", FOR_EVER, text)];
}

async function makeFile(type: string, cacheControl: string, text: string): Promise<File> {
  const identity = new Uint8Array(Buffer.from(text));
  const [zipped, brotli] = await Promise.all([promisify(gzip)(identity), promisify(brotliCompress)(identity)]);
  return { type, cacheControl, bodies: { identity, gzip: new Uint8Array(zipped), br: new Uint8Array(brotli) } };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function answerWith({ type, cacheControl, bodies }: File, accepted: string, policy: string): Response {
  const encoding = (["br", "gzip"] as const).find((each) =>
    new RegExp(`\\b${each}\\b(?!\\s*;\\s*q=0(\\.0*)?(,|\\s|$))`).test(accepted),
  );
  return new Response(bodies[encoding ?? "identity"], {
    headers: {
      "content-type": type,
      "cache-control": cacheControl,
      "content-security-policy": policy,
      vary: "accept-encoding",
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
  });
}
