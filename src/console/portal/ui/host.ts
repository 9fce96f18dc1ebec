import { api, read } from "../../ui/api.ts";
import { wear } from "./look.ts";

/** How long the host may take to make a token. */
const ANSWER_MS_MAX = 10_000;

/** Null until it is known, or if it could not be read. */
let allowed: Promise<readonly string[]> | null = null;

/** The sites that may show this page. The policy of the page lets no other one. */
function allowedOrigins(): Promise<readonly string[]> {
  allowed ??= read(api(["portal", "embedding"]), null, new AbortController().signal).then(
    (answer) => (JSON.parse(answer?.text ?? "{}") as { readonly origins: readonly string[] }).origins,
  );
  allowed.catch(() => {
    allowed = null;
  });
  return allowed;
}

/** Takes tokens, and a look, from the page that shows this one, if its site may give them. */
export function listenToHost(take: (token: string) => void): void {
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source === parent && parent !== window && isMessage(event.data)) {
      const { token, theme, color } = event.data;
      void allowedOrigins().then(
        (origins) => {
          if (!origins.includes(event.origin)) return;
          wear({ theme, color });
          take(token);
          for (const waiting of waitings.splice(0)) waiting(token);
        },
        // A token whose sender cannot be judged is not taken.
        () => undefined,
      );
    }
  });
}

interface TokenMessage {
  readonly type: "postrider:token";
  readonly token: string;
  readonly theme?: unknown;
  readonly color?: unknown;
}

function isMessage(data: unknown): data is TokenMessage {
  return (
    typeof data === "object" &&
    data !== null &&
    "type" in data &&
    data.type === "postrider:token" &&
    "token" in data &&
    typeof data.token === "string"
  );
}

const waitings: ((token: string | null) => void)[] = [];

/** Asks the host for a token. Null: it gives none, or there is no host. */
export async function askForToken(): Promise<string | null> {
  if (parent === window) {
    return null;
  }
  const answer = new Promise<string | null>((resolve) => {
    waitings.push(resolve);
    setTimeout(resolve, ANSWER_MS_MAX, null);
  });
  await tell({ type: "postrider:token-wanted" });
  return answer;
}

/** Tells the host how high this page is, now and whenever that changes. */
export function tellHeight(): void {
  if (parent === window) {
    return;
  }
  new ResizeObserver(() => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    void tell({ type: "postrider:height", height });
  }).observe(document.body);
}

async function tell(message: object): Promise<void> {
  const origins = await allowedOrigins().catch(() => []);
  // A browser that does not say whose frame it is delivers the message to the right one of them, and to no other.
  const [above] = Array.from(location.ancestorOrigins ?? []);
  for (const origin of above === undefined ? origins : origins.filter((each) => each === above)) {
    parent.postMessage(message, origin);
  }
}
