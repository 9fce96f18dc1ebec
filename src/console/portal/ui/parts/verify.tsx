import { useSignal } from "@preact/signals";
import { Copy } from "../../../ui/parts/copy.tsx";
import { Listing } from "../../../ui/parts/listing.tsx";

/** With the libraries of Standard Webhooks, whose secrets and headers these are. */
const SNIPPETS: Readonly<Record<string, string>> = {
  "Node.js": `// npm install standardwebhooks
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
// body: the text of the request, not yet parsed. It throws unless the signature is right.
const event = webhook.verify(body, request.headers);`,
  Python: `# pip install standardwebhooks
import os
from standardwebhooks.webhooks import Webhook

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
# body: the text of the request, not yet parsed. It raises unless the signature is right.
event = webhook.verify(body, headers)`,
  Go: `// go get github.com/standard-webhooks/standard-webhooks/libraries
import standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

webhook, err := standardwebhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
// body: the bytes of the request.
err = webhook.Verify(body, request.Header)`,
  PHP: `// composer require standard-webhooks/standard-webhooks
$webhook = new \\StandardWebhooks\\Webhook(getenv("WEBHOOK_SECRET"));
// The text of the request, not yet parsed. It throws unless the signature is right.
$event = $webhook->verify(file_get_contents("php://input"), $headers);`,
};

/** How a server finds out that a request is genuine. */
export function Verify() {
  const language = useSignal("Node.js");
  const text = SNIPPETS[language.value] ?? "";
  return (
    <details>
      <summary>Verify requests</summary>
      <p>
        Requests are signed by{" "}
        <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">
          Standard Webhooks
        </a>
        . Give your server the secret as <code>WEBHOOK_SECRET</code>.
      </p>
      <p class="tools">
        {Object.keys(SNIPPETS).map((each) => (
          <button
            key={each}
            type="button"
            class="quiet"
            aria-pressed={each === language.value}
            onClick={() => {
              language.value = each;
            }}
          >
            {each}
          </button>
        ))}
        <Copy text={text} label="Copy the code" />
      </p>
      <Listing>{text}</Listing>
    </details>
  );
}
